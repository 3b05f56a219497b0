"""The stage validate on whole data roots: what comes in goes out, remembered, and never half."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from scene_trees import write_scene_tree, write_validate_inputs

from pipeline.ground import artefacts
from pipeline.ground.errors import ContractError, InputError, ParamsError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.names import SceneName
from pipeline.scenes.refusals import read_rejections, write_rejections
from pipeline.scenes.split import split_of
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.batch import read_profile
from schemas.rejected_scenes import Reason, Rejection
from schemas.scene_batch import make_profile
from schemas.scenes_without_product import WITHOUT_PRODUCT_TABLE
from schemas.valid_scenes import COLUMNS, VALID_SCENES_TABLE

FIRST, SECOND, THIRD = (f"712345678901234567{number}" for number in range(3))


def set_params(workspace: Workspace, section: str) -> None:
    shared = "image_size: [48, 32]\ncompute: {n_jobs: 1}\n"
    write_text(workspace.path("params.yaml"), f"{shared}validate: {{{section}}}\n")


def rows(workspace: Workspace) -> list[dict[str, str]]:
    with workspace.path(artefacts.SCENES).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def summary(workspace: Workspace) -> dict:
    return json.loads(workspace.path(artefacts.VALIDATION_SUMMARY).read_text())


def file_of(workspace: Workspace, folder: str, video_id: str, number: int = 1) -> Path:
    suffix = "png" if folder == "keyword_masks" else "jpg"
    return workspace.path(f"{folder}/{SceneName(video_id, number).relative(suffix)}")


def test_sound_scenes_become_rows_in_order(workspace: Workspace) -> None:
    drawn = write_scene_tree(workspace.root, {FIRST: 11, SECOND: 2})
    write_validate_inputs(workspace.root, {SECOND: 2, FIRST: 11})
    from_a_spreadsheet = f'_id;keyword_list[0]\r\n{FIRST};"café\r\ncup"\r\n{SECOND};mug\r\n'
    workspace.path("data/keywords.csv").write_bytes(from_a_spreadsheet.encode("cp1252"))
    validate.main(workspace)
    table = VALID_SCENES_TABLE.read(workspace.path(artefacts.SCENES))
    assert tuple(table.columns) == COLUMNS
    assert table["video_id"].tolist() == [FIRST] * 11 + [SECOND] * 2
    assert table["keyword"].tolist() == ["café cup"] * 11 + ["mug"] * 2
    assert table["scene_number"].tolist() == [*range(1, 12), 1, 2]
    for column in ("mask_coverage", "alignment_score", "attention_share"):
        assert table[column].tolist() == pytest.approx(drawn[column].tolist(), rel=1e-4)
    assert table["split"].tolist() == [split_of(video) for video in table["video_id"]]


def test_what_comes_in_is_valid_or_refused_and_a_video_without_keyword_refuses_all_its_scenes(
    workspace: Workspace,
) -> None:
    write_validate_inputs(workspace.root, {FIRST: 3, SECOND: 2, THIRD: 2})
    write_text(
        workspace.path("data/keywords.csv"), f"_id,keyword\n{FIRST},mug\n{SECOND},shop now\n"
    )
    file_of(workspace, "keyword_masks", FIRST, 2).unlink()
    write_bytes(workspace.path("attention_heatmap/notes.txt"), b"")
    with pytest.raises(ContractError):
        validate.main(workspace)
    refused = read_rejections(workspace.path(artefacts.REJECTED))
    assert [(one.video_id, one.scene_number, one.reason) for one in refused] == [
        ("", None, Reason.NAME_DOES_NOT_PARSE),
        (FIRST, 2, Reason.MISSING_MASK),
        (SECOND, 1, Reason.KEYWORD_NOT_VISUAL),
        (SECOND, 2, Reason.KEYWORD_NOT_VISUAL),
        (THIRD, 1, Reason.KEYWORD_MISSING),
        (THIRD, 2, Reason.KEYWORD_MISSING),
    ]
    assert [row["scene_number"] for row in rows(workspace)] == ["1", "3"]
    figures = summary(workspace)
    assert (figures["scenes_in"], figures["valid"], figures["refused"]) == (8, 2, 6)
    assert figures["refused_by_reason"] == {
        "keyword_missing": 2,
        "keyword_not_visual": 2,
        "missing_mask": 1,
        "name_does_not_parse": 1,
    }


def test_a_keyword_that_cannot_be_used_refuses_its_video(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, dict.fromkeys([FIRST, "a", "b", "c", "d"], 1))
    rows = f"{FIRST},mug\nb, \nc,50% off\nd,mug\nd,cup\n"
    write_text(workspace.path("data/keywords.csv"), f"_id,keyword\n{rows}")
    set_params(workspace, "min_valid_fraction: 0")
    validate.main(workspace)
    refused = read_rejections(workspace.path(artefacts.REJECTED))
    assert {one.video_id: one.reason for one in refused} == {
        "a": Reason.KEYWORD_MISSING,
        "b": Reason.KEYWORD_BLANK,
        "c": Reason.KEYWORD_NOT_VISUAL,
        "d": Reason.KEYWORD_DUPLICATE,
    }
    assert len(refused) == 4
    assert {one.file for one in refused} == {artefacts.KEYWORDS}
    assert all(one.found and one.remedy for one in refused)


def test_what_an_ingest_stage_refused_is_the_reason_and_not_the_missing_file(
    workspace: Workspace,
) -> None:
    write_validate_inputs(workspace.root, {FIRST: 3})
    file_of(workspace, "attention_heatmap", FIRST, 2).unlink()
    early = Rejection.of((FIRST, 2), f"data/fixations/{FIRST}.csv", Reason.NO_FIXATIONS, "0 in 1 s")
    unreadable = Rejection.of(
        (SECOND, None), "data/videos/x.mp4", Reason.VIDEO_UNREADABLE, "no frames"
    )
    write_rejections(workspace.path("reports/ingest/attention_heatmap.csv"), [early])
    write_rejections(workspace.path("reports/ingest/scene_cuts.csv"), [unreadable])
    validate.main(workspace)
    assert read_rejections(workspace.path(artefacts.REJECTED)) == [early, unreadable]


def test_a_report_of_refusals_that_is_none_is_named(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {FIRST: 1})
    write_text(workspace.path("reports/ingest/scene_cuts.csv"), "video_id,why\n7,none\n")
    with pytest.raises(InputError, match=r"scene_cuts\.csv .*dvc repro scene_cuts"):
        validate.main(workspace)


def test_too_few_valid_scenes_fail_the_stage_after_its_full_report(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {FIRST: 4})
    file_of(workspace, "keyword_masks", FIRST, 3).write_bytes(b"")
    set_params(workspace, "min_valid_fraction: 0.75")
    validate.main(workspace)
    file_of(workspace, "keyword_masks", FIRST, 4).write_bytes(b"")
    with pytest.raises(ContractError, match=r"2 of 4 scenes are valid \(50.0%\).*unreadable_image"):
        validate.main(workspace)
    assert len(rows(workspace)) == 2
    assert len(read_rejections(workspace.path(artefacts.REJECTED))) == 2
    assert summary(workspace)["valid_fraction"] == 0.5
    assert workspace.path(artefacts.DATA_DOCS).joinpath("index.html").is_file()


def test_scenes_without_the_product_are_no_fault_and_stay_beside_the_table(
    workspace: Workspace,
) -> None:
    """Neither an all black mask nor an outline that is not there, but a mask that nobody made."""
    write_validate_inputs(workspace.root, {FIRST: 4, SECOND: 2})
    black = file_of(workspace, "keyword_masks", FIRST, 1)
    write_bytes(black, encode(np.zeros((96, 54), np.uint8), "png"))
    outlines = f"data/annotations/{FIRST}.json"
    nowhere = "no outline of the first keyword at 2.500 s"
    not_outlined = Rejection.of((FIRST, 3), outlines, Reason.KEYWORD_NOT_IN_SCENE, nowhere)
    write_rejections(workspace.path(artefacts.refused_by("keyword_masks")), [not_outlined])
    for video, number in ((FIRST, 3), (SECOND, 1)):
        file_of(workspace, "keyword_masks", video, number).unlink()
    set_params(workspace, "min_valid_fraction: 0.75, max_refused_share: 0.25")
    validate.main(workspace)
    assert [(row["video_id"], row["scene_number"]) for row in rows(workspace)] == [
        (FIRST, "2"),
        (FIRST, "4"),
        (SECOND, "2"),
    ]
    absent = WITHOUT_PRODUCT_TABLE.read(workspace.path(artefacts.WITHOUT_PRODUCT))
    assert absent[["video_id", "scene_number", "found"]].values.tolist() == [
        [FIRST, 1, f"{workspace.relative(black)} is all black"],
        [FIRST, 3, nowhere],
    ]
    assert absent["keyword_mask_path"].isna().all()
    assert (
        absent[["width", "height", "heatmap_source"]].values.tolist() == [[54, 96, "imported"]] * 2
    )
    (refused,) = read_rejections(workspace.path(artefacts.REJECTED))
    assert (refused.video_id, refused.reason) == (SECOND, Reason.MISSING_MASK)
    figures = summary(workspace)
    counted = ("scenes_in", "valid", "without_product", "refused", "valid_fraction")
    assert [figures[name] for name in counted] == [6, 3, 2, 1, 0.75]
    assert figures["warnings"] == []


def test_a_scene_that_lacks_more_than_the_product_is_refused(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {FIRST: 2})
    black = encode(np.zeros((96, 54), np.uint8), "png")
    write_bytes(file_of(workspace, "keyword_masks", FIRST, 1), black)
    file_of(workspace, "attention_heatmap", FIRST, 1).unlink()
    validate.main(workspace)
    (refused,) = read_rejections(workspace.path(artefacts.REJECTED))
    assert refused.reason is Reason.MISSING_HEATMAP
    assert summary(workspace)["without_product"] == 0


def test_where_no_scene_shows_its_product_the_stage_says_so(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {FIRST: 2})
    black = encode(np.zeros((96, 54), np.uint8), "png")
    for number in (1, 2):
        write_bytes(file_of(workspace, "keyword_masks", FIRST, number), black)
    with pytest.raises(ContractError, match=r"none of 2 scenes shows its product.*without_product"):
        validate.main(workspace)


@pytest.mark.parametrize(
    ("emptied", "says"),
    [
        (["keyword_masks"], "0 of 1 scenes are valid"),
        (["data/video_scene_cuts", "keyword_masks", "attention_heatmap"], "there are no scenes"),
    ],
    ids=["all refused", "nothing there"],
)
def test_nothing_valid_fails_the_stage_whatever_fraction_is_asked_for(
    workspace: Workspace, emptied: list[str], says: str
) -> None:
    write_validate_inputs(workspace.root, {FIRST: 1})
    for folder in emptied:
        shutil.rmtree(workspace.path(folder))
    set_params(workspace, "min_valid_fraction: 0")
    with pytest.raises(ContractError, match=says):
        validate.main(workspace)
    assert rows(workspace) == []
    assert summary(workspace)["valid"] == 0


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "loop", "folder", "deep.json", "list.json"])
def test_what_is_no_profile_is_named_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    write_text(tmp_path / "deep.json", "[" * 100_000)
    write_text(tmp_path / "list.json", "[]")
    with pytest.raises(ParamsError, match="is no reference profile"):
        read_profile(tmp_path / name)


def test_a_batch_that_drifts_from_the_reference_is_a_warning_or_fails_as_params_say(
    workspace: Workspace,
) -> None:
    write_validate_inputs(workspace.root, {FIRST: 12})
    reference = write_scene_tree(workspace.path("reference"), {SECOND: 12})
    params = "reference_profile: profile.json, min_drift_scenes: 12"
    set_params(workspace, params)
    validate.main(workspace)
    (warning,) = summary(workspace)["warnings"]
    assert "there is no profile.json, so drift was not looked at" in warning
    write_text(workspace.path("profile.json"), json.dumps(make_profile(reference)))
    validate.main(workspace)
    assert summary(workspace)["warnings"] == []
    reference["mask_coverage"] *= 5
    write_text(workspace.path("profile.json"), json.dumps(make_profile(reference)))
    validate.main(workspace)
    (warning,) = summary(workspace)["warnings"]
    assert "mask_coverage has drifted" in warning
    set_params(workspace, f"{params}, on_warning: fail")
    with pytest.raises(ContractError, match="mask_coverage has drifted"):
        validate.main(workspace)

"""The checklist, on small trees with one thing wrong each."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from dvc_repository import OURS, DvcRepository, stages
from scene_trees import write_scene_tree

from pipeline.commands.check import check, in_words
from pipeline.ground.artefacts import refused_by
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.names import parse_scene_name
from pipeline.scenes.refusals import write_rejections
from schemas.rejected_scenes import REMEDIES, Reason, Rejection

PARAMS = """\
image_size: [48, 32]
scene_cuts: {source: folder, input: data/import/video_scene_cuts}
keyword_masks: {source: folder, input: data/import/keyword_masks}
attention_heatmap: {source: folder, input: data/import/attention_heatmap}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_scene_tree(tmp_path, {f"7000{number}": 2 for number in range(12)})
    for folder in ("data/video_scene_cuts", "keyword_masks", "attention_heatmap"):
        shutil.copytree(tmp_path / folder, tmp_path / "data/import" / Path(folder).name)
    (tmp_path / "params.yaml").write_text(PARAMS)
    rows = "".join(f"7000{number},mug\n" for number in range(12))
    (tmp_path / "data/keywords.csv").write_text(f"_id,keyword_list[0]\n{rows}")
    return Workspace.find(tmp_path)


def marks(workspace: Workspace) -> dict[str, str]:
    """Return {beginning of each title: its mark}."""
    lines = [next(finding.lines()) for finding in check(workspace)]
    return {" ".join(line[2:].split()[:2]): line[0] for line in lines}


def test_a_sound_tree_is_ready(workspace: Workspace, gazeshift) -> None:
    assert set(marks(workspace).values()) == {"✓"}
    status, out, _ = gazeshift("check")
    assert status == 0
    assert "Ready" in out


@pytest.mark.parametrize("params", ["variant: {alpah: 2}", "vairant: {alpha: 2}"])
def test_params_that_do_not_read_end_the_list(workspace: Workspace, params: str) -> None:
    workspace.path("params.yaml").write_text(params)
    assert marks(workspace) == {"params.yaml reads,": "✗"}


def test_an_input_that_is_missing_is_named(workspace: Workspace) -> None:
    workspace.path("params.yaml").write_text(PARAMS + "compute: {n_jobs: 1}\n")
    workspace.path("data/import/attention_heatmap").rename(workspace.path("elsewhere"))
    found = {finding.title: finding for finding in check(workspace)}
    offenders = found["the inputs of the ingest stages are there"].offenders
    assert len(offenders) == 1
    assert "attention_heatmap.input: there is no data/import/attention_heatmap" in offenders[0]


def test_what_a_first_run_without_an_eye_tracker_lacks_is_named(workspace: Workspace) -> None:
    workspace.path("dvc.yaml").write_text("stages: {}\n")
    workspace.path("data.dvc").write_text("outs: [{path: data/videos}, {path: data/keywords.csv}]")
    saliency = "{source: saliency, input: data/video_scene_cuts/scenes.csv}"
    params = PARAMS.replace("{source: folder, input: data/import/attention_heatmap}", saliency)
    workspace.path("params.yaml").write_text(params)
    workspace.path("data/valid_scenes.csv").unlink()
    found = marks(workspace)
    assert found["the inputs"] == "✓"  # scene_cuts makes scenes.csv
    assert found["data.dvc names"] == found["the guide"] == found["evaluate.judge is"] == "✗"
    assert found["data/valid_scenes.csv is"] == "✓"


@pytest.mark.parametrize(
    ("content", "mark"), [("outs:\n", "✓"), ("outs: [{}]", "✗"), ("a: [", "✗")]
)
def test_a_data_dvc_without_entries_is_fine_and_a_broken_one_is_named(
    workspace: Workspace, content: str, mark: str
) -> None:
    workspace.path("dvc.yaml").write_text("stages: {}\n")
    workspace.path("data.dvc").write_text(content)
    assert marks(workspace)["data.dvc names"] == mark


def test_whoever_of_the_demos_looks_at_other_data_is_named(workspace: Workspace) -> None:
    workspace.path("data.dvc").write_text("outs:\n")
    own = "model: {backbone: models/own}\nevaluate: {judge: models/judge.py, panel: [PANEL]}\n"
    for panel, mark in (("itti_koch", "✓"), ("demo/other_viewers.py", "⚠")):
        workspace.path("params.yaml").write_text(PARAMS + own.replace("PANEL", panel))
        assert marks(workspace)["nothing of"] == mark


def test_one_missing_mate_warns_and_many_fail(workspace: Workspace) -> None:
    masks = sorted(workspace.path("data/import/keyword_masks").rglob("*.png"))
    masks[0].unlink()
    assert marks(workspace)["the same"] == "⚠"
    for mask in masks[1:14]:
        mask.unlink()
    assert marks(workspace)["the same"] == "✗"


def test_scenes_without_the_product_lack_nothing(workspace: Workspace) -> None:
    masks = sorted(workspace.path("data/import/keyword_masks").rglob("*.png"))
    names = [parse_scene_name(mask.name) for mask in masks[:12]]
    for mask in masks[:12]:
        mask.unlink()
    reason = Reason.KEYWORD_NOT_IN_SCENE
    not_shown = [Rejection.of(name.key, "data/annotations", reason, "at 1 s") for name in names]
    write_rejections(workspace.path(refused_by("keyword_masks")), not_shown)
    (mates,) = [one for one in check(workspace) if one.title.startswith("the same scenes")]
    assert not mates.offenders
    assert "12 without the product" in mates.title


def test_keywords_of_other_videos_are_not_counted(workspace: Workspace) -> None:
    """A master list holds thousands of rows that this project does not use."""
    keywords = workspace.path("data/keywords.csv")
    with keywords.open("a") as rows:
        rows.write("".join(f"9{number},shop now\n" for number in range(1000)) + "a b,mug\n")
    title = "data/keywords.csv has"
    assert marks(workspace)[title] == "✓"
    keywords.write_text(keywords.read_text().replace("70000,mug", "70000,"))
    (found,) = [one for one in check(workspace) if one.title.startswith(title)]
    assert len(found.offenders) == 1
    keywords.write_text(keywords.read_text().replace("70001,mug", "70 001,mug"))
    (found,) = [one for one in check(workspace) if one.title.startswith(title)]
    assert [offender.split()[1] for offender in found.offenders] == ["70000:", "70", "a"]


def test_broken_pixels_and_names_are_found(workspace: Workspace) -> None:
    image = next(workspace.path("data/import/video_scene_cuts").rglob("*.jpg"))
    image.write_bytes(image.read_bytes()[:200])
    (image.parent / "scene_1.png").write_bytes(b"")
    found = marks(workspace)
    assert found["images read,"] == found["file names"] == "⚠"


@pytest.mark.parametrize(
    ("folder", "pixels", "title", "reason"),
    [
        ("data/import/keyword_masks", np.eye(54) * 255, "images read", Reason.ASPECT_RATIO_DIFFERS),
        ("data/import/keyword_masks", np.full((96, 54), 9), "grey levels", Reason.MASK_EMPTY),
        ("data/import/keyword_masks", np.full((96, 54), 255), "grey levels", Reason.MASK_FULL),
        (
            "data/import/attention_heatmap",
            np.full((96, 54), 9),
            "grey levels",
            Reason.HEATMAP_CONSTANT,
        ),
    ],
    ids=["another aspect ratio", "a dark mask", "a full mask", "a constant map"],
)
def test_one_scene_with_wrong_pixels_warns_and_many_fail(
    workspace: Workspace, gazeshift, folder: str, pixels: np.ndarray, title: str, reason: Reason
) -> None:
    paths = sorted(workspace.path(folder).rglob("*.*g"))
    content = encode(pixels.astype(np.uint8), paths[0].suffix[1:])
    write_bytes(paths[0], content)
    status, out, _ = gazeshift("check")
    assert status == 0
    assert f"⚠ {title}" in out
    for path in paths[1:14]:
        write_bytes(path, content)
    status, out, _ = gazeshift("check")
    assert status == 1
    lines = out.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("✗")]
    assert lines[at].startswith(f"✗ {title}")
    assert "14 offending" in lines[at]
    assert lines[at + 1].startswith(f"    {workspace.relative(paths[0])}: {reason} (")
    assert lines[at + 4] == f"    → {REMEDIES[reason]}"


def test_a_scene_table_that_dvc_calls_changed_fails_until_repro(
    workspace: Workspace, gazeshift
) -> None:
    for stage in ("scene_cuts", "keyword_masks", "attention_heatmap"):
        write_rejections(workspace.path(f"reports/ingest/{stage}.csv"), [])
    shutil.copy(OURS / "schemas/reference_profile.json", workspace.path("profile.json"))
    write_text(workspace.path("models/judge.py"), "")
    sections = "evaluate: {judge: models/judge.py}\nvalidate: {reference_profile: profile.json}\n"
    workspace.path("params.yaml").write_text(PARAMS + sections)
    workspace.path("dvc.yaml").write_text(yaml.safe_dump(stages("validate")))
    workspace.path("data/valid_scenes.csv").unlink()
    repository = DvcRepository(workspace.root)
    repository.init()
    repository.dvc("repro")
    status, text, _ = gazeshift("check")
    assert status == 0
    assert "✓ data/valid_scenes.csv is current" in text
    workspace.path("data/keywords.csv").open("a").write("70099,cup\n")
    status, text, _ = gazeshift("check")
    assert status == 1
    found = "    validate: changed deps data/keywords.csv\n    → Run `dvc repro validate`.\n"
    assert f"✗ data/valid_scenes.csv is current: not so, 1 offending\n{found}" in text
    repository.dvc("repro", "validate")
    assert gazeshift("check").status == 0


@pytest.mark.parametrize(("usable", "mark"), [("70001,mug\n", "⚠"), ("", "✗")])
def test_keywords_that_nobody_can_see_warn_unless_they_are_all(
    workspace: Workspace, gazeshift, usable: str, mark: str
) -> None:
    workspace.path("data/keywords.csv").write_text(f"_id,keyword\n70000,shop now\n{usable}")
    status, text, _ = gazeshift("check")
    assert status == (mark == "✗")
    assert f"{mark} data/keywords.csv has its columns" in text
    assert "    data/keywords.csv 70000: keyword_not_visual ('shop now')\n" in text


def test_keywords_in_doubt_warn(workspace: Workspace) -> None:
    path = workspace.path("data/keywords.csv")
    path.write_text(path.read_text().replace("mug", "gift"))
    assert marks(workspace)["keywords that"] == "⚠"


def test_a_column_that_is_missing_fails(workspace: Workspace, gazeshift) -> None:
    workspace.path("data/keywords.csv").write_text("id,word\n1,mug\n")
    status, text, _ = gazeshift("check")
    assert status == 1
    assert "✗ data/keywords.csv" in text


def test_what_dvc_found_changed_is_said_in_words() -> None:
    files = dict.fromkeys(["a.py", "b.py", "c.py", "d.py", "e.py"], "modified")
    entries = [{"changed deps": files}, "changed command"]
    assert in_words(entries) == "changed deps a.py, b.py, c.py and 2 more; changed command"


def test_a_scene_with_two_faults_is_one_scene(workspace: Workspace) -> None:
    """Of 24 scenes 3 may not be valid; 2 are not, for four faults."""
    params = workspace.path("params.yaml")
    params.write_text(f"{PARAMS}validate: {{min_valid_fraction: 0.875}}\n")
    wide = encode(np.tile(np.array([0, 255], np.uint8), (54, 48)), "png")
    for video in ("70000", "70001"):
        write_bytes(
            workspace.path(f"data/import/keyword_masks/{video}/{video}-Scene-001-01.png"), wide
        )
        (workspace.path(f"data/import/attention_heatmap/{video}/{video}-Scene-001-01.jpg")).unlink()
        write_bytes(
            workspace.path(f"data/import/attention_heatmap/{video}/{video}-Scene-001-01.png"), wide
        )
    found = {finding.title: finding for finding in check(workspace)}
    sizes = next(found[title] for title in found if title.startswith("images read"))
    assert len(sizes.offenders) == 4
    assert not sizes.fatal


def test_videos_that_lack_a_part_are_named(workspace: Workspace, gazeshift) -> None:
    workspace.path("params.yaml").write_text("image_size: [48, 32]\n")
    for name in ("70000.mp4", "70001.MP4", "more/70002.mov", "notes.txt", "._x.mp4"):
        write_bytes(workspace.path("data/videos") / name, b"")
    workspace.path("data/keywords.csv").write_text("_id,keyword\n70000,mug\n70001,shop now\n")
    for video in ("70000", "70001", "70002"):
        write_bytes(workspace.path(f"data/annotations/brand/{video}.json"), b"{}")
    write_bytes(workspace.path("data/fixations/70000.txt"), b"")
    text = gazeshift("check").out
    assert "⚠ every video has its part in data/keywords.csv" in text
    assert "    70002: nothing\n    → Add it, or leave the video out" in text
    assert "✓ every video has its part in data/annotations" in text
    assert "✗ every video has its part in data/fixations" in text


def test_the_demos_models_on_other_data_are_a_warning(workspace: Workspace, gazeshift) -> None:
    workspace.path("data.dvc").write_text("outs: [{path: data/keywords.csv}]")
    assert "model.backbone: models/demo_backbone has only seen" in gazeshift("check").out
    workspace.path("data.dvc").write_text("outs: [{path: data/CORPUS.md}]")
    assert "has only seen" not in gazeshift("check").out

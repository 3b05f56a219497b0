"""`gazeshift migrate`: small V2 and V3 projects moved in for real, twice, and cut short."""

import shutil
from pathlib import Path

import pytest
from scene_trees import draw_scene
from stage_runs import tree

from pipeline.ground.files import write_bytes
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.stages.attention_heatmap import stage as attention_heatmap
from pipeline.stages.keyword_masks import stage as keyword_masks
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.validate import stage as validate

VIDEO = "7123456789012345678"
NAME = f"{VIDEO}/{VIDEO}-Scene-00"
PARAMS = "image_size: [48, 32]\ncompute: {n_jobs: 1}\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A V2 project of one video with three scenes, its heatmaps named in three ways."""
    root = tmp_path / "old"
    heatmaps = {1: "-Scene-001-01.jpg", 2: "-Scene-002.jpg", 3: "-Scene-3.jpg"}
    for number, ending in heatmaps.items():
        image, mask, heatmap = draw_scene(VIDEO, number, (96, 54))
        files = {
            f"data/screenshots_tiktok/{VIDEO}/scene_{number}.png": encode(image, "png"),
            f"data/keyword_masks/{VIDEO}/scene_{number}.png": encode(mask, "png"),
            f"attention_heatmap/{VIDEO}/{VIDEO}{ending}": encode(heatmap, "jpg"),
        }
        for path, content in files.items():
            write_bytes(root / path, content)
    return root


@pytest.fixture
def migrate(gazeshift, old: Path):
    return lambda *options: gazeshift("migrate", "--from", str(old), *options)


def test_the_dry_run_lists_every_file_and_writes_none(
    workspace: Workspace, old: Path, migrate
) -> None:
    before = tree(workspace.root)
    status, answer, _ = migrate()
    assert status == 0
    assert answer.count("copy  ") == 9
    source = old / "data/screenshots_tiktok" / VIDEO / "scene_2.png"
    assert f"copy  {source} -> data/import/video_scene_cuts/{NAME}2-01.png" in answer
    assert "this was a dry run" in answer
    assert tree(workspace.root) == before


def test_what_was_taken_over_passes_the_stages(workspace: Workspace, old: Path, migrate) -> None:
    before = tree(old)
    assert migrate("--apply").status == 0
    assert tree(old) == before
    folders = {"scene_cuts": "video_scene_cuts", "keyword_masks": "keyword_masks"}
    sections = "".join(
        f"{stage}: {{source: folder, input: data/import/{folder}}}\n"
        for stage, folder in (folders | {"attention_heatmap": "attention_heatmap"}).items()
    )
    workspace.path("params.yaml").write_text(PARAMS + sections)
    workspace.path("data/keywords.csv").write_text(f"_id,keyword_list[0]\n{VIDEO},mug\n")
    for stage in (scene_cuts, keyword_masks, attention_heatmap, validate):
        stage.main(workspace)
    table = workspace.path("data/valid_scenes.csv").read_text()
    assert table.count(f"\n{VIDEO},") == 3


@pytest.mark.parametrize("below", ["data", "."], ids=["in data", "at the root"])
def test_both_layouts_of_v3_are_taken(workspace: Workspace, gazeshift, tmp_path, below) -> None:
    content = encode(draw_scene(VIDEO, 1, (96, 54))[0], "png")
    for path in (
        f"data/video_scene_cuts/{NAME}1-01.jpg",
        f"{below}/keyword_masks/{VIDEO}/scene_1.png",
        f"{below}/attention_heatmap/{NAME}1.jpg",
    ):
        write_bytes(tmp_path / "v3" / path, content)
    status, answer, _ = gazeshift("migrate", "--from", str(tmp_path / "v3"), "--apply")
    assert status == 0
    assert tree(workspace.path("data/import")).keys() == {
        f"video_scene_cuts/{NAME}1-01.jpg",
        f"keyword_masks/{NAME}1-01.png",
        f"attention_heatmap/{NAME}1-01.jpg",
    }
    assert "Warning" not in answer


def test_a_scene_in_two_of_the_old_trees_is_taken_once(
    workspace: Workspace, old: Path, migrate
) -> None:
    (old / "keyword_masks" / VIDEO).mkdir(parents=True)
    (old / f"keyword_masks/{NAME}1-01.png").write_bytes(b"other")
    first = old / "data/keyword_masks" / VIDEO / "scene_1.png"
    answer = migrate("--apply").out
    assert f"{first} is the same scene, with other content" in answer
    assert workspace.path(f"data/import/keyword_masks/{NAME}1-01.png").read_bytes() == (
        first.read_bytes()
    )


def test_a_refusal_of_old_names_tells_of_the_command(
    workspace: Workspace, old: Path, gazeshift
) -> None:
    shutil.copytree(old / "data/keyword_masks", workspace.path("keyword_masks"))
    workspace.path("data").mkdir(exist_ok=True)
    workspace.path("data/keywords.csv").write_text(f"_id,keyword_list[0]\n{VIDEO},mug\n")
    assert gazeshift("validate").status == 1
    refusals = workspace.path("reports/validation/rejected_scenes.csv").read_text()
    assert "scene_1.png" in refusals
    assert "`gazeshift migrate --from FOLDER`" in refusals


def test_a_second_run_goes_on_and_overwrites_nothing(workspace: Workspace, migrate) -> None:
    migrate("--apply")
    trees = workspace.path("data/import")
    lost = trees / f"keyword_masks/{NAME}1-01.png"
    mine = trees / f"keyword_masks/{NAME}2-01.png"
    other_suffix = trees / f"attention_heatmap/{NAME}3-01.jpg"
    content = lost.read_bytes()
    lost.unlink()
    mine.write_bytes(b"mine")
    other_suffix.rename(other_suffix.with_suffix(".png"))
    status, answer, _ = migrate("--apply")
    assert status == 1
    assert "data/import/keyword_masks: 1 copied, 1 not overwritten, 1 there already" in answer
    assert lost.read_bytes() == content
    assert mine.read_bytes() == b"mine"
    assert not other_suffix.exists()


def test_what_has_no_target_says_why(old: Path, migrate, tmp_path: Path) -> None:
    heatmaps = old / "attention_heatmap" / VIDEO
    shutil.copy(heatmaps / f"{VIDEO}-Scene-001-01.jpg", heatmaps / f"{VIDEO}-Scene-001.jpg")
    (heatmaps / "notes.txt").write_text("")
    (heatmaps / "7000-Scene-001-01.jpg").write_bytes(b"")
    (tmp_path / "secret.jpg").write_bytes(b"")
    (heatmaps / f"{VIDEO}-Scene-009-01.jpg").symlink_to(tmp_path / "secret.jpg")
    (old / "data/keyword_masks" / VIDEO / "scene_3.png").unlink()
    status, answer, _ = migrate()
    assert status == 0
    assert answer.count("left out  ") == 4
    assert f"{VIDEO}-Scene-001-01.jpg is the same scene" in answer
    assert "it names video '7000' but lies in the folder" in answer
    assert "a link to " in answer
    assert f"keyword_masks lacks 1 scenes that others have (first: {VIDEO}-Scene-003-01)" in answer


def test_scores_are_compared_once_there_are_new_ones(
    workspace: Workspace, old: Path, migrate
) -> None:
    (old / "data/alignment_score.csv").write_text(
        f"video id,Scene Number,attention_proportion\n{VIDEO},1,0.25\n{VIDEO},2,0.5\n{VIDEO},3,0\n"
    )
    assert "compared once there is a data/valid_scenes.csv" in migrate().out
    workspace.path("data").mkdir()
    workspace.path("data/valid_scenes.csv").write_text(
        "video_id,scene_number,alignment_score,attention_share\n"
        f"{VIDEO},1,0.1,0.5\n{VIDEO},2,0.2,0.75\n{VIDEO},3,0.05,0.25\n"
    )
    answer = migrate().out
    assert "3 scenes in both, 0 only in V2, 0 only here" in answer
    assert "attention_share - attention_proportion: mean +0.2500, largest 0.2500" in answer
    differences = workspace.path("reports/migration/scores.csv").read_text()
    assert differences.splitlines()[1].endswith(",-0.15,0.25")


def test_a_folder_that_is_no_v2_project_is_named(
    workspace: Workspace, gazeshift, tmp_path: Path
) -> None:
    for folder, says in (
        (tmp_path / "nowhere", "there is no such folder"),
        (workspace.root, "none of the folders is there"),
    ):
        status, _, error = gazeshift("migrate", "--from", str(folder))
        assert status == 1
        assert says in error

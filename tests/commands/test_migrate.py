"""`gazeshift migrate`: a small V2 project moved in for real, twice, and cut short."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scene_trees import draw_scene

from pipeline import cli
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


def migrate(workspace: Workspace, old: Path, *options: str) -> int:
    return cli.main(["migrate", "--root", str(workspace.root), "--from", str(old), *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_dry_run_lists_every_file_and_writes_none(
    workspace: Workspace, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(workspace.root)
    assert migrate(workspace, old) == 0
    answer = capsys.readouterr().out
    assert answer.count("copy  ") == 9
    source = old / "data/screenshots_tiktok" / VIDEO / "scene_2.png"
    assert f"copy  {source} -> data/import/video_scene_cuts/{NAME}2-01.png" in answer
    assert "this was a dry run" in answer
    assert contents(workspace.root) == before


def test_what_was_taken_over_passes_the_stages(workspace: Workspace, old: Path) -> None:
    before = contents(old)
    assert migrate(workspace, old, "--apply") == 0
    assert contents(old) == before
    stages = {
        "scene_cuts": "video_scene_cuts",
        "keyword_masks": "keyword_masks",
        "attention_heatmap": "attention_heatmap",
    }
    sections = [
        f"{stage}: {{source: folder, input: data/import/{tree}}}" for stage, tree in stages.items()
    ]
    workspace.path("params.yaml").write_text(PARAMS + "\n".join(sections))
    workspace.path("data/keywords.csv").write_text(f"_id,keyword_list[0]\n{VIDEO},mug\n")
    for stage in (scene_cuts, keyword_masks, attention_heatmap, validate):
        stage.main(workspace)
    table = workspace.path("data/valid_scenes.csv").read_text()
    assert table.count(f"\n{VIDEO},") == 3


def test_a_second_run_goes_on_and_overwrites_nothing(
    workspace: Workspace, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(workspace, old, "--apply")
    trees = workspace.path("data/import")
    complete = contents(trees)
    lost = trees / f"keyword_masks/{NAME}1-01.png"
    mine = trees / f"keyword_masks/{NAME}2-01.png"
    other_suffix = trees / f"attention_heatmap/{NAME}3-01.jpg"
    lost.unlink()
    mine.write_bytes(b"mine")
    other_suffix.rename(other_suffix.with_suffix(".png"))
    capsys.readouterr()
    assert migrate(workspace, old, "--apply") == 1
    answer = capsys.readouterr().out
    assert "data/import/keyword_masks: 1 copied, 1 not overwritten, 1 there already" in answer
    assert (
        contents(trees)[f"keyword_masks/{NAME}1-01.png"]
        == complete[f"keyword_masks/{NAME}1-01.png"]
    )
    assert mine.read_bytes() == b"mine"
    assert not other_suffix.exists()


def test_what_has_no_target_says_why(
    workspace: Workspace, old: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    heatmaps = old / "attention_heatmap" / VIDEO
    shutil.copy(heatmaps / f"{VIDEO}-Scene-001-01.jpg", heatmaps / f"{VIDEO}-Scene-001.jpg")
    (heatmaps / "notes.txt").write_text("")
    (heatmaps / "7000-Scene-001-01.jpg").write_bytes(b"")
    (tmp_path / "secret.jpg").write_bytes(b"")
    (heatmaps / f"{VIDEO}-Scene-009-01.jpg").symlink_to(tmp_path / "secret.jpg")
    (old / "data/keyword_masks" / VIDEO / "scene_3.png").unlink()
    assert migrate(workspace, old) == 0
    answer = capsys.readouterr().out
    assert answer.count("left out  ") == 4
    assert f"{VIDEO}-Scene-001-01.jpg is the same scene" in answer
    assert "it names video '7000' but lies in the folder" in answer
    assert "a link that leaves the folder" in answer
    assert f"keyword_masks lacks 1 scenes that others have (first: {VIDEO}-Scene-003-01)" in answer


def test_scores_are_compared_once_there_are_new_ones(
    workspace: Workspace, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old / "data/alignment_score.csv").write_text(
        f"video id,Scene Number,attention_proportion\n{VIDEO},1,0.25\n{VIDEO},2,0.5\n{VIDEO},3,0\n"
    )
    migrate(workspace, old)
    assert "compared once there is a data/valid_scenes.csv" in capsys.readouterr().out
    workspace.path("data").mkdir()
    workspace.path("data/valid_scenes.csv").write_text(
        "video_id,scene_number,alignment_score,attention_share\n"
        f"{VIDEO},1,0.1,0.5\n{VIDEO},2,0.2,0.75\n{VIDEO},3,0.05,0.25\n"
    )
    migrate(workspace, old)
    answer = capsys.readouterr().out
    assert "3 scenes in both, 0 only in V2, 0 only here" in answer
    assert "attention_share - attention_proportion: mean +0.2500, largest 0.2500" in answer
    differences = workspace.path("reports/migration/scores.csv").read_text()
    assert differences.splitlines()[1].endswith(",-0.15,0.25")


def test_a_folder_that_is_no_v2_project_is_named(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(workspace, tmp_path / "nowhere") == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert migrate(workspace, workspace.root) == 1
    assert "none of V2's folders is there" in capsys.readouterr().err

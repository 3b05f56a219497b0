"""The checklist, on small trees with one thing wrong each."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene_trees import write_scene_tree

from pipeline import cli
from pipeline.commands.check import check, in_words
from pipeline.storage.workspace import Workspace

PARAMS = """\
image_size: [48, 32]
scene_cuts: {source: folder, input: data/video_scene_cuts}
keyword_masks: {source: folder, input: keyword_masks}
attention_heatmap: {source: folder, input: attention_heatmap}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_scene_tree(tmp_path, {f"7000{number}": 2 for number in range(12)})
    (tmp_path / "params.yaml").write_text(PARAMS)
    rows = "".join(f"7000{number},mug\n" for number in range(12))
    (tmp_path / "data/keywords.csv").write_text(f"_id,keyword_list[0]\n{rows}")
    return Workspace.find(tmp_path)


def marks(workspace: Workspace) -> dict[str, str]:
    """Return {beginning of each title: its mark}."""
    lines = [next(finding.lines()) for finding in check(workspace)]
    return {" ".join(line[2:].split()[:2]): line[0] for line in lines}


def test_a_sound_tree_is_ready(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(marks(workspace).values()) == {"✓"}
    assert cli.main(["check", "--root", str(workspace.root)]) == 0
    assert "Ready" in capsys.readouterr().out


@pytest.mark.parametrize("params", ["variant: {alpah: 2}", "vairant: {alpha: 2}"])
def test_params_that_do_not_read_end_the_list(workspace: Workspace, params: str) -> None:
    workspace.path("params.yaml").write_text(params)
    assert marks(workspace) == {"params.yaml reads,": "✗"}


def test_an_input_that_is_missing_is_named(workspace: Workspace) -> None:
    workspace.path("params.yaml").write_text(PARAMS + "compute: {n_jobs: 1}\n")
    workspace.path("attention_heatmap").rename(workspace.path("elsewhere"))
    found = {finding.title: finding for finding in check(workspace)}
    offenders = found["the inputs of the ingest stages are there"].offenders
    assert len(offenders) == 1
    assert "attention_heatmap.input: there is no attention_heatmap" in offenders[0]


def test_what_a_first_run_without_an_eye_tracker_lacks_is_named(workspace: Workspace) -> None:
    workspace.path("dvc.yaml").write_text("stages: {}\n")
    workspace.path("data.dvc").write_text("outs: [{path: data/videos}, {path: data/keywords.csv}]")
    saliency = "{source: saliency, input: data/video_scene_cuts/scenes.csv}"
    params = PARAMS.replace("{source: folder, input: attention_heatmap}", saliency)
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


def test_one_missing_mate_warns_and_many_fail(workspace: Workspace) -> None:
    masks = sorted(workspace.path("keyword_masks").rglob("*.png"))
    masks[0].unlink()
    assert marks(workspace)["the same"] == "⚠"
    for mask in masks[1:14]:
        mask.unlink()
    assert marks(workspace)["the same"] == "✗"


def test_broken_pixels_and_names_are_found(workspace: Workspace) -> None:
    image = next(workspace.path("data/video_scene_cuts").rglob("*.jpg"))
    image.write_bytes(image.read_bytes()[:200])
    (image.parent / "scene_1.png").write_bytes(b"")
    found = marks(workspace)
    assert found["images read,"] == found["file names"] == "⚠"


def test_a_column_that_is_missing_fails(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace.path("data/keywords.csv").write_text("id,word\n1,mug\n")
    assert cli.main(["check", "--root", str(workspace.root)]) == 1
    assert "✗ data/keywords.csv" in capsys.readouterr().out


def test_what_dvc_found_changed_is_said_in_words() -> None:
    files = dict.fromkeys(["a.py", "b.py", "c.py", "d.py", "e.py"], "modified")
    entries = [{"changed deps": files}, "changed command"]
    assert in_words(entries) == "changed deps a.py, b.py, c.py and 2 more; changed command"

"""What was measured is remembered: read once, noticed when it changes, not lost in a kill."""

import os
import sqlite3
from pathlib import Path

import pytest
from scene_trees import draw_scene, write_scene_tree
from stage_runs import outs_of, run_and_kill

from pipeline.ground.artefacts import SCENES
from pipeline.ground.files import link_or_copy, write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.names import SceneName
from pipeline.stages.validate import measurements
from pipeline.stages.validate.measure import Settings, measure_chunk
from pipeline.stages.validate.measurements import Result, measure_scenes
from pipeline.stages.validate.stage import main
from pipeline.stages.validate.trees import TREES, SceneKey, scan_trees
from schemas.rejected_scenes import Reason

SUFFIXES = {"image": "jpg", "mask": "png", "heatmap": "jpg"}
SIZE = (48, 32)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[SceneKey]:
    """The scenes whose files are read, as it happens; in this process, thanks to `n_jobs: 1`."""
    scenes: list[SceneKey] = []

    def watched(chunk):
        scenes.extend((task.video_id, task.scene_number) for task in chunk[1])
        return measure_chunk(chunk)

    monkeypatch.setattr(measurements, "measure_chunk", watched)
    return scenes


def measure(workspace: Workspace, image_size: tuple[int, int] = SIZE) -> dict[SceneKey, Result]:
    settings = Settings(workspace.root, image_size, 0.02)
    return dict(measure_scenes(workspace, settings, scan_trees(workspace).scenes))


@pytest.fixture
def scenes(workspace: Workspace) -> Workspace:
    """A data root with scenes 1 to 40 of one video."""
    write_scene_tree(workspace.root, {"7000": 40})
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    return workspace


def mask_of(workspace: Workspace, number: int) -> Path:
    return workspace.path(f"keyword_masks/{SceneName('7000', number).relative('png')}")


def test_a_second_run_reads_no_image(scenes: Workspace, read: list[SceneKey]) -> None:
    first = measure(scenes)
    assert sorted(read) == sorted(first) == [("7000", number) for number in range(1, 41)]
    read.clear()
    assert measure(scenes) == first
    assert read == []


def test_one_changed_file_is_noticed_and_read_alone(
    scenes: Workspace, read: list[SceneKey]
) -> None:
    first = measure(scenes)
    content = mask_of(scenes, 7).read_bytes()
    times = mask_of(scenes, 7).stat()
    # Same length, same time of change: a tool that keeps both must not deceive us.
    mask_of(scenes, 7).write_bytes(content[:-1] + b"\0")
    os.utime(mask_of(scenes, 7), ns=(times.st_atime_ns, times.st_mtime_ns))
    read.clear()
    second = measure(scenes)
    assert read == [("7000", 7)]
    (refused,) = second.pop(("7000", 7)).outcome
    assert refused.reason is Reason.UNREADABLE_IMAGE
    del first["7000", 7]
    assert second == first


def test_a_file_that_was_only_written_again_gives_the_remembered_result(
    scenes: Workspace, read: list[SceneKey]
) -> None:
    first = measure(scenes)
    write_bytes(mask_of(scenes, 7), mask_of(scenes, 7).read_bytes())
    read.clear()
    assert measure(scenes) == first
    assert read == [("7000", 7)]
    assert measure(scenes) == first
    assert read == [("7000", 7)]


def test_other_settings_forget_everything(scenes: Workspace, read: list[SceneKey]) -> None:
    measure(scenes)
    read.clear()
    measure(scenes, image_size=(96, 54))
    assert len(read) == 40


def test_a_scene_that_was_lost_is_forgotten(scenes: Workspace, read: list[SceneKey]) -> None:
    measure(scenes)
    fewer = scan_trees(scenes).scenes
    del fewer["7000", 7]
    assert len(dict(measure_scenes(scenes, Settings(scenes.root, SIZE, 0.02), fewer))) == 39
    read.clear()
    assert len(measure(scenes)) == 40
    assert read == [("7000", 7)]


def plant(root: Path, videos: int, scenes: int) -> None:
    """Write a data root of large scenes that all look the same, as links to three files."""
    drawn = draw_scene("7000", 1, (1280, 720))
    files = dict(zip(TREES, drawn, strict=True))
    for role, pixels in files.items():
        write_bytes(root / role, encode(pixels, SUFFIXES[role]))
    for video in range(videos):
        for number in range(1, scenes + 1):
            for role, folder in TREES.items():
                name = SceneName(f"v{video:02d}", number).relative(SUFFIXES[role])
                link_or_copy(root / role, root / folder / name)
    keywords = "".join(f"v{video:02d},mug\n" for video in range(videos))
    write_text(root / "data/keywords.csv", f"_id,keyword\n{keywords}")
    write_text(root / "params.yaml", "image_size: [512, 512]\ncompute: {n_jobs: 1}\n")


def remembered(root: Path) -> int:
    """Number of scenes that have been measured so far."""
    store = root / ".gazeshift/measurements.sqlite"
    try:
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        return connection.execute("SELECT count(*) FROM scenes").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, read: list[SceneKey]) -> None:
    whole, killed = Workspace(tmp_path / "whole"), Workspace(tmp_path / "killed")
    for workspace in (whole, killed):
        plant(workspace.root, videos=16, scenes=20)
    main(whole)
    assert len(read) == 320
    run_and_kill("validate", killed.root, lambda: remembered(killed.root) >= 64)
    at_the_kill = remembered(killed.root)
    assert 64 <= at_the_kill < 320
    assert not killed.path(SCENES).exists()
    read.clear()
    main(killed)
    assert len(read) == 320 - at_the_kill
    assert outs_of(killed, "validate") == outs_of(whole, "validate")

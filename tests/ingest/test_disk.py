"""A full disk and a read-only folder: one line that says what to do, and nothing lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_inputs import write_video

from pipeline import cli


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB with a video on it; where one may not mount, the test is skipped."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs root")
    try:
        (tmp_path / "params.yaml").write_text("compute: {n_jobs: 1}\n")
        (tmp_path / "data/videos").mkdir(parents=True)
        write_video(tmp_path / "data/videos/7000.mp4", shots=[20, 20])
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_is_said_in_one_line_and_the_stage_goes_on_later(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill = small_disk / "fill"
    with pytest.raises(OSError, match="No space left"):
        fill.write_bytes(bytes(4_000_000))
    assert cli.main(["scene_cuts", "--root", str(small_disk)]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "gazeshift" in line]
    assert len(errors) == 1
    assert "full" in errors[0] or "No space left" in errors[0]
    assert "Free some space" in errors[0]
    fill.unlink()
    assert cli.main(["scene_cuts", "--root", str(small_disk)]) == 0
    assert len(list(small_disk.glob("data/video_scene_cuts/7000/*.jpg"))) == 2


def test_a_read_only_folder_is_said_in_one_line(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert cli.main(["scene_cuts", "--root", str(small_disk)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Read-only file system" in error

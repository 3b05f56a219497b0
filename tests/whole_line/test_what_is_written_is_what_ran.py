"""Outs are what the present code makes of the present inputs, whoever made them and wherever.

One line of all stages over five tiny videos, run once by `dvc repro`; every test has a copy of it.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from whole_line.repository import WholeLine

from pipeline.ground.artefacts import OUTS, record_of
from pipeline.registry import DEMO_STAGES, STAGES

S = "pipeline/stages"
CHANGES = {
    "scene_cuts": [
        (f"{S}/scene_cuts/cutting.py", "start=1)", "start=2)"),
        ("pipeline/pictures/reading.py", "subsampling=0", "subsampling=2"),
    ],
    "keyword_masks": [
        (f"{S}/keyword_masks/files.py", "* 255", "* 254"),
        ("pipeline/pictures/reading.py", "compress_level=4", "compress_level=1"),
    ],
    "attention_heatmap": [
        (f"{S}/attention_heatmap/recorded.py", "scene.size, sigma)", "scene.size, 2 * sigma)"),
        ("pipeline/pictures/reading.py", "* 255.0", "* 250.0"),
    ],
    "validate": [
        (f"{S}/validate/measure.py", "np.count_nonzero(mask) /", "np.count_nonzero(~mask) /"),
        ("pipeline/scenes/split.py", "position < 0.8", "position < 0.7"),
    ],
    "encode": [
        (f"{S}/encode/encoding.py", "encode_images(images)", "encode_images(-images)"),
        ("pipeline/learning/shards.py", "_BUCKET = 2", "_BUCKET = 3"),
    ],
    "train": [
        (f"{S}/train/objective.py", "1 + self.params.mask_weight", "2 + self.params.mask_weight"),
        ("pipeline/learning/encoded.py", "/ 255", "/ 250"),
    ],
    "attention_model": [
        (f"{S}/attention_model/training.py", "3 * rate", "5 * rate"),
        ("pipeline/attention/network.py", "_NOISE = 1e-4", "_NOISE = 1e-2"),
    ],
    "distil": [
        (f"{S}/distil/dose_module.py", "1 + params.region_weight", "2 + params.region_weight"),
        ("pipeline/pictures/contrast.py", "(0.25, 1.0)", "(0.3, 1.0)"),
    ],
    "variant": [
        (f"{S}/variant/statistics.py", "+ 0.5) / 12 for", "+ 0.4) / 12 for"),
        ("pipeline/heatmaps/levels.py", "inside / 255 / levels", "inside / 250 / levels"),
    ],
    "edit": [
        ("pipeline/editing/inversion.py", "_LARGEST_PART = 2.0", "_LARGEST_PART = 0.1"),
        ("pipeline/pictures/tensors.py", "GREY_LEVELS = 127.5", "GREY_LEVELS = 127.6"),
    ],
    "dose_curve": [
        (f"{S}/dose_curve/rows.py", '"requested_share", ', '"requested_share", "alignment", '),
        ("pipeline/pictures/tensors.py", "GREY_LEVELS = 127.5", "GREY_LEVELS = 127.6"),
    ],
    "render": [
        (f"{S}/render/measures.py", "make_flow(finest=1)", "make_flow(finest=2)"),
        ("pipeline/video/encoding.py", "_KEY_FRAME_EVERY = 120", "_KEY_FRAME_EVERY = 5"),
    ],
    "evaluate": [
        (f"{S}/evaluate/measure.py", "change.mean()", "change.max()"),
        ("pipeline/pictures/likeness.py", "_TEXTURE_SIGMA_PX = 2.0", "_TEXTURE_SIGMA_PX = 3.0"),
        ("pipeline/learning/dose_loss.py", "_CHECK = 4", "_CHECK = 5"),
    ],
    "report": [
        (f"{S}/report/pictures.py", "_QUALITY = 80", "_QUALITY = 50"),
        ("pipeline/pictures/resizing.py", "_FEWEST_PIXELS = 8", "_FEWEST_PIXELS = 9000"),
    ],
}
"""Of each stage a constant of its own code and one of a library that it stands on: both count."""

# What says when and from which commit it was made.
TIMED = ("metrics.json", "gate.json", "index.html", "data_docs")


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> WholeLine:
    """The line after its first run; several workers share it."""
    folder = tmp_path_factory.getbasetemp()
    root = (folder if worker_id == "master" else folder.parent) / "whole_line"
    with FileLock(f"{root}.lock"):
        if not (root / "ran").is_file():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            repository = WholeLine(root)
            repository.fill()
            repository.dvc("repro")
            repository.run("git", "add", "-A")
            repository.run("git", "commit", "-qm", "The first run")
            (root / "ran").touch()
    return WholeLine(root)


def comparable(outs: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in outs.items() if not any(t in path for t in TIMED)}


def stamps(repository: WholeLine) -> dict[str, int]:
    """Return when each file in the folders of outs was written, but what tells the time.

    Outs that are a file by themselves are linked anew by DVC whenever a stage has run.
    """
    return {
        path: (repository.root / path).stat().st_mtime_ns
        for stage in STAGES
        for path in comparable(repository.outs(stage))
        if stage != "evaluate" and path not in OUTS[stage]
    }


def record(repository: WholeLine, stage: str) -> Iterator[dict]:
    return map(json.loads, (repository.root / record_of(stage)).read_text().splitlines())


@pytest.mark.parametrize("stage", STAGES)
def test_changed_code_makes_what_a_fresh_workspace_makes(
    line: WholeLine, tmp_path: Path, stage: str
) -> None:
    used = line.copy(tmp_path / "used")
    for change in CHANGES[stage]:
        before = comparable(used.outs(stage))
        used.edit(*change)
        used.dvc("repro", "-q", "--single-item", stage)
        made = comparable(used.outs(stage))
        if stage != "report":
            assert made != before, f"{change} changes nothing: choose another"
    fresh = used.copy(tmp_path / "fresh")
    fresh.forget(stage)
    fresh.stage(stage)
    assert made == comparable(fresh.outs(stage))


def test_words_and_names_apart_remake_nothing(line: WholeLine, tmp_path: Path) -> None:
    used = line.copy(tmp_path / "used")
    written = stamps(used)
    for path in (used.root / "pipeline").rglob("*.py"):
        text = path.read_text()
        path.write_text(
            text.replace('"""\n\nfrom', ' In other words."""\n\nfrom', 1) + "\n# Said.\n"
        )
    os.rename(used.root / "pipeline/cli.py", used.root / "pipeline/console.py")
    used.edit("pipeline/__main__.py", "pipeline.cli", "pipeline.console")
    used.dvc("repro", "-q")
    assert stamps(used) == written


def test_who_vouches_for_a_refactoring_keeps_what_was_made(line: WholeLine, tmp_path: Path) -> None:
    used = line.copy(tmp_path / "used")
    written = stamps(used)
    used.edit("pipeline/stages/variant/video.py", "def _row_lists(", "def _lists_of(")
    used.edit("pipeline/stages/variant/video.py", ": _row_lists(", ": _lists_of(")
    assert "vouched for" in used.run("python", "-m", "pipeline", "vouch", "variant")
    used.dvc("repro", "-q", "--single-item", "variant")
    assert stamps(used) == written
    (told,) = next(record(used, "variant"))["vouched"]
    assert told["items"] > 0
    # Without a word for it, the next change makes everything anew.
    used.edit("pipeline/stages/variant/video.py", "def _lists_of(", "def _row_lists(")
    used.edit("pipeline/stages/variant/video.py", ": _lists_of(", ": _row_lists(")
    used.dvc("repro", "-q", "--single-item", "variant")
    assert stamps(used) != written


def test_outs_are_pushed_pulled_and_known_where_they_arrive(line: WholeLine, tmp_path) -> None:
    giver = line.copy(tmp_path / "giver")
    remote = str(tmp_path / "remote")
    giver.dvc("remote", "add", "-q", "-d", "team", remote)
    giver.run("git", "commit", "-qam", "Add the team's remote")
    giver.dvc("push", "-q")
    giver.run("git", "clone", "-q", str(giver.root), str(tmp_path / "taker"))
    taker = WholeLine(tmp_path / "taker")
    taker.dvc("pull", "-q")
    assert "up to date" in taker.dvc("repro")
    written = stamps(taker)
    for stage in STAGES:
        taker.stage(stage)
    assert stamps(taker) == written
    _older_outs_are_known_again(taker)


def _older_outs_are_known_again(taker: WholeLine) -> None:
    """Go to another dose and back by `dvc checkout`: nothing is made a second time."""
    taker.edit("params.yaml", "alpha: 1.5", "alpha: 2.0")
    taker.dvc("repro", "-q", "--single-item", "variant")
    taker.run("git", "checkout", "-q", "--", ".")
    taker.dvc("checkout", "-q", "variant")
    written = stamps(taker)
    taker.stage("variant")
    assert stamps(taker) == written


def test_every_item_says_what_it_was_computed_with(line: WholeLine) -> None:
    for stage in STAGES:
        head, *items = record(line, stage)
        assert items, stage
        assert {item["environment"] for item in items} <= set(head["environments"])
        assert all("python" in found for found in head["environments"].values())
        paths = {path for item in items for path in item["files"]}
        assert paths == set(line.outs(stage))
    assert OUTS.keys() == STAGES.keys() | DEMO_STAGES.keys()

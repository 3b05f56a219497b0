"""The study end to end, on drawn pictures and made-up gaze of the data set's form."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from pipeline.attention import people
from pipeline.attention.people import People
from studies.osie import train_observers
from studies.osie.data import VIEWERS, cell_counts, fixation_map, read_photographs, split_of
from studies.osie.fitting import Recipe
from studies.osie.train_observers import Candidate, Plan, main

HEIGHT, WIDTH = 60, 80


class TinyBackbone(nn.Module):
    """Random features of the right strides, where the wheels are not needed."""

    def __init__(self, name: str, blocks: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self._layers = nn.ModuleList(
            nn.Conv2d(3, 6, 2 * stride, stride, stride // 2) for stride in (8, 16)[: len(blocks)]
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        return [layer(images) for layer in self._layers]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two dozen pictures of a bright square, which all viewers look at after the cross."""
    folder, rng = tmp_path / "osie", np.random.default_rng(0)
    (folder / "stimuli").mkdir(parents=True)
    rows = []
    for number in range(24):
        top, left = rng.integers(0, HEIGHT - 20), rng.integers(0, WIDTH - 20)
        image = rng.integers(60, 90, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        image[top : top + 20, left : left + 20] = 250
        cv2.imwrite(str(folder / "stimuli" / f"{number}.jpg"), image)
        for viewer in range(1, 16):
            rows.append((f"{number}.jpg", viewer, 1, WIDTH / 2, HEIGHT / 2, 200))
            for fixation in range(2, 5):
                x, y = left + rng.uniform(0, 20), top + rng.uniform(0, 20)
                rows.append((f"{number}.jpg", viewer, fixation, x, y, 200))
    columns = ["image", "viewer", "fixation", "x_px", "y_px", "duration_ms"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "fixations.csv", index=False)
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tiny backbone, tiny plans, few folds."""
    recipe = Recipe(epochs=4, learning_rate=0.03, batch_size=4, average=4)
    candidates = (Candidate((2,), 4, recipe), Candidate((2, 5), 4, recipe))
    plans = {
        "people_a": Plan("efficientnet_lite0", "joint", candidates[:1], 64 * 96),
        "people_b": Plan("efficientnet_lite2", "product", candidates, 64 * 96),
    }
    (tmp_path / "weights").write_text("none")
    for module in (people, train_observers):
        monkeypatch.setattr(module, "Backbone", TinyBackbone)
    monkeypatch.setattr(people, "backbone_file", lambda name: tmp_path / "weights")
    monkeypatch.setattr(train_observers, "PLANS", plans)
    monkeypatch.setattr(train_observers, "FOLDS", 2)


@pytest.mark.usefixtures("tiny")
def test_the_study_runs_and_runs_again_to_the_same_files(data: Path, tmp_path: Path) -> None:
    files = []
    for run in ("first", "second"):
        out = tmp_path / run
        results = out / "results.json"
        arguments = ["--data", data, "--out", out, "--results", results, "--cache", tmp_path / "c"]
        assert main([str(argument) for argument in arguments]) == 0
        files.append([p.read_bytes() for p in (results, *sorted(out.glob("*/*.safetensors")))])
    assert len(files[0]) == 3
    assert files[0] == files[1]
    found = json.loads(files[0][0])
    assert found["photographs"] == {
        split: sum(split_of(f"{n}.jpg") == split for n in range(24))
        for split in found["photographs"]
    }
    assert found["people_a"]["viewers"] == [1, 2, 3, 4, 5, 6, 7]
    assert len(found["people_b"]["cross_validation"]) == 2
    test = found["test"]["all_viewers"]
    assert test["centre_bias"]["IG"] == 0
    # The square can be told by other viewers' gaze, and by features of the picture.
    assert test["other_viewers"]["IG"] > 0.5
    assert test["people_b"]["IG"] > 0.5
    assert test["other_viewers"]["IG_of_ceiling"] == 1
    low, high = test["people_b"]["IG_ci95"]
    assert low <= test["people_b"]["IG"] <= high
    assert People(tmp_path / "first/people_b").name == "people_b"


def test_the_first_fixation_is_left_out_and_viewers_are_kept_apart(data: Path) -> None:
    photographs = read_photographs(data)
    assert len(photographs) == 24
    assert len(photographs[0].fixations) == 15 * 3
    assert len(photographs[0].of(VIEWERS["people_a"])[0]) == 7 * 3
    assert not set(VIEWERS["people_a"]) & set(VIEWERS["people_b"])


def test_the_split_depends_on_the_name_alone() -> None:
    splits = pd.Series([split_of(f"{number}.jpg") for number in range(4000)]).value_counts()
    assert splits["test"] / 4000 == pytest.approx(0.25, abs=0.03)
    assert splits["val"] / 4000 == pytest.approx(0.10, abs=0.03)
    assert split_of("1002.jpg") == split_of("1002.jpg") == SPLIT_OF_1002


SPLIT_OF_1002 = "val"
"""Who changes the hash changes who was held out: then every figure is void."""


def test_cells_and_maps_hold_all_fixations(data: Path) -> None:
    photograph = read_photographs(data)[0]
    counts = cell_counts(photograph, range(1, 16), (15, 20))
    assert counts.sum() == pytest.approx(1)
    density = fixation_map(photograph.size, *photograph.of(range(1, 16)), 3)
    assert density.sum() == pytest.approx(1)
    down = (counts.sum(1) * (np.arange(15) * 4 + 1.5)).sum()
    assert down == pytest.approx((density.sum(1) * np.arange(HEIGHT)).sum(), abs=0.3)


def test_missing_data_is_answered_with_the_remedy(tmp_path, capsys) -> None:
    assert main(["--data", str(tmp_path), "--cache", str(tmp_path / "cache")]) == 1
    assert "studies/osie/README.md says where to get it" in capsys.readouterr().err

"""The plain edit: its one number is searched, kept within bounds, and no model is in its code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import BrightnessGuide

from pipeline.attention.models import load_attention_model
from pipeline.editing.params import EditParams
from pipeline.editing.plain import LEAST, MOST, edit_plainly
from pipeline.editing.scene_edits import SceneTask, Wish
from pipeline.ground.code import closure
from pipeline.ground.files import write_bytes
from pipeline.pictures.colour import ciede2000, lab_of
from pipeline.pictures.reading import encode, read_rgb

SIZE = (40, 30)
GUIDE = load_attention_model("centre_surround", Path())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture = np.full((80, 60, 3), 110, np.uint8)
    mask = np.zeros((80, 60), np.uint8)
    mask[30:50, 20:40] = 255
    picture[mask > 0] = (150, 120, 100)
    picture[5:15, 5:55] = 30
    write_bytes(tmp_path / "scene.png", encode(picture, "png"))
    write_bytes(tmp_path / "mask.png", encode(mask, "png"))
    return tmp_path


def task(folder: Path, *alphas: float, redrawn: str = "keyword") -> SceneTask:
    heatmap = folder / "mask.png"
    wishes = tuple(
        Wish(f"alpha_{alpha:g}", heatmap, "keyword", redrawn, alpha, modified=alpha != 1)
        for alpha in alphas
    )
    return SceneTask(
        "v1", 1, "s1", folder / "scene.png", (heatmap,), heatmap, "cup", "digest", wishes
    )


def edit(folder: Path, guide=GUIDE, **options) -> list[dict]:
    chosen = task(folder, 0.5, 1.0, 2.0, **options)
    return edit_plainly([chosen], guide, EditParams(feather_px=0), SIZE, folder / "out")[0]


def test_the_guide_sees_the_dose_and_nothing_else_changes(folder) -> None:
    less, same, more = edit(folder)
    for record in (less, more):
        odds = {
            name: np.log(record[name] / (1 - record[name]))
            for name in ("guide_share", "guide_achieved")
        }
        moved = odds["guide_achieved"] - odds["guide_share"]
        assert moved == pytest.approx(np.log(record["alpha"]), abs=0.02)
        assert record["reached"]
    assert LEAST < less["strength"] < 1 < more["strength"] < MOST
    assert "strength" not in same
    original = read_rgb(folder / "scene.png")
    assert (read_rgb(folder / "out/alpha_1/v1/s1.png") == original).all()
    changed = (read_rgb(folder / "out/alpha_2/v1/s1.png") != original).any(-1)
    assert changed[30:50, 20:40].all()
    changed[30:50, 20:40] = False
    assert not changed.any()


def test_a_dose_that_no_contrast_brings_is_not_reached_and_ends_at_the_bound(folder) -> None:
    """Who looks at brightness alone is not drawn by a hundredth of what is asked."""
    _, _, more = edit_plainly(
        [task(folder, 0.5, 1.0, 90.0)], BrightnessGuide(), EditParams(), SIZE, folder / "out"
    )[0]
    assert not more["reached"]
    assert (more["strength"], more["strength_limit"], more["evaluations"]) == (MOST, MOST, 1)


def test_the_background_may_be_what_changes(folder) -> None:
    edit(folder, redrawn="background")
    original = read_rgb(folder / "scene.png")
    changed = (read_rgb(folder / "out/alpha_2/v1/s1.png") != original).any(-1)
    assert changed.any()
    assert not changed[30:50, 20:40].any()


def test_a_null_edit_looks_as_changed_and_the_guide_sees_no_change(folder) -> None:
    edit(folder)
    plain = {alpha: read_rgb(folder / f"out/alpha_{alpha}/v1/s1.png") for alpha in ("0.5", "2")}
    original = read_rgb(folder / "scene.png")
    less, _, more = edit_plainly(
        [task(folder, 0.5, 1.0, 2.0)], GUIDE, EditParams(feather_px=0), SIZE, folder / "null",
        null=True,
    )[0]  # fmt: skip
    for record, alpha in ((less, "0.5"), (more, "2")):
        assert record["guide_achieved"] == pytest.approx(record["guide_share"], rel=0.01)
        assert record["guide_dose"] == record["guide_share"]
        picture = read_rgb(folder / f"null/alpha_{alpha}/v1/s1.png")
        mask = np.zeros((80, 60), bool)
        mask[30:50, 20:40] = True
        assert (picture[~mask] == original[~mask]).all()
        seen, as_plain = (
            ciede2000(lab_of(original[mask]), lab_of(other[mask])).mean()
            for other in (picture, plain[alpha])
        )
        assert seen == pytest.approx(as_plain, rel=0.2)


def test_no_code_of_the_diffusion_models_makes_it() -> None:
    files = closure(edit_plainly.__module__)
    assert "pipeline/pictures/contrast.py" in files
    assert not any(file.startswith("pipeline/diffusion/") for file in files)

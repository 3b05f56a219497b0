"""The counterfactual: scenes are known again, and only their product's vividness differs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.counterfactual import Job, drawn, redrawn, searched
from demo.drawing import product_outline
from demo.make_corpus import (
    FRAMES_PER_S,
    HEIGHT,
    WIDTH,
    plan_corpus,
    sample_ad_style,
    sample_corpus_scene,
)
from demo.viewers import attention_map, attention_share
from pipeline.ground.files import write_bytes
from pipeline.pictures.reading import encode, read_rgb
from pipeline.scenes.split import split_of
from schemas.counterfactual import COUNTERFACTUAL_TABLE

PLAN = next(plan for plan in plan_corpus(2026) if split_of(plan.video_id) == "test")
STYLE = sample_ad_style(PLAN.rng(0), PLAN.product_class)
MOMENT_S = PLAN.scene_frames[0] // 2 / FRAMES_PER_S


def job(folder: Path, redraw: int, product: str = PLAN.product_class) -> Job:
    scene = sample_corpus_scene(PLAN, STYLE, 0, redraw)
    assert scene.product is not None
    image = drawn(scene, scene.product.vividness, MOMENT_S)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    outline = product_outline(scene, MOMENT_S, (HEIGHT, WIDTH))
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32) for polygon in outline], 255)
    write_bytes(folder / "image.jpg", encode(image, "jpg"))
    write_bytes(folder / "mask.png", encode(mask, "png"))
    return Job(
        "scene s", PLAN.video_id, 0, product, PLAN.scene_frames[0], MOMENT_S,
        folder / "image.jpg", (folder / "mask.png",), "s", (0.5,), folder / "out",
    )  # fmt: skip


def test_a_redrawn_scene_is_known_again_and_its_product_alone_fades(tmp_path) -> None:
    _, (row,), failure = redrawn(job(tmp_path, redraw=2))
    assert not failure
    assert set(row) == set(COUNTERFACTUAL_TABLE.columns)
    assert row["redraw"] == 2
    assert row["vividness"] < row["original_vividness"]
    if row["reached"]:
        assert row["viewers_achieved"] == pytest.approx(row["viewers_dose"], rel=0.05)
    before, after = (read_rgb(tmp_path / "out" / row[name]) for name in ("original", "edited"))
    mask = cv2.dilate(cv2.imread(str(tmp_path / "mask.png"), 0), np.ones((5, 5)))
    changed = (before != after).any(-1)
    assert changed[mask > 0].mean() > 0.5
    assert changed[mask == 0].mean() < 0.02


def test_what_is_not_of_the_drawn_world_is_left_out(tmp_path) -> None:
    other = job(tmp_path, redraw=0, product="toothbrush of a kind nobody draws")
    assert redrawn(other).rows == []


def test_a_dose_beyond_vividness_ends_at_its_bound() -> None:
    scene = sample_corpus_scene(PLAN, STYLE, 0)
    assert scene.product is not None
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:40, :40] = True
    share = attention_share(attention_map(drawn(scene, scene.product.vividness, MOMENT_S)), mask)
    vividness, _, achieved = searched(scene, mask, MOMENT_S, share, 0.99)
    assert (vividness, achieved < 0.9) == (1.0, True)


def test_a_missing_image_is_a_failure_that_names_it(tmp_path) -> None:
    lost = job(tmp_path, redraw=0)
    lost.image.unlink()
    assert "image.jpg" in redrawn(lost).failure

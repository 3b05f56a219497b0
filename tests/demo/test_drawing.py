"""The drawn scenes: repeatable, scalable, and their outlines true."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from demo.backgrounds import BACKGROUND_KINDS, Background
from demo.distractors import DISTRACTOR_CLASSES, distractor_shape
from demo.drawing import draw_scene, product_outline
from demo.palette import BLACK, WHITE, Colours, oklch
from demo.products import PRODUCT_CLASSES, product_shape
from demo.scenes import SceneSpec, sample_ad_style, sample_scene
from demo.shapes import box, make_shape

SIZE = (480, 270)


def make_scene(seed: int, product_class: str | None = None, **changes: object) -> SceneSpec:
    """A sampled scene, some of its product's attributes changed."""
    rng = np.random.default_rng(seed)
    scene = sample_scene(rng, sample_ad_style(rng, product_class))
    assert scene.product is not None
    return replace(scene, product=replace(scene.product, **changes))


def rasterise(polygon: NDArray[np.float32], size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Pixels at least half inside a polygon whose pixel i covers [i, i + 1]."""
    fine = np.zeros((8 * size[0], 8 * size[1]), np.uint8)
    cv2.fillPoly(fine, [np.rint(16 * (8 * polygon - 0.5)).astype(np.int32)], 255, cv2.LINE_8, 4)
    return cv2.resize(fine, size[::-1], interpolation=cv2.INTER_AREA) >= 128


@pytest.mark.parametrize("product_class", PRODUCT_CLASSES)
def test_outline_is_the_drawn_silhouette(product_class: str) -> None:
    """A white and a black product differ by the product's opacity.

    The threshold lies under the contrast of their lightest and darkest parts (115 levels).
    """
    scene = make_scene(3, product_class, vividness=1.0, colours=Colours(*[WHITE] * 4))
    assert scene.product is not None
    black = replace(scene.product, colours=Colours(*[BLACK] * 4))
    white_frame = draw_scene(scene, 0.5, SIZE).astype(int)
    black_frame = draw_scene(replace(scene, product=black), 0.5, SIZE).astype(int)
    opaque = np.abs(white_frame - black_frame).max(axis=2) > 80
    (outline,) = product_outline(scene, 0.5, SIZE)
    mask = rasterise(outline)
    assert (mask & opaque).sum() / (mask | opaque).sum() >= 0.97
    assert len(outline) == len(product_shape(product_class).outline) <= 48


def test_outside_the_outline_the_product_changes_nothing() -> None:
    scene = make_scene(4, vividness=1.0)
    changed = draw_scene(scene, 1.0, SIZE) != draw_scene(replace(scene, product=None), 1.0, SIZE)
    mask = rasterise(product_outline(scene, 1.0, SIZE)[0]).astype(np.uint8)
    near = cv2.dilate(mask, np.ones((5, 5), np.uint8)).astype(bool)
    assert changed.any(axis=2)[mask.astype(bool)].mean() > 0.97
    assert not changed[~near].any()


def test_scenes_repeat_and_time_moves_them() -> None:
    first, second = make_scene(5), make_scene(5)
    assert first == second
    np.testing.assert_array_equal(draw_scene(first, 0.3, SIZE), draw_scene(second, 0.3, SIZE))
    assert (draw_scene(first, 0.3, SIZE) != draw_scene(first, 1.3, SIZE)).any()
    assert make_scene(6) != first


def test_scene_looks_the_same_at_any_resolution() -> None:
    scene = make_scene(7)
    large, small = draw_scene(scene, 1.0, (1280, 720)), draw_scene(scene, 1.0, (320, 180))
    reduced = cv2.resize(large, (180, 320), interpolation=cv2.INTER_AREA)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - reduced).mean() < 2
    outlines = [product_outline(scene, 1.0, size)[0] for size in ((1280, 720), (320, 180))]
    np.testing.assert_allclose(outlines[0] / 4, outlines[1], atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_vividness_raises_contrast(seed: int) -> None:
    contrasts = []
    for vividness in (0.0, 0.15, 0.4, 0.7, 1.0):
        scene = make_scene(seed, vividness=vividness)
        mask = rasterise(product_outline(scene, 1.0, SIZE)[0])
        without = draw_scene(replace(scene, product=None), 1.0, SIZE)[mask].mean(axis=0)
        seen = draw_scene(scene, 1.0, SIZE)[mask].astype(float)
        contrasts.append(np.linalg.norm(seen - without, axis=1).mean())
    assert contrasts == sorted(contrasts)
    assert contrasts[-1] > 3 * contrasts[1]


def test_sampled_products_are_in_view_and_of_fair_size() -> None:
    """Over 60 scenes: coverage, share in view at both ends, spread of places."""
    coverages, in_view, places = [], [], []
    for seed in range(60):
        scene = make_scene(seed)
        assert scene.product is not None
        for time_s in (0.0, scene.duration_s):
            (outline,) = product_outline(scene, time_s, (240, 135))
            mask = rasterise(outline, (240, 135))
            whole = rasterise(outline + np.float32([135, 240]), (720, 405))
            coverages.append(mask.mean())
            in_view.append(mask.sum() / whole.sum())
        places.append(scene.product.place)
    assert min(in_view) >= 0.85
    assert 0.018 <= min(coverages) <= max(coverages) <= 0.15
    assert 0.045 <= np.mean(coverages) <= 0.07
    assert (np.std(places, axis=0) > [0.1, 0.25]).all()


def test_vividness_is_independent_of_place_and_size() -> None:
    """Correlations over 600 products stay within 3.3 standard errors of zero."""
    products = [make_scene(seed).product for seed in range(600)]
    table = np.array([(p.vividness, *p.place, p.size, p.rotation) for p in products if p])
    assert np.abs(np.corrcoef(table.T)[0, 1:]).max() < 3.3 / np.sqrt(600)


def test_outlines_interpolate_over_a_quarter_second() -> None:
    before, middle, after = (
        product_outline(make_scene(8), time_s, SIZE)[0] for time_s in (0.5, 0.625, 0.75)
    )
    assert np.abs((before + after) / 2 - middle).max() < 0.1


def test_an_ads_scenes_share_their_product() -> None:
    rng = np.random.default_rng(9)
    style = sample_ad_style(rng, "mug")
    scenes = [sample_scene(rng, style) for _ in range(3)]
    assert {scene.product.name for scene in scenes if scene.product} == {"mug"}
    assert {scene.product.colours for scene in scenes if scene.product} == {style.product_colours}
    assert len({scene.background for scene in scenes}) == 3


def test_scene_without_product_has_no_outline() -> None:
    rng = np.random.default_rng(10)
    scene = sample_scene(rng, sample_ad_style(rng), with_product=False)
    assert scene.product is None
    assert product_outline(scene, 0.0, SIZE) == []
    assert draw_scene(scene, 0.0, SIZE).shape == (480, 270, 3)


def test_unknown_product_is_refused() -> None:
    with pytest.raises(ValueError, match=r"product_class must be one of sneaker, .*'teapot'"):
        sample_ad_style(np.random.default_rng(0), "teapot")


@pytest.mark.parametrize("kind", BACKGROUND_KINDS)
def test_background_fills_the_frame(kind: str) -> None:
    background = Background(kind, ((200.0, 90.0, 90.0),) * 3, 0.4, 0.3, seed=1)
    scene = replace(make_scene(11), background=background, product=None, distractors=())
    frame = draw_scene(replace(scene, caption=None), 0.0, (176, 96))
    assert frame.min() > 20
    assert (frame[..., 0] > frame[..., 1]).mean() > 0.95


def test_distractors_are_no_products() -> None:
    assert not set(DISTRACTOR_CLASSES) & set(PRODUCT_CLASSES)
    for name in DISTRACTOR_CLASSES:
        assert 0.3 < distractor_shape(name).area < 1


def test_shapes_are_normalised() -> None:
    shape = make_shape(box(10, 20, 50, 40))
    np.testing.assert_allclose(shape.outline.min(axis=0), [-0.5, -0.25])
    assert shape.area == pytest.approx(0.5)


def test_oklch_matches_known_colours() -> None:
    """White, and sRGB red as published with OKLCH (0.628, 0.2577, 29.23)."""
    np.testing.assert_allclose(oklch(1, 0, 0), [255, 255, 255], atol=0.01)
    np.testing.assert_allclose(oklch(0.62796, 0.25768, 29.234), [255, 0, 0], atol=1.5)

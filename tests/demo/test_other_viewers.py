import inspect
from dataclasses import replace

import cv2
import numpy as np
import pytest
from attention.odd_ones import shuffled, squares, stripes

from demo import other_viewers, viewers
from demo.drawing import draw_scene, product_outline
from demo.other_viewers import attention_map, self_information
from demo.scenes import sample_ad_style, sample_scene

SIZE = (176, 96)


def test_information_is_what_counting_says() -> None:
    """One place in four is unlike the others, in one of two features."""
    features = np.zeros((2, 2, 2))
    features[0, 1, 1] = 1
    expected = np.array([[np.log(4 / 3), np.log(4 / 3)], [np.log(4 / 3), np.log(4)]]) / 2
    assert self_information(features) == pytest.approx(expected)


def test_what_is_everywhere_draws_alike_everywhere_the_centre_too() -> None:
    flat = attention_map(np.full((177, 97, 3), 85, np.uint8))
    assert flat.shape == (177, 97)
    assert flat.min() > 0
    assert np.ptp(flat) < 1e-4 * flat.max()


def test_the_odd_one_draws_in_colour_and_in_pattern() -> None:
    display = squares()
    seen = attention_map(display.picture)
    assert display.oddness(seen) > 1.5
    assert display.oddness(shuffled(seen)) < 1.1
    picture, patch = stripes()
    seen = attention_map(picture)
    assert seen[patch].mean() > 1.5 * seen[~patch].mean()


def test_they_and_the_judge_do_not_agree_on_what_stands_out_more() -> None:
    """A purple square is rarer among green ones than a red one, and has less contrast."""
    purple, red = squares((100, 40, 100)), squares()
    for look, purple_leads in ((attention_map, True), (viewers.attention_map, False)):
        odd = [display.oddness(look(display.picture)) for display in (purple, red)]
        assert min(odd) > 1.5
        assert (odd[0] > 1.5 * odd[1]) == purple_leads


def test_a_mirrored_picture_is_looked_at_in_the_mirror() -> None:
    picture = squares().picture
    mirrored = attention_map(np.ascontiguousarray(picture[:, ::-1]))
    assert mirrored[:, ::-1] == pytest.approx(attention_map(picture), rel=1e-3)


def test_share_rises_with_vividness_on_almost_every_drawn_scene() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(12):
        scene = sample_scene(rng, sample_ad_style(rng))
        assert scene.product is not None
        outline = [np.round(one).astype(np.int32) for one in product_outline(scene, 1.0, SIZE)]
        mask = cv2.fillPoly(np.zeros(SIZE, np.uint8), outline, 1).astype(bool)
        shares.append([])
        for vividness in (0.1, 0.5, 1):
            product = replace(scene.product, vividness=vividness)
            picture = draw_scene(replace(scene, product=product), 1.0, SIZE)
            seen = attention_map(np.asarray(picture, np.uint8))
            shares[-1].append(seen[mask].sum() / seen.sum())
    assert (np.diff(shares) > 0).mean() > 0.9
    faint, _, vivid = np.mean(shares, 0)
    assert faint < 0.08
    assert vivid > 0.2


def test_they_share_nothing_with_the_judge_and_import_nothing_of_the_project() -> None:
    code = inspect.getsource(other_viewers)
    assert "import demo" not in code
    assert "from demo" not in code
    assert "pipeline" not in code

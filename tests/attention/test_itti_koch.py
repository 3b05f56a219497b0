"""Itti, Koch & Niebur: what is alone of its kind stands out, in colour as in orientation."""

import numpy as np
import pytest
from attention.odd_ones import GREEN, attention, bars, shuffled, squares

from pipeline.attention.early_vision import intensity_and_colours, orientations
from pipeline.attention.itti_koch import promoted

NAME = "itti_koch"


def test_a_red_square_among_green_ones_stands_out() -> None:
    display = squares()
    seen = attention(NAME, display.picture)
    assert display.oddness(seen) > 3
    assert display.oddness(shuffled(seen)) < 1.1


def test_a_tilted_bar_stands_out_among_upright_ones_and_not_by_contrast_alone() -> None:
    display = bars()
    assert display.oddness(attention(NAME, display.picture)) > 1.25
    assert display.oddness(attention("centre_surround", display.picture)) < 1


@pytest.mark.parametrize("display", [squares(GREEN), bars(0)], ids=["squares", "bars"])
def test_none_of_many_alike_stands_out(display) -> None:
    assert display.oddness(attention(NAME, display.picture)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("peaks", "kept"),
    [([4.0], 1), ([4.0, 4.0], 0), ([4.0, 2.0], 0.25), ([4.0, 2.0, 1.0], 0.390625)],
    ids=["one", "two alike", "a lower one", "two lower ones"],
)
def test_rivals_take_from_a_peak(peaks: list[float], kept: float) -> None:
    feature = np.zeros((9, 15), np.float32)
    # Each a plateau, which is one peak.
    for number, height in enumerate(peaks):
        feature[3:5, 2 + 5 * number : 4 + 5 * number] = height
    assert promoted(feature).max() == pytest.approx(kept)
    assert promoted(feature / 4 * 0.003).max() == 0


def test_colours_oppose_each_other_and_filters_tell_orientations() -> None:
    colours = np.float32([[[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.5, 0.5, 0.5]]])
    intensity, red_green, blue_yellow = np.moveaxis(intensity_and_colours(colours)[0], 1, 0)
    assert intensity == pytest.approx([1.1 / 3] * 3 + [0.5])
    assert red_green == pytest.approx(red_green[0] * np.array([1, -1, 0, 0]), abs=1e-6)
    assert blue_yellow[2] > 0
    assert blue_yellow[3] == 0
    upright = np.float32(0.5 + 0.5 * np.sin(np.arange(64) * 2 * np.pi / 7))[None].repeat(64, 0)
    drawn = [one[20:44, 20:44].mean() for one in orientations(upright)]
    assert np.argmax(drawn) == 0
    assert drawn[2] < 0.01 * drawn[0]

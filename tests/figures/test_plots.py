import numpy as np
import pytest
from PIL import Image

from pipeline.figures.plots import draw_control, draw_dose_curve, draw_equivalence

CURVE = [
    {
        "arm": arm,
        "alpha": alpha,
        "dose": 0.2 * alpha,
        "share": 0.18 * alpha,
        "low": low,
        "high": 0.4,
    }
    for arm, low in (("full", 0.1), ("control_only", None))
    for alpha in (0.5, 1.0, 2.0)
]
UNKNOWN = {"test": "sham", "changes": [], "mean": None, "low": None, "high": None, "passed": False}
KNOWN = {"test": "placebo", "changes": [0.01], "mean": 0.0, "low": -0.01, "high": 0.01}
TESTS = [KNOWN | {"passed": True}, UNKNOWN]


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize(
    ("draw", "colours"),
    [
        (lambda path: draw_dose_curve(path, CURVE), ["#0072B2", "#E69F00"]),
        (lambda path: draw_equivalence(path, TESTS, 0.03), ["#CC79A7"]),
        (lambda path: draw_control(path, {"other": [0.1, 0.2], "empty": [0.0]}), ["#0072B2"]),
    ],
    ids=["dose curve", "equivalence", "control"],
)
def test_what_is_known_is_drawn_in_its_colour_and_the_rest_left_out(
    tmp_path, draw, colours
) -> None:
    path = tmp_path / "plots" / "plot.png"
    draw(path)
    drawn = pixels(path).reshape(-1, 3)
    for colour in colours:
        wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (drawn == wanted).all(1).sum() > 20

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.figures.contact_sheet import Strip, Tile, coloured, draw_contact_sheet, outlined
from pipeline.figures.share_plot import draw_shares
from pipeline.figures.style import STYLES, rgb, style_of
from pipeline.heatmaps.params import SEVEN


def test_every_variant_has_a_colour_of_its_own() -> None:
    assert tuple(STYLES) == SEVEN
    assert len({style.colour for style in STYLES.values()}) == len(SEVEN)


def test_an_own_variant_keeps_its_colour_and_takes_nobodys() -> None:
    style = style_of("opening")
    assert style == style_of("opening")
    assert style.colour not in {known.colour for known in STYLES.values()}


def test_dvc_plots_have_the_same_colours() -> None:
    template = Path(__file__).parents[2] / ".dvc/plots/variant_shares.json"
    scale = json.loads(template.read_text())["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=False)) == {
        name: style.colour for name, style in STYLES.items()
    }


# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_can_be_told_apart_with_colour_blindness(deficiency: str) -> None:
    matrix = np.array(DEFICIENCIES[deficiency])
    seen = {
        name: np.clip(matrix @ (np.array(rgb(style.colour)) / 255) ** 2.2, 0, 1) ** (1 / 2.2)
        for name, style in STYLES.items()
    }
    closest = min(np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(seen, 2))
    assert closest > 0.1


def test_the_outline_surrounds_the_mask_and_leaves_its_inside() -> None:
    image = np.full((60, 40, 3), 100, np.uint8)
    mask = np.zeros((60, 40), np.bool_)
    mask[20:40, 10:30] = True
    drawn = outlined(image, mask)
    assert (drawn[25:35, 15:25] == 100).all()
    assert (drawn[:10] == 100).all()
    assert (drawn[20, 12:28] != 100).any()


def test_more_attention_is_lighter() -> None:
    ramp = coloured(np.arange(256, dtype=np.uint8)[None])
    luminance = ramp @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance[0][::8]) > 0).all()


def test_lines_that_lie_on_one_another_are_all_seen(tmp_path) -> None:
    draw_shares(
        tmp_path / "shares.png",
        "A title",
        [1, 2, 3],
        {
            "baseline": [0.2, 0.2, 0.1],
            "early_boost": [0.3, 0.4, 0.3],
            "full_boost": [0.3, 0.4, 0.3],
            "placebo": [0.2, 0.2, 0.1],
        },
    )
    with Image.open(tmp_path / "shares.png") as plot:
        lines = np.asarray(plot.convert("RGB"))[:, :700]  # without the legend
    for name in ("early_boost", "full_boost", "placebo"):
        assert (lines == rgb(style_of(name).colour)).all(-1).sum() > 50


def test_pictures_are_drawn(tmp_path) -> None:
    draw_shares(tmp_path / "shares.png", "A title", [1, 2], {"baseline": [0.2, float("nan")]})
    image = np.full((60, 40, 3), 100, np.uint8)
    heatmap = np.zeros((30, 20), np.uint8)
    tiles = {name: Tile(heatmap, "20.0%") for name in SEVEN}
    strip = Strip("scene 1", image, heatmap > 0, heatmap, "20.0%", tiles)
    draw_contact_sheet(tmp_path / "sheet.png", "A title", [strip, strip])
    with Image.open(tmp_path / "shares.png") as plot, Image.open(tmp_path / "sheet.png") as sheet:
        assert plot.size == (880, 440)
        assert sheet.width > 10 * 132
        assert sheet.height > 2 * 198

"""Pictures of the page: sizes, colours and outlines that are known beforehand."""

import base64
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.ground.files import write_bytes
from pipeline.pictures.reading import encode
from pipeline.stages.report import pictures
from pipeline.stages.report.pictures import Gallery, colour_tables, heatmap_picture, outline


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A scene of noise, 640×360 pixels: what compresses worst."""
    pixels = np.random.default_rng(0).integers(0, 256, (640, 360, 3), np.uint8)
    write_bytes(tmp_path / "scene.jpg", encode(pixels, "jpg"))
    return tmp_path / "scene.jpg"


def test_scenes_shrink_to_the_width_and_are_never_enlarged(noise: Path) -> None:
    assert opened(pictures.scene_picture(noise, 180)).size == (180, 320)
    assert opened(pictures.scene_picture(noise, 900)).size == (360, 640)


def test_the_width_falls_with_the_number_of_scenes_and_the_budget_holds(noise: Path) -> None:
    widths = [pictures.scene_width([noise] * 3, count) for count in (3, 400, 1400)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pictures.WIDTHS[0]
    assert len(pictures.scene_picture(noise, widths[1])) * 400 <= pictures.BUDGET


def test_a_heatmap_stays_grey_and_small(tmp_path: Path) -> None:
    levels = np.tile(np.linspace(0, 255, 480).astype(np.uint8), (270, 1))
    write_bytes(tmp_path / "map.png", encode(levels, "png"))
    small = opened(heatmap_picture(tmp_path / "map.png")).convert("L")
    assert small.size == (96, 54)
    expected = np.linspace(0, 255, 96)
    assert np.abs(np.asarray(small, float) - expected).max() < 8


def test_colours_go_from_black_to_light() -> None:
    tables = np.array(colour_tables())
    assert tables.shape == (3, 33)
    assert tables[:, 0].max() < 0.02
    assert tables[:2, -1].min() > 0.9


def test_the_outline_of_a_rectangle_has_its_corners() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:11, 8:19] = True
    assert outline(mask) == "M8.5 5.5L8.5 10.5L18.5 10.5L18.5 5.5Z"
    assert outline(np.zeros((20, 30), bool)) == ""


def test_a_picture_that_two_variants_share_is_held_once(noise: Path) -> None:
    copy = noise.with_name("copy.jpg")
    copy.write_bytes(noise.read_bytes())
    gallery = Gallery()
    picture = partial(pictures.scene_picture, width=90)
    assert [gallery.add(path, picture) for path in (noise, copy, noise)] == [0, 0, 0]
    assert opened(base64.b64decode(gallery.pictures[0])).size == (90, 160)

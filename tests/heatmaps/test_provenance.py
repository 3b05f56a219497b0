"""A heatmap's file: full scale, and where its attention came from."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.heatmaps.fixations import fixation_map
from pipeline.heatmaps.provenance import heatmap_file, provenance


def test_the_file_is_grey_with_its_maximum_at_255() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        x, y = random.uniform(0, 90, 9), random.uniform(0, 160, 9)
        heatmap = fixation_map(x, y, random.uniform(0, 1, 9), (160, 90), sigma=10)
        image = Image.open(BytesIO(heatmap_file(heatmap, 95, "recorded")))
        assert image.mode == "L"
        assert np.asarray(image).max() == 255
        assert np.abs(np.asarray(image) / 255 - heatmap / heatmap.max()).max() < 0.02


@pytest.mark.parametrize(
    ("source", "model", "comment"),
    [
        ("recorded", "", b"gazeshift heatmap_source=recorded"),
        ("predicted", "some:net", b"gazeshift heatmap_source=predicted model=some:net"),
    ],
)
def test_the_comment_says_who_looked(source, model: str, comment: bytes) -> None:
    image = Image.open(BytesIO(heatmap_file(np.eye(8), 95, source, model)))
    assert image.info["comment"] == comment
    assert provenance(comment) == source


@pytest.mark.parametrize("comment", [None, b"", b"made with love", b"heatmap_source=recorded"])
def test_a_map_without_our_comment_was_imported(comment: bytes | None) -> None:
    assert provenance(comment) == "imported"

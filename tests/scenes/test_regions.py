import numpy as np
import pytest

from pipeline.scenes.regions import add_change, feathered_region

MASK = np.zeros((40, 20), bool)
MASK[10:20, 5:15] = True


def test_the_keyword_takes_all_and_the_change_fades_out_beyond_it() -> None:
    weight = feathered_region(MASK, "keyword", feather_px=2, image_size=(40, 20))
    assert (weight[MASK] == 1).all()
    np.testing.assert_allclose(weight[20:24, 10], [2 / 3, 1 / 3, 0, 0], atol=1e-6)


def test_the_feather_is_measured_at_image_size() -> None:
    weight = feathered_region(MASK, "keyword", feather_px=2, image_size=(20, 10))
    assert np.count_nonzero(weight[20:, 10]) == 4


def test_no_pixel_of_the_product_is_in_the_background() -> None:
    weight = feathered_region(MASK, "background", feather_px=2, image_size=(40, 20))
    assert (weight[MASK] == 0).all()
    assert weight[0, 0] == 1


@pytest.mark.parametrize("size", [(20, 10), (80, 40)], ids=["enlarged", "reduced"])
def test_all_pixels_outside_the_region_stay_as_they_are(size: tuple[int, int]) -> None:
    original = np.random.default_rng(0).integers(0, 256, (40, 20, 3), np.uint8)
    weight = feathered_region(MASK, "keyword", 2, size)
    edited = add_change(original, np.full((*size, 3), 30, np.float32), weight)
    assert (edited[weight == 0] == original[weight == 0]).all()
    wanted = np.minimum(original[MASK].astype(int) + 30, 255)
    assert (edited[MASK] == wanted).all()

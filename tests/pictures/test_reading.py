"""Images under the contract: what converts exactly is taken, the rest is refused."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from pipeline.pictures.reading import (
    ImageRefused,
    encode,
    probe_rgb,
    read_grey,
    read_rgb,
    read_rgb_at,
    to_levels,
)
from pipeline.pictures.resizing import resize
from schemas.rejected_scenes import Reason

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


def saved(folder: Path, image: Image.Image, name: str = "image.png", **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def test_grey_levels_survive_every_exact_conversion(tmp_path: Path) -> None:
    as_rgb = np.stack([GREY] * 3, axis=-1)
    opaque = np.dstack([as_rgb, np.full(GREY.shape, 255, np.uint8)])
    for pixels in (GREY, as_rgb, opaque, GREY.astype(np.uint16) * 257):
        path = saved(tmp_path, Image.fromarray(pixels))
        np.testing.assert_array_equal(read_grey(path), GREY)


@pytest.mark.parametrize(
    ("image", "reads"),
    [
        (Image.fromarray(RGB), read_grey),
        (Image.fromarray(np.dstack([RGB, GREY])), read_rgb),
        (Image.fromarray(GREY.astype(np.uint16) * 257 + 1), read_grey),
    ],
    ids=["colours as grey", "transparency used", "16 bits"],
)
def test_a_mode_without_exact_form_is_refused(tmp_path: Path, image, reads) -> None:
    with pytest.raises(ImageRefused) as refused:
        reads(saved(tmp_path, image))
    assert refused.value.reason is Reason.WRONG_IMAGE_MODE


def test_cmyk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match="CMYK"):
        read_rgb(saved(tmp_path, Image.new("CMYK", (8, 6)), "image.jpg"))


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6
    rotated = read_rgb(saved(tmp_path, image, exif=exif))
    np.testing.assert_array_equal(rotated, np.rot90(RGB, -1))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    content = encode(np.tile(RGB, (40, 40, 1)), "jpg")
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageRefused, match="truncated"):
        read_rgb(tmp_path / "cut.jpg")


def test_levels_round_to_nearest() -> None:
    values = np.array([0.0, 0.5 / 255 - 1e-9, 0.5 / 255 + 1e-9, 1.0, 1.5])
    assert to_levels(values).tolist() == [0, 0, 1, 255, 255]


@pytest.mark.parametrize("size", [(512, 512), (320, 180), (160, 107), (96, 64), (50, 40)])
@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_reduced_decode_is_within_a_grey_level_of_a_full_one(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    photograph = cv2.resize(load_sample_image(name), (720, 1280), interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "scene.jpg"
    path.write_bytes(encode(photograph, "jpg"))
    reduced = read_rgb_at(path, size)
    assert reduced.shape == (*size, 3)
    difference = np.abs(reduced.astype(int) - resize(read_rgb(path), size))
    assert difference.mean() <= 1.0


def test_what_cannot_be_reduced_is_decoded_in_full(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (255, 0, 0)
    turned = Image.Exif()
    turned[0x0112] = 6
    path = saved(tmp_path, Image.fromarray(pixels), "scene.jpg", exif=turned, quality=95)
    assert np.array_equal(read_rgb_at(path, (60, 40)), read_rgb(path))
    path = saved(tmp_path, Image.fromarray(pixels), "scene.png")
    assert np.array_equal(read_rgb_at(path, (20, 30)), resize(pixels, (20, 30)))


def test_a_truncated_scene_is_refused_at_any_size(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(np.full((64, 64, 3), 90, np.uint8)), "scene.jpg")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImageRefused):
        read_rgb_at(path, (16, 16))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, b"6\0\0\0"), (3, b"\x63\0\0\0"), (3, b"\0\0\0\0")],
    ids=["text", "99", "0"],
)
def test_an_orientation_that_there_is_not_is_none(tmp_path: Path, kind: int, value: bytes) -> None:
    header, entries = (
        b"Exif\0\0II*\0\x08\0\0\0",
        struct.pack("<HHHI4sI", 1, 0x0112, kind, 1, value, 0),
    )
    path = saved(tmp_path, Image.new("RGB", (60, 40)), "scene.jpg", exif=header + entries)
    assert probe_rgb(path.read_bytes()) == read_rgb(path).shape[:2] == (40, 60)

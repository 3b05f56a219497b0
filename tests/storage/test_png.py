"""The fast decoder of grey PNGs against Pillow, whole, cut and damaged."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipeline.storage.images import MAX_PIXELS, ImageRefused, encode, grey_pixels
from pipeline.storage.png import decode_grey_png, is_whole_png
from schemas.rejected_scenes import Reason

HEIGHT, WIDTH = 21, 34
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
FLAT = np.where((ROWS - 9) ** 2 + (COLUMNS - 15) ** 2 < 50, 255, 0).astype(np.uint8)
RAMP = (ROWS * 7 + COLUMNS * 3).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", zlib.crc32(name + data))


def png(filters: Iterable[int], levels: np.ndarray = RAMP, extra: bytes = b"") -> bytes:
    """A PNG whose rows use these filters (0 None, 1 Sub, 2 Up), in two IDAT chunks."""
    rows = []
    above = np.zeros(levels.shape[1], np.uint8)
    for used, row in zip(filters, levels, strict=True):
        left = np.concatenate([[np.uint8(0)], row[:-1]])
        prediction = {0: np.zeros_like(row), 1: left, 2: above}[used]
        rows.append(bytes([used]) + (row - prediction).tobytes())
        above = row
    data = zlib.compress(b"".join(rows))
    header = struct.pack(">IIBBBBB", levels.shape[1], levels.shape[0], 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), extra, chunk(b"IDAT", data[:50]), chunk(b"IDAT", data[50:]))
    return SIGNATURE + b"".join(parts) + chunk(b"IEND", b"")


def by_pillow(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image)


def pillow_decodes(content: bytes) -> bool:
    try:
        by_pillow(content)
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def accepted(content: bytes) -> bool:
    try:
        grey_pixels(content)
    except ImageRefused as refused:
        return refused.reason not in (Reason.UNREADABLE_IMAGE, Reason.WRONG_IMAGE_MODE)
    return True


@pytest.mark.parametrize("levels", [FLAT, RAMP, NOISE], ids=["flat", "ramp", "noise"])
def test_what_pillow_writes_reads_the_same(levels: np.ndarray) -> None:
    np.testing.assert_array_equal(grey_pixels(encode(levels, "png")), levels)


def test_a_mask_takes_the_fast_way() -> None:
    levels = decode_grey_png(encode(FLAT, "png"), MAX_PIXELS)
    assert levels is not None
    np.testing.assert_array_equal(levels, FLAT)


@pytest.mark.parametrize("seed", range(8))
def test_every_mixture_of_filters_is_undone(seed: int) -> None:
    content = png(np.random.default_rng(seed).integers(0, 3, HEIGHT).tolist())
    levels = decode_grey_png(content, MAX_PIXELS)
    assert levels is not None
    np.testing.assert_array_equal(levels, RAMP)
    np.testing.assert_array_equal(by_pillow(content), RAMP)


@pytest.mark.parametrize("levels", [FLAT, NOISE], ids=["flat", "noise"])
def test_a_cut_file_is_refused_at_every_place(levels: np.ndarray) -> None:
    content = encode(levels, "png")
    assert [cut for cut in range(len(content)) if accepted(content[:cut])] == []
    # Pillow itself forgives the loss of the end and of the data's two checksums, nothing more.
    after_the_data = 2 * 4 + len(chunk(b"IEND", b""))
    forgiven = [cut for cut in range(len(content)) if pillow_decodes(content[:cut])]
    assert forgiven == list(range(len(content) - after_the_data, len(content)))


@pytest.mark.parametrize("mode", ["RGB", "P", "1", "LA"])
def test_a_cut_file_of_another_mode_is_refused_at_every_place(mode: str) -> None:
    file = BytesIO()
    Image.fromarray(FLAT).convert(mode).save(file, "PNG")
    content = file.getvalue()
    assert accepted(content)
    assert [cut for cut in range(len(content)) if accepted(content[:cut])] == []


def test_a_changed_byte_is_always_found() -> None:
    content = encode(NOISE, "png")
    for place in range(len(content)):
        damaged = content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
        assert not accepted(damaged)


@pytest.mark.parametrize("size", [0, 4, 12, 14])
def test_a_header_of_another_length_is_no_traceback(size: int) -> None:
    header = struct.pack(">IIBBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0, 0)[:size]
    whole = png([0] * HEIGHT)
    content = SIGNATURE + chunk(b"IHDR", header) + whole[8 + 25 :]
    assert is_whole_png(content)
    assert accepted(content) == (size > 13)


@pytest.mark.parametrize("size", [0, 1, -1], ids=["none", "one byte short", "one byte over"])
def test_data_that_do_not_fit_the_header_are_not_for_the_fast_way(size: int) -> None:
    levels = RAMP if size else RAMP[:0]
    rows = np.pad(levels, ((0, 0), (1, 0))).tobytes()
    rows = rows[:-1] if size == 1 else rows + b"\0" * (size == -1)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    content = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    content += chunk(b"IEND", b"")
    assert decode_grey_png(content, MAX_PIXELS) is None
    assert not accepted(content) or pillow_decodes(content)


@pytest.mark.parametrize("where", ["eXIf", "XMP", "raw profile"])
def test_the_orientation_is_applied_wherever_it_stands(where: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    notes = PngImagePlugin.PngInfo()
    file = BytesIO()
    if where == "eXIf":
        Image.fromarray(FLAT).save(file, "PNG", exif=exif)
    elif where == "XMP":
        notes.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta tiff:Orientation="6"></x:xmpmeta>')
        Image.fromarray(FLAT).save(file, "PNG", pnginfo=notes)
    else:
        profile = exif.tobytes()
        text = f"\nexif\n{len(profile):8}\n{profile.hex()}\n"
        notes.add_text("Raw profile type exif", text, zip=True)
        Image.fromarray(FLAT).save(file, "PNG", pnginfo=notes)
    np.testing.assert_array_equal(grey_pixels(file.getvalue()), np.rot90(FLAT, -1))


def test_larger_images_are_not_decoded() -> None:
    assert decode_grey_png(encode(FLAT, "png"), HEIGHT * WIDTH) is not None
    assert decode_grey_png(encode(FLAT, "png"), HEIGHT * WIDTH - 1) is None


def test_a_decompression_bomb_is_refused_unread() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    content = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(ImageRefused) as refused:
        grey_pixels(content)
    assert refused.value.reason is Reason.IMAGE_TOO_LARGE

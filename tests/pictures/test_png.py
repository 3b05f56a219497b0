"""PNGs of masks: whole, cut, damaged, turned; what Pillow would forgive is refused."""

import struct
import tracemalloc
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipeline.pictures.png import grey_levels, inflated, read_chunks
from pipeline.pictures.reading import ImageRefused, encode, grey_pixels
from schemas.rejected_scenes import Reason

HEIGHT, WIDTH = 21, 34
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
FLAT = np.where((ROWS - 9) ** 2 + (COLUMNS - 15) ** 2 < 50, 255, 0).astype(np.uint8)
RAMP = (ROWS * 7 + COLUMNS * 3).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", zlib.crc32(name + data))


def header(width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Of 8-bit grey levels."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def data(rows: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(rows))


RAMP_DATA = data(np.pad(RAMP, ((0, 0), (1, 0))).tobytes())


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def by_us(content: bytes) -> np.ndarray | None:
    return grey_levels(read_chunks(content) or [])


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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_is_inflated_beforehand_is_the_same_picture(mode: str) -> None:
    pixels = np.tile(NOISE, (40, 60))
    image = Image.fromarray(pixels.astype(np.uint16) if mode == "I;16" else pixels)
    file = BytesIO()
    image.convert(mode).save(file, "PNG", pnginfo=_note())
    stored = inflated(read_chunks(file.getvalue()) or [])
    assert stored
    assert len(stored) > pixels.size // 8
    np.testing.assert_array_equal(by_pillow(stored), by_pillow(file.getvalue()))
    with Image.open(BytesIO(stored)) as read:
        read.load()
        assert (read.mode, read.info["said"]) == (mode, "at the end")


def by_filter(kind: int) -> bytes:
    """Return RAMP as a PNG whose rows are all filtered in one way (specification, section 9.2)."""
    rows = np.zeros((HEIGHT + 1, WIDTH + 1), int)
    rows[1:, 1:] = RAMP
    left, up, corner = rows[1:, :-1], rows[:-1, 1:], rows[:-1, :-1]
    distances = np.abs([up - corner, left - corner, left + up - 2 * corner])
    paeth = np.choose(distances.argmin(0), [left, up, corner])
    guess = [0 * left, left, up, (left + up) // 2, paeth][min(kind, 4)]
    filtered = np.pad((rows[1:, 1:] - guess) % 256, ((0, 0), (1, 0)), constant_values=kind)
    return png(header(), data(filtered.astype(np.uint8).tobytes()))


@pytest.mark.parametrize("kind", range(5), ids=["none", "sub", "up", "average", "Paeth"])
def test_every_filter_is_undone(kind: int) -> None:
    content = by_filter(kind)
    np.testing.assert_array_equal(by_pillow(content), RAMP)
    np.testing.assert_array_equal(by_us(content), RAMP)


def test_a_picture_is_not_mixed_with_the_one_before() -> None:
    for levels in (NOISE, FLAT, RAMP, NOISE):
        np.testing.assert_array_equal(by_us(encode(levels, "png")), levels)


def test_a_filter_that_is_none_is_refused() -> None:
    assert not accepted(by_filter(5))


def _note() -> PngImagePlugin.PngInfo:
    notes = PngImagePlugin.PngInfo()
    notes.add(b"tEXt", b"said\0at the end", after_idat=True)
    return notes


@pytest.mark.parametrize("rows", [HEIGHT * (WIDTH + 1) - 1, 10_000_000], ids=["less", "bomb"])
def test_other_data_than_the_header_announces_are_not_taken_in(rows: int) -> None:
    content = png(header(), data(b"\0" * rows))
    assert inflated(read_chunks(content) or []) is None


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


@pytest.mark.parametrize("size", [0, 4, 12])
def test_a_header_that_is_too_short_is_no_traceback(size: int) -> None:
    short = chunk(b"IHDR", header()[8:][:size])
    assert not accepted(SIGNATURE + short + encode(FLAT, "png")[8 + 25 :])


def test_data_that_end_before_the_image_are_refused() -> None:
    rows = np.pad(RAMP, ((0, 0), (1, 0))).tobytes()[:-1]
    assert not accepted(png(header(), data(rows)))


@pytest.mark.parametrize("where", ["eXIf", "XMP", "raw profile"])
def test_the_orientation_is_applied_wherever_it_stands(where: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    notes = PngImagePlugin.PngInfo()
    if where == "XMP":
        notes.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta tiff:Orientation="6"></x:xmpmeta>')
    if where == "raw profile":
        profile = exif.tobytes()
        text = f"\nexif\n{len(profile):8}\n{profile.hex()}\n"
        notes.add_text("Raw profile type exif", text, zip=True)
    file = BytesIO()
    own = {"exif": exif} if where == "eXIf" else {}
    Image.fromarray(FLAT).save(file, "PNG", pnginfo=notes, **own)
    np.testing.assert_array_equal(grey_pixels(file.getvalue()), np.rot90(FLAT, -1))


def test_a_decompression_bomb_is_refused_unread() -> None:
    with pytest.raises(ImageRefused) as refused:
        grey_pixels(png(header(60_000, 60_000), data(b"\0" * 1_000_000)))
    assert refused.value.reason is Reason.IMAGE_TOO_LARGE


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt"])
def test_a_note_that_inflates_to_a_bomb_is_not_inflated_by_ffmpeg(name: bytes) -> None:
    bomb = chunk(name, b"profile\0\0" + zlib.compress(b"\0" * 100_000_000))
    content = png(header(), bomb, RAMP_DATA)
    assert by_us(content) is None
    tracemalloc.start()
    accepted(content)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("second", [header(), header(WIDTH * 1000)], ids=["same", "huge"])
def test_a_second_header_is_left_to_pillow_or_refused(second: bytes) -> None:
    content = png(header(), second, RAMP_DATA)
    assert by_us(content) is None
    assert not accepted(content) or pillow_decodes(content)


def test_a_private_chunk_before_the_header_is_refused() -> None:
    content = png(chunk(b"prVt", b"x"), header(), RAMP_DATA)
    assert by_us(content) is None
    assert not accepted(content) or pillow_decodes(content)


def test_a_note_in_words_changes_no_pixel() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("comment", "predicted by a saliency model")
    file = BytesIO()
    Image.fromarray(RAMP).save(file, "PNG", pnginfo=notes)
    np.testing.assert_array_equal(grey_pixels(file.getvalue()), RAMP)

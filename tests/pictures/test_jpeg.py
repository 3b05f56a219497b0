"""The fast judgement of a JPEG against a full decode by Pillow, cut and damaged in many places."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.pictures.jpeg import damage, first_rows, read_layout
from pipeline.pictures.reading import ImageRefused, probe_rgb
from schemas.rejected_scenes import Reason

HEIGHT, WIDTH = 75, 43
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
SMOOTH = np.stack([ROWS * 3, COLUMNS * 5, (ROWS + COLUMNS) * 2], axis=-1).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def jpeg(pixels: np.ndarray = SMOOTH, mode: str = "RGB", **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG that holds another one in its EXIF data, as cameras write them."""
    exif = Image.Exif()
    exif[0x010E] = jpeg(SMOOTH[:8, :8]).decode("latin-1")
    return jpeg(exif=exif.tobytes())


KINDS = {
    "4:2:0": jpeg(quality=75),
    "4:4:4": jpeg(quality=95, subsampling=0),
    "grey": jpeg(mode="L"),
    "noise": jpeg(NOISE, quality=100, subsampling=0),
    "optimised": jpeg(optimize=True),
    "restart markers": jpeg(NOISE, restart_marker_blocks=2),
    "progressive": jpeg(progressive=True),
    "comment": jpeg(comment=b"\xff\xd9\xff\xda a comment with markers"),
    "thumbnail": with_thumbnail(),
    "one block": jpeg(SMOOTH[:8, :8]),
    "one pixel": jpeg(SMOOTH[:1, :1]),
}
every_kind = pytest.mark.parametrize("content", KINDS.values(), ids=KINDS.keys())


def pillow_decodes(content: bytes) -> bool:
    try:
        with Image.open(BytesIO(content)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def accepted(content: bytes) -> bool:
    try:
        probe_rgb(content)
    except ImageRefused as refused:
        return refused.reason is not Reason.UNREADABLE_IMAGE
    return True


def cuts(content: bytes) -> list[int]:
    """Every place of the first 700 bytes and the last 100, and some in between."""
    length = len(content)
    places = {*range(700), *range(0, length, 97), *range(length - 100, length)}
    return sorted(place for place in places if place < length)


@every_kind
def test_a_whole_file_is_accepted_at_its_size(content: bytes) -> None:
    with Image.open(BytesIO(content)) as image:
        assert probe_rgb(content) == (image.height, image.width)


@every_kind
def test_a_cut_file_is_refused_wherever_pillow_fails(content: bytes) -> None:
    assert [cut for cut in cuts(content) if accepted(content[:cut])] == []
    forgiven = [cut for cut in cuts(content) if pillow_decodes(content[:cut])]
    # With restart markers Pillow does not miss the end marker, two bytes, and we do.
    restarts = content is KINDS["restart markers"]
    assert forgiven == ([len(content) - 2, len(content) - 1] if restarts else [])


@every_kind
def test_bytes_after_the_end_do_no_harm(content: bytes) -> None:
    assert accepted(content + b"\0" * 100)
    assert accepted(content + content)


@every_kind
def test_nothing_that_pillow_fails_on_is_accepted(content: bytes) -> None:
    random = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(content)
        for place in random.integers(2, len(content), random.integers(1, 4)):
            damaged[place] = random.integers(256)
        # Neither a traceback nor an acceptance of what does not decode later on.
        assert not accepted(bytes(damaged)) or pillow_decodes(bytes(damaged))


@pytest.mark.parametrize(
    ("mutate", "found"),
    [
        (lambda content, data: content[: data + 400], "the data end before the image does"),
        (
            lambda content, data: content[: data + 400] + b"\xff\xc4" + content[data + 402 :],
            "marker 0xc4 inside the image data",
        ),
        (lambda content, data: content, ""),
    ],
    ids=["cut", "marker", "whole"],
)
def test_damage_is_named(mutate: Callable[[bytes, int], bytes], found: str) -> None:
    content = KINDS["noise"]
    layout = read_layout(content)
    assert layout
    broken = mutate(content, layout.data)
    layout = read_layout(broken)
    assert layout
    assert damage(broken, layout).startswith(found)
    assert bool(damage(broken, layout)) == bool(found)


@pytest.mark.parametrize("kind", ["4:2:0", "grey", "noise", "restart markers"])
def test_the_first_rows_are_those_of_the_image(kind: str) -> None:
    content = KINDS[kind]
    layout = read_layout(content)
    assert layout
    with (
        Image.open(BytesIO(first_rows(content, layout))) as few,
        Image.open(BytesIO(content)) as whole,
    ):
        assert few.size == (WIDTH, 16)
        # 4:2:0 mixes the colours of neighbouring rows, so the last row may differ.
        rows = 4 if kind == "noise" else 15
        np.testing.assert_array_equal(np.asarray(few)[:rows], np.asarray(whole)[:rows])


def test_a_progressive_file_is_left_to_the_decoder() -> None:
    assert read_layout(KINDS["progressive"]) is None


def test_an_image_that_says_it_has_no_rows_is_refused() -> None:
    content = bytearray(KINDS["4:2:0"])
    layout = read_layout(bytes(content))
    assert layout
    struct.pack_into(">H", content, layout.frame + 3, 0)
    assert not accepted(bytes(content))


@pytest.mark.parametrize("changes", [{13: 1}, {6: 0xFF}, {13: 1, 6: 0xFF}], ids=str)
@pytest.mark.parametrize("kind", ["4:2:0", "grey", "optimised"])
def test_what_fails_after_a_warning_is_refused(kind: str, changes: dict[int, int]) -> None:
    """Decoders warn of wrong spectral bounds in the scan's header and go on; of a table, not."""
    broken = bytearray(KINDS[kind])
    scan = broken.index(b"\xff\xda")
    for place, value in changes.items():
        broken[scan + place] = value
    assert not accepted(bytes(broken)) or pillow_decodes(bytes(broken))


def test_files_with_a_known_header_are_judged_without_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = jpeg(SMOOTH, quality=91), jpeg(NOISE, quality=91)
    layout = read_layout(first)
    assert layout is not None
    assert first[: layout.data] == second[: layout.data]
    assert probe_rgb(first) == (HEIGHT, WIDTH)

    def no_pillow(*_: object, **__: object) -> None:
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(Image, "open", no_pillow)
    assert probe_rgb(second) == (HEIGHT, WIDTH)
    assert not accepted(second[:-100])
    with pytest.raises(AssertionError):
        probe_rgb(jpeg(NOISE, quality=92))


def test_what_a_header_says_is_each_files_own() -> None:
    upright, on_its_side = Image.Exif(), Image.Exif()
    upright[0x0112], on_its_side[0x0112] = 1, 6
    sizes = [probe_rgb(jpeg(exif=exif.tobytes())) for exif in (upright, on_its_side, upright)]
    assert sizes == [(HEIGHT, WIDTH), (WIDTH, HEIGHT), (HEIGHT, WIDTH)]


def test_a_header_that_was_refused_is_refused_again() -> None:
    content = jpeg(mode="CMYK")
    for _ in range(2):
        with pytest.raises(ImageRefused, match="CMYK"):
            probe_rgb(content)

"""Reading and writing images under the contract: what converts exactly is taken, the rest refused.

One door for every stage, so that what validation accepted is what the others see: decoded pixels
after EXIF transposition, scenes as RGB, masks and heatmaps as 8-bit grey.

Whatever reads raises `ImageRefused` for a file that is unreadable, truncated or too large, or whose
mode has no exact form of that kind; and FileNotFoundError where there is none.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipeline.pictures.jpeg import (
    MADE_UP,
    MAX_SCANS,
    Layout,
    Span,
    damage,
    first_rows,
    read_layout,
    read_scans,
    with_more_data,
)
from pipeline.pictures.png import Chunk, beyond_8_bits, grey_levels, inflated, read_chunks
from pipeline.pictures.resizing import resize
from schemas.rejected_scenes import Reason

Pixels = NDArray[np.uint8]

MAX_PIXELS = 64_000_000
"""Larger images are refused unread: 8000x8000 is far above any ad, far below a memory problem."""


# By what a JPEG may be reduced in decoding, largest first. A picture must shrink by twice that, so
# that the two ways to reduce average out.
_REDUCTIONS = {4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}

# So many headers are remembered, if they are no longer than that: pictures in pictures are not.
_KNOWN, _KNOWN_BYTES = 64, 4096


class ImageRefused(Exception):
    """An image breaks the contract: `reason` is from the fixed list, `found` says what is there."""

    def __init__(self, reason: Reason, found: str) -> None:
        super().__init__(f"{reason.value}: {found}")
        self.reason = reason
        self.found = found

    def __reduce__(self) -> tuple[type[ImageRefused], tuple[Reason, str]]:
        return type(self), (self.reason, self.found)


class _Header(NamedTuple):
    """What is known of an image before its pixels are decoded; its size as stored, in pixels."""

    width: int
    height: int
    mode: str
    """Pillow's."""
    orientation: int | None
    """EXIF's; None where it says nothing."""
    comment: bytes | None

    @classmethod
    def of(cls, image: Image.Image) -> _Header:
        """Read it from an image that was opened; a PNG is decoded for its orientation."""
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        return cls(image.width, image.height, image.mode, orientation, image.info.get("comment"))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as displayed."""
        on_its_side = self.orientation in (5, 6, 7, 8)
        return (self.width, self.height) if on_its_side else (self.height, self.width)


class _Opened(NamedTuple):
    """A file whose header is read and whose pixels are not decoded yet."""

    content: bytes
    jpeg: _Header | None
    """Of a sequential JPEG."""
    layout: Layout | None
    """Likewise."""
    spans: tuple[Span, ...]
    """The entropy-coded data of a JPEG."""
    chunks: list[Chunk]
    """Of a PNG."""

    def decode(self) -> Image.Image:
        """Decode all pixels and apply the EXIF orientation."""
        stored = inflated(self.chunks) if self.chunks else None
        image = _decode(Image.open(BytesIO(stored)) if stored else _by_pillow(self.content))
        # The last pixel that is stored lies in a corner.
        corners = [(x, y) for x in (0, image.width - 1) for y in (0, image.height - 1)]
        if self._ends_often() or any(_is_made_up(image.getpixel(corner)) for corner in corners):
            self._refuse_early_end(image)
        return image

    def rgb(self, reduction: int = 1) -> Pixels:
        """Return the colours, where OpenCV decodes them at one `reduction`-th of the size."""
        pixels = self._by_opencv("RGB", _REDUCTIONS.get(reduction, cv2.IMREAD_COLOR_RGB))
        if pixels is None:
            return _to_rgb(self.decode())
        # A reduced decode knows no other order of the colours.
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if reduction > 1 else pixels)

    def grey(self) -> Pixels:
        """Return the grey levels."""
        levels = grey_levels(self.chunks)
        if levels is None:
            levels = self._by_opencv("L", cv2.IMREAD_GRAYSCALE)
        return _to_grey(self.decode()) if levels is None else levels

    def is_whole(self) -> bool:
        """Return whether OpenCV decodes it; refuse a JPEG whose data end early."""
        return self._decoded(cv2.IMREAD_REDUCED_GRAYSCALE_8) is not None

    def _by_opencv(self, mode: str, flag: int) -> Pixels | None:
        """Decode a sequential JPEG of that mode which lies as it is shown; None of all others."""
        if self.jpeg is None or (self.jpeg.mode, self.jpeg.orientation) != (mode, None):
            return None
        return self._decoded(flag)

    def _decoded(self, flag: int) -> Pixels | None:
        flag |= cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(self.content, np.uint8), flag)
        if pixels is None:
            return None
        if self._ends_often() or _is_made_up(pixels[-1, -1]):
            self._refuse_early_end(_decode(_by_pillow(self.content)))
        return np.asarray(pixels, np.uint8)

    def _ends_often(self) -> bool:
        """Return whether data can end early before the last pixel: in a scan, or at a restart."""
        return self.layout is None or self.layout.has_restarts

    def _refuse_early_end(self, image: Image.Image) -> None:
        """Refuse a JPEG, decoded to `image`, whose data end before its pixels do."""
        if not self.spans:
            return
        more = _decode(_by_pillow(with_more_data(self.content, self.spans)))
        if not np.array_equal(np.asarray(image), np.asarray(more)):
            raise ImageRefused(Reason.UNREADABLE_IMAGE, "damaged or truncated: the data end early")


def _is_made_up(pixel: Any) -> bool:
    return bool(np.all(np.asarray(pixel) == MADE_UP))


def _open(content: bytes) -> _Opened:
    if not content:
        raise ImageRefused(Reason.UNREADABLE_IMAGE, "the file is empty")
    if layout := read_layout(content):
        start = content[: layout.data]
        header = (_known_header if len(start) <= _KNOWN_BYTES else _jpeg_header)(start)
        if found := damage(content, layout):
            raise ImageRefused(Reason.UNREADABLE_IMAGE, f"damaged or truncated: {found}")
        span = layout.data, layout.next_marker or len(content)
        return _Opened(content, header, layout, (span,), [])
    image = _by_pillow(content)
    if image.format != "PNG":
        return _Opened(content, None, None, _spans(content), [])
    chunks = read_chunks(content)
    if chunks is None:
        raise ImageRefused(Reason.UNREADABLE_IMAGE, "damaged or truncated: a checksum is wrong")
    if found := beyond_8_bits(chunks):
        raise ImageRefused(Reason.WRONG_IMAGE_MODE, f"{found}, expected 8 bits, opaque")
    return _Opened(content, None, None, (), chunks)


def _spans(content: bytes) -> tuple[Span, ...]:
    """Return where the data of a JPEG of several scans are."""
    scans = read_scans(content)
    if scans.number > MAX_SCANS:
        found = f"{scans.number:,} scans, at most {MAX_SCANS} allowed"
        raise ImageRefused(Reason.UNREADABLE_IMAGE, found)
    if not scans.complete:
        raise ImageRefused(Reason.UNREADABLE_IMAGE, "damaged or truncated: scans are missing")
    return scans.spans


def _jpeg_header(start: bytes) -> _Header:
    """Return the header of a JPEG, from all that comes before its entropy-coded data."""
    return _Header.of(_by_pillow(start))


# Scenes that one program has written at one size have the same header, to the last byte.
_known_header = lru_cache(_KNOWN)(_jpeg_header)


def _by_pillow(content: bytes) -> Image.Image:
    try:
        image = Image.open(BytesIO(content), formats=("JPEG", "PNG"))
    except Image.DecompressionBombError as error:
        raise ImageRefused(Reason.IMAGE_TOO_LARGE, str(error)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ImageRefused(Reason.UNREADABLE_IMAGE, "not a readable JPEG or PNG") from error
    if image.width * image.height > MAX_PIXELS:
        found = f"{image.width}x{image.height} pixels, at most {MAX_PIXELS:,} allowed"
        raise ImageRefused(Reason.IMAGE_TOO_LARGE, found)
    return image


def read_rgb(path: Path) -> Pixels:
    """Return a scene as H×W×3 uint8 RGB."""
    return rgb_pixels(path.read_bytes())


def rgb_pixels(content: bytes) -> Pixels:
    """Return a scene as H×W×3 uint8 RGB from the bytes of its file."""
    return _open(content).rgb()


def read_rgb_at(path: Path, size: tuple[int, int]) -> Pixels:
    """Return a scene at `size` (height, width), as cheaply as it can be had.

    A JPEG that shrinks at least fourfold is decoded at a half (or less) of its size, as its cosine
    transform allows: within one grey level, on average, of `resize(read_rgb(path), size)`, which it
    equals otherwise.
    """
    opened = _open(path.read_bytes())
    reduction = 1
    if opened.jpeg:
        smallest = min(opened.jpeg.height / size[0], opened.jpeg.width / size[1])
        reduction = next((each for each in _REDUCTIONS if 2 * each <= smallest), 1)
    return np.asarray(resize(opened.rgb(reduction), size), np.uint8)


def read_grey(path: Path) -> Pixels:
    """Return a mask or heatmap as H×W uint8."""
    return grey_pixels(path.read_bytes())


def grey_pixels(content: bytes) -> Pixels:
    """Return a mask or heatmap as H×W uint8 from the bytes of its file."""
    return _open(content).grey()


def grey_and_comment(content: bytes) -> tuple[Pixels, bytes | None]:
    """Return the grey levels as `grey_pixels` does, and the comment that a JPEG may hold."""
    opened = _open(content)
    return opened.grey(), opened.jpeg.comment if opened.jpeg else None


def reread(content: bytes) -> Pixels:
    """Return the levels of a grey image that `encode` has just written, as `read_grey` would."""
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE))


def probe_rgb(content: bytes) -> tuple[int, int]:
    """Return (height, width) of what `read_rgb` would give, and refuse what it would refuse.

    Of a sequential JPEG only the first rows are decoded, and those only of the first file with the
    same header: the rest is sound if its data end with the image (see `pipeline.pictures.jpeg`).
    Data that end early behind a sound end marker are for `whole_size` to find, where images come
    in. All other images are decoded.
    """
    opened = _open(content)
    if opened.jpeg is None or opened.layout is None:
        height, width = opened.rgb().shape[:2]
        return height, width
    start = content[: opened.layout.data]
    if start not in _sound:
        # By Pillow: the other decoder takes what follows the rows for damage.
        _to_rgb(_decode(_by_pillow(first_rows(content, opened.layout))))
        if len(_sound) >= _KNOWN:
            _sound.clear()
        if len(start) <= _KNOWN_BYTES:
            _sound.add(start)
    return opened.jpeg.size


# Headers whose tables are proved sound.
_sound: set[bytes] = set()


def whole_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of what `read_rgb` would give, and refuse whatever it would refuse.

    For images that come in. A sequential JPEG is decoded at an eighth of its size, which goes
    through all of its data in half of the time.
    """
    opened = _open(path.read_bytes())
    if opened.jpeg and opened.jpeg.mode in ("L", "RGB") and opened.is_whole():
        return opened.jpeg.size
    height, width = opened.rgb().shape[:2]
    return height, width


def read_size(path: Path) -> tuple[int, int]:
    """Return an image's (height, width) as displayed, EXIF orientation applied, from its header."""
    opened = _open(path.read_bytes())
    return (opened.jpeg or _Header.of(_by_pillow(opened.content))).size


def stored_size(content: bytes) -> tuple[int, int]:
    """Return an image's (height, width) as stored, from its header: nothing is decoded."""
    image = _by_pillow(content)
    return image.height, image.width


def _decode(image: Image.Image) -> Image.Image:
    """Decode all pixels and apply the EXIF orientation."""
    try:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageRefused(Reason.UNREADABLE_IMAGE, f"damaged or truncated: {error}") from error
    return image


def _to_rgb(image: Image.Image) -> Pixels:
    """Return the RGB pixels of a decoded image where the conversion is exact.

    Raises:
        ImageRefused: CMYK, 16-bit, or a transparency that is used.
    """
    image = _opaque(image)
    if image.mode in ("1", "L"):
        image = image.convert("RGB")
    if image.mode != "RGB":
        raise ImageRefused(Reason.WRONG_IMAGE_MODE, f"mode {image.mode}, expected 8-bit RGB")
    return np.asarray(image)


def _to_grey(image: Image.Image) -> Pixels:
    """Return the grey levels of a decoded image where the conversion is exact.

    Raises:
        ImageRefused: colours, CMYK, transparency, or 16 bits that 8 bits cannot hold.
    """
    if image.mode.startswith("I;16") or image.mode == "I":
        levels = np.asarray(image).astype(np.int64)
        if (levels % 257).any() or levels.min() < 0 or levels.max() > 65535:
            raise ImageRefused(Reason.WRONG_IMAGE_MODE, "16-bit levels that 8 bits cannot hold")
        return (levels // 257).astype(np.uint8)
    image = _opaque(image)
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "RGB":
        pixels = np.asarray(image)
        if not (pixels == pixels[..., :1]).all():
            raise ImageRefused(Reason.WRONG_IMAGE_MODE, "mode RGB with colours, expected grey")
        return np.ascontiguousarray(pixels[..., 0])
    if image.mode != "L":
        raise ImageRefused(Reason.WRONG_IMAGE_MODE, f"mode {image.mode}, expected 8-bit grey")
    return np.asarray(image)


def _opaque(image: Image.Image) -> Image.Image:
    """Drop a palette or an alpha channel that hides nothing."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("RGBA", "LA"):
        if image.getchannel("A").getextrema()[0] != 255:
            raise ImageRefused(Reason.WRONG_IMAGE_MODE, "transparent pixels, expected opaque")
        return image.convert(image.mode[:-1])
    return image


def read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the keyword mask at `size` (height, width), True where the file's grey is over 0.5."""
    return resize(read_grey(path), size) > 127


def read_heatmap(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the attention heatmap at `size` (height, width), float32 in [0, 1]."""
    return resize(read_grey(path), size).astype(np.float32) / np.float32(255)


def to_levels(heatmap: NDArray) -> Pixels:
    """Return a map in [0, 1] as 8-bit grey levels, rounded to nearest."""
    return np.rint(np.clip(heatmap, 0.0, 1.0) * 255.0).astype(np.uint8)


def encode(pixels: Pixels, suffix: str, quality: int = 95, comment: str = "") -> bytes:
    """Return H×W grey or H×W×3 RGB pixels as a file of type `suffix` ("jpg" or "png").

    JPEGs are written without chroma subsampling; only they take a `comment`.
    """
    if suffix == "jpg" and pixels.ndim == 2 and not comment:
        # The same bytes as Pillow's, without its copies.
        return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    file = BytesIO()
    image = Image.fromarray(pixels)
    if suffix == "png":
        image.save(file, "PNG", compress_level=4)
    else:
        image.save(file, "JPEG", quality=quality, subsampling=0, comment=comment)
    return file.getvalue()

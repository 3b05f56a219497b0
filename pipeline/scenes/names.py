"""File names of scenes: `{video_id}-Scene-{scene}-{image}.ext`, and what a `video_id` may be."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from pipeline.ground.errors import InputError

# A float holds whole numbers of 15 digits exactly, whoever turns a table's into one.
_NAME = re.compile(
    r"(?P<video_id>.+)-Scene-(?P<scene>\d{3,15})-(?P<image>\d{2,15})(?:\.k(?P<keyword>\d{1,15}))?"
    r"\.(?P<suffix>jpg|jpeg|png)",
    re.IGNORECASE | re.ASCII,
)
_SIGNS = frozenset("_.-")
_LONGEST_ID = 128
# File systems allow names of 255 bytes, and a scene's name has more than the id.
_MOST_BYTES = 200


class BadVideoId(InputError):
    """A `video_id` that may not become part of a path."""


class SceneName(NamedTuple):
    """A parsed file name; sorts by video, then by scene number as a number."""

    video_id: str
    scene_number: int
    image_number: int = 1
    keyword_index: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """Which scene: its video and number."""
        return self.video_id, self.scene_number

    def file(self, suffix: str) -> str:
        """Return the file name with `suffix` ("jpg", "png"); numbers are padded, never cut."""
        keyword = f".k{self.keyword_index}" if self.keyword_index else ""
        return (
            f"{self.video_id}-Scene-{self.scene_number:03d}-{self.image_number:02d}"
            f"{keyword}.{suffix}"
        )

    def relative(self, suffix: str) -> str:
        """Return `{video_id}/{file name}`, the place inside a tree of scenes."""
        return f"{self.video_id}/{self.file(suffix)}"


_OLD_NAME = re.compile(r"(?:scene_|.+-Scene-)\d+\.(?:png|jpe?g)", re.IGNORECASE)
_MIGRATE = (
    ". Earlier versions of the method named files so: `gazeshift migrate --from FOLDER`, where the "
    "folder is the one that holds the trees, takes them over under the right names"
)


def parse_scene_name(file_name: str) -> SceneName:
    """Parse a bare file name such as `7123…-Scene-001-01.jpg`.

    Raises:
        InputError: the name does not have this form (BadVideoId: its `video_id` is not allowed).
    """
    match = _NAME.fullmatch(file_name)
    if match is None:
        remedy = _MIGRATE if _OLD_NAME.fullmatch(file_name) else ""
        raise InputError(
            f"file name {file_name!r} does not parse; expected "
            f"{{video_id}}-Scene-{{number, 3 to 15 digits}}-{{image, 2 digits}}.jpg or .png{remedy}"
        )
    return SceneName(
        check_video_id(match["video_id"]),
        int(match["scene"]),
        int(match["image"]),
        int(match["keyword"] or 0),
    )


def check_video_id(video_id: str) -> str:
    """Return `video_id`, in its normal form, if it may become part of a path, URL and log line.

    Raises:
        BadVideoId: it is empty, too long, holds `..`, a separator, a space or a control character.
    """
    normal = normal_id(video_id)
    allowed = all(one in _SIGNS or unicodedata.category(one)[0] in "LNM" for one in normal)
    begins = normal[:1] == "_" or unicodedata.category(normal[:1] or " ")[0] in "LN"
    short = len(normal) <= _LONGEST_ID and len(normal.encode(errors="replace")) <= _MOST_BYTES
    if not (allowed and begins and short) or ".." in normal:
        raise BadVideoId(
            f"video id {video_id!r} is not allowed: letters, digits, '_', '-' and single '.' only, "
            f"at most {_LONGEST_ID} ({_MOST_BYTES} bytes in UTF-8), beginning with a letter, digit "
            "or '_'. Rename the file and its rows."
        )
    return normal


def normal_id(video_id: str) -> str:
    """Return an id in Unicode's form NFC: other systems write the same letters in other bytes."""
    return unicodedata.normalize("NFC", video_id)

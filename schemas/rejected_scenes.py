"""`rejected_scenes.csv`: every scene that was refused, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self


class Reason(StrEnum):
    """Why a scene (or a whole video) was refused. The list is fixed: reports count by it."""

    BAD_VIDEO_ID = "bad_video_id"
    VIDEO_UNREADABLE = "video_unreadable"
    VIDEO_IS_HDR = "video_is_hdr"
    NAME_DOES_NOT_PARSE = "name_does_not_parse"
    DUPLICATE_SCENE = "duplicate_scene"
    OUTSIDE_DATA_FOLDER = "outside_data_folder"
    MISSING_SCENE_IMAGE = "missing_scene_image"
    MISSING_MASK = "missing_mask"
    MISSING_HEATMAP = "missing_heatmap"
    UNREADABLE_IMAGE = "unreadable_image"
    IMAGE_TOO_LARGE = "image_too_large"
    WRONG_IMAGE_MODE = "wrong_image_mode"
    ASPECT_RATIO_DIFFERS = "aspect_ratio_differs"
    KEYWORD_MISSING = "keyword_missing"
    KEYWORD_BLANK = "keyword_blank"
    KEYWORD_DUPLICATE = "keyword_duplicate"
    KEYWORD_NOT_VISUAL = "keyword_not_visual"
    KEYWORD_NOT_IN_SCENE = "keyword_not_in_scene"
    MASK_EMPTY = "mask_empty"
    MASK_FULL = "mask_full"
    MASK_OF_LABELS = "mask_of_labels"
    NO_FIXATIONS = "no_fixations"
    HEATMAP_CONSTANT = "heatmap_constant"
    ANNOTATION_UNREADABLE = "annotation_unreadable"
    FIXATIONS_UNREADABLE = "fixations_unreadable"


REMEDIES: dict[Reason, str] = {
    Reason.BAD_VIDEO_ID: "Rename the video: letters, digits, '_', '-' and single '.' only.",
    Reason.VIDEO_UNREADABLE: "Check that the file plays; re-encode it as H.264 MP4, or remove it.",
    Reason.VIDEO_IS_HDR: "Convert it to SDR: docs/troubleshooting.md has a command.",
    Reason.NAME_DOES_NOT_PARSE: "Name it {video_id}-Scene-001-01.jpg (or .png).",
    Reason.DUPLICATE_SCENE: "Keep one file per scene: the same scene lies here twice.",
    Reason.OUTSIDE_DATA_FOLDER: "Put the file itself here: links out of the folder are refused.",
    Reason.MISSING_SCENE_IMAGE: "Add the scene's image, or remove its mask and heatmap.",
    Reason.MISSING_MASK: "Add it (all black: no product is shown), or set keyword_masks.source.",
    Reason.MISSING_HEATMAP: "Add the file named here, or set another attention_heatmap.source.",
    Reason.UNREADABLE_IMAGE: "Export the file again; it is empty, damaged or no JPEG or PNG.",
    Reason.IMAGE_TOO_LARGE: "Scale the image down.",
    Reason.WRONG_IMAGE_MODE: "Save scenes as 8-bit RGB, masks and heatmaps as 8-bit grey.",
    Reason.ASPECT_RATIO_DIFFERS: "Give it the scene's aspect ratio, as displayed (within 2 %).",
    Reason.KEYWORD_MISSING: "Add a row with this video's id to data/keywords.csv.",
    Reason.KEYWORD_BLANK: "Fill in the keyword in data/keywords.csv.",
    Reason.KEYWORD_DUPLICATE: "Keep one row per video in data/keywords.csv; its rows disagree.",
    Reason.KEYWORD_NOT_VISUAL: "Name a thing that one can see, such as 'sneaker'.",
    Reason.KEYWORD_NOT_IN_SCENE: "Nothing to do if the product is not shown; else outline it.",
    Reason.MASK_EMPTY: "Draw the product in white, larger; all black if it is not shown.",
    Reason.MASK_FULL: "Draw the product's outline; a mask of the whole frame has no background.",
    Reason.MASK_OF_LABELS: "Save the product's label as 255 and all others as 0.",
    Reason.NO_FIXATIONS: "Record viewers, leave it out, or set attention_heatmap.source.",
    Reason.HEATMAP_CONSTANT: "Record or predict attention; a constant map says nothing.",
    Reason.ANNOTATION_UNREADABLE: "See docs/data_format.md for the form of an outline file.",
    Reason.FIXATIONS_UNREADABLE: "See docs/data_format.md for the columns of a fixation file.",
}
"""What a person can do about each reason."""


class Rejection(NamedTuple):
    """One refusal."""

    video_id: str
    """The video, or what stands in its place in the file's name."""
    scene_number: int | None
    """The scene; blank where a whole video is meant."""
    file: str
    """The file that is at fault, relative to the data root."""
    reason: Reason
    """Why: one of a fixed list."""
    found: str
    """What was found instead of what is asked for."""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.reason]

    @classmethod
    def of(cls, scene: tuple[str, int | None], file: str, reason: Reason, found: str) -> Self:
        """Return the refusal of a scene, (video id, number or None), because of a file."""
        return cls(*scene, file, reason, found)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the refusal that a row of the table shows, or `_asdict()` by way of JSON."""
        number = record["scene_number"]
        scene = record["video_id"], None if number in ("", None) else int(number)
        return cls.of(scene, record["file"], Reason(record["reason"]), record["found"])


COLUMNS = (*Rejection._fields, "remedy")
"""Of the table, in order."""

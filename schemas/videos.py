"""`reports/render/videos.csv`: the videos that the edits were put into, one row per video and arm.

Columns about the edit are blank of an arm that modifies no scene of its video, as of the baseline.
"""

from __future__ import annotations

from schemas.columns import Column, Table


def _number(meaning: str) -> Column:
    return Column(meaning, dtype="float64", nullable=True)


VIDEOS_TABLE = Table(
    "videos.csv",
    {
        "video_id": Column("The video."),
        "variant": Column("The arm: a variant of `outputs/edited_scenes`, `baseline` included."),
        "file": Column("The video file, relative to the data root."),
        "frames": Column("Its frames: as many, and at the same times, in all arms.", dtype="int64"),
        "modified_scenes": Column("How many of its scenes the arm modifies.", dtype="int64"),
        "modified_frames": Column(
            "How many frames they have; figures are of these.", dtype="int64"
        ),
        "warping_error_source": _number(
            "Flicker of the source: mean squared difference of luma, in levels of 255, from the "
            "frame before, brought here along the source's optical flow."
        ),
        "warping_error_edited": _number("The same of the edited frames, along the same flow."),
        "warping_error_ratio": _number("Edited over source: 1 is as steady as the source."),
        "region_warping_ratio": _number(
            "The same in the region alone: it grows with the square of the contrast that an edit "
            "gives the product, be it ever so steady."
        ),
        "change_warping_ratio": _number(
            "Likewise, of edited minus source: what the carried change alone adds of flicker."
        ),
        "hidden_share": _number(
            "Share of the carried region's pixels left out, as the scene's image does not show "
            "what is seen there."
        ),
        "outside_max_abs_diff": _number(
            "Largest difference outside the moving region before encoding, in levels: 0."
        ),
        "outside_psnr_db": _number(
            "PSNR outside the region after encoding, this arm against the source; blank where "
            "nothing differs."
        ),
        "baseline_outside_psnr_db": _number("The same of the baseline arm, in the same places."),
    },
    unique=("video_id", "variant"),
)
"""Rows are in the order of the scene table, then of the variants."""

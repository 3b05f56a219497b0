"""`reports/evaluation/frames.csv`: what the judge sees of frames that no edit was made of."""

from __future__ import annotations

from schemas.columns import Column, Table


def _share(meaning: str) -> Column:
    return Column(meaning, dtype="float64", nullable=True)


FRAMES_TABLE = Table(
    "frames.csv",
    {
        "video_id": Column("The video."),
        "scene_number": Column("The scene, which the arm modifies.", dtype="int64"),
        "variant": Column(
            "The arm: a variant of `outputs/videos`; `baseline` modifies nothing, and is held "
            "against the source: what encoding alone does. `standing`: the baseline with the "
            "change of `full_boost` where it was made, not carried."
        ),
        "alpha": Column("The factor that was asked for.", dtype="float64"),
        "region": Column("Whose attention it multiplies, `keyword` or `background`."),
        "frame": Column("The frame's number in the video, from 0.", dtype="int64"),
        "time_s": Column("When it is shown first, in seconds.", dtype="float64"),
        "share": _share("Share of the judge's attention on the product, in this arm's frame."),
        "original_share": _share(
            "The same in the baseline's frame; of the baseline, the source's."
        ),
        "still_share": _share("The same in the scene's edited image."),
        "still_original_share": _share("The same in the scene's image."),
        "in_range": Column("Whether the judge's share of the scene is in range.", dtype="bool"),
    },
    unique=("video_id", "variant", "frame"),
)
"""Frames are spread evenly over each scene, the image's own left out; the product's mask is carried
to them along optical flow."""

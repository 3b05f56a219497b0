"""What the page plays of a video: the file of each arm, its figures, and the judge's shares.

The files lie beside the page, which links them and holds none of their bytes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.figures.style import style_of
from pipeline.ground.artefacts import PAGE


class _Figure(NamedTuple):
    label: str
    unit: str
    """`number`, `levels` or `db`."""
    must: str
    """"" where the gate asks for nothing."""
    meaning: str
    beside: tuple[str, str] | None = None
    """Column of what stands beside it, and its words."""
    least: float = float("-inf")
    most: float = float("inf")


FIGURES = {
    "warping_error_ratio": _Figure(
        "Flicker over the source's",
        "number",
        "",
        "Each frame is compared with the frame before, moved along with the picture; what differs "
        "is flicker. 1 is as steady as the source. A product of more contrast scores above 1, in "
        "nature, too, so no limit is set, and beside it stands what the change alone flickers in "
        "its region.",
        ("change_warping_ratio", "change alone"),
    ),
    "outside_max_abs_diff": _Figure(
        "Changed outside, before encoding",
        "levels",
        "0",
        "Largest difference from the source outside the region that moves with the product, in "
        "levels of 255.",
        most=0,
    ),
    "outside_psnr_db": _Figure(
        "Likeness outside, after encoding",
        "db",
        "at least 45 dB",
        "PSNR of the file against the source in the same places. What it is short of is the "
        "encoding's doing, and beside it stands what encoding did to the baseline there.",
        ("baseline_outside_psnr_db", "baseline"),
        least=45,
    ),
}
"""The columns of videos.csv that the page shows: what each is, and what it should be."""


def figure_words() -> list[dict[str, Any]]:
    """Return the words of each figure, in the order of an arm's `figures`."""
    names = ("label", "unit", "must", "meaning")
    return [{name: getattr(figure, name) for name in names} for figure in FIGURES.values()]


def played(
    arms: Sequence[Mapping[str, Any]],
    scenes: Sequence[Mapping[str, Any]],
    times: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """Return what the player needs, None of a video that was not rendered.

    Args:
        arms: the video's rows of `videos.csv`.
        scenes: as they are on the page, with what each variant did.
        times: the video's rows of the cuts' table.
    """
    if not arms:
        return None
    cuts = [
        (row["scene_number"], row["start_s"], row["end_s"])
        for row in times
        if row.get("start_s") is not None and row.get("end_s") is not None
    ]
    by_number = {scene["number"]: scene for scene in scenes}
    return {
        "cuts": cuts,
        "arms": [
            {
                "name": row["variant"],
                **style_of(row["variant"])._asdict(),
                "file": row["file"],
                "link": link_to(row["file"]),
                "frames": row["frames"],
                "modified_scenes": row["modified_scenes"],
                "figures": [_figure(row, name) for name in FIGURES],
                "shares": [
                    judged_share(by_number.get(number, {}), row["variant"]) for number, *_ in cuts
                ],
            }
            for row in arms
        ],
    }


def link_to(file: str) -> str:
    """Return the address of a file of the data root as the page names it."""
    return quote(posixpath.relpath(file, posixpath.dirname(PAGE)))


def judged_share(scene: Mapping[str, Any], arm: str) -> float | None:
    """Return the judge's share of a scene's image in an arm, None where it was not judged.

    Of a scene that the arm does not modify that is the original's, whatever arm it was judged in.
    """
    variants: Mapping[str, Any] = scene.get("variants", {})
    found = variants.get(arm, {})
    if found.get("modified"):
        return _judged(found, "share")
    originals = (_judged(one, "original_share") for one in variants.values())
    return next((share for share in originals if share is not None), None)


def _judged(found: Mapping[str, Any], name: str) -> float | None:
    share: float | None = found.get("judged", {}).get(name)
    return share


def _figure(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a figure of an arm, and whether it is as it should be."""
    value, figure = row[name], FIGURES[name]
    is_held = value is not None and figure.must
    passed = figure.least <= value <= figure.most if is_held else None
    beside = figure.beside and (figure.beside[1], row[figure.beside[0]])
    return {"value": value, "pass": passed, "beside": beside}

"""The colours: fixed per variant, so that a reader knows a variant in every picture of the project.

Okabe & Ito 2008, "Color Universal Design": told apart with every common kind of colour blindness.
Line styles differ too, so that lines that lie on one another, or are printed in grey, can be told.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LineStyle(NamedTuple):
    """How a variant is drawn: a hex colour and a dash pattern of matplotlib."""

    colour: str
    dashes: str = "-"


STYLES = {
    "baseline": LineStyle("#000000", "-"),
    "early_boost": LineStyle("#56B4E9", "--"),
    "middle_boost": LineStyle("#E69F00", "--"),
    "late_boost": LineStyle("#009E73", "--"),
    "full_boost": LineStyle("#0072B2", "-"),
    "reduction": LineStyle("#D55E00", "-"),
    "placebo": LineStyle("#CC79A7", ":"),
}
_EXTRA = ("#8C6D31", "#7F7F7F", "#637939", "#843C39", "#5254A3")
ARMS = {
    "full": ("whole method", STYLES["full_boost"]),
    "control_only": ("ControlNet alone", LineStyle(STYLES["middle_boost"].colour, "")),
    "gradient_only": ("gradient alone", LineStyle(STYLES["late_boost"].colour, "")),
    "plain": ("contrast scaled, no model", LineStyle(STYLES["placebo"].colour, "")),
    "background": ("background redrawn, product kept", LineStyle(STYLES["early_boost"].colour, "")),
    "null_edit": ("look changed, attention kept", LineStyle(_EXTRA[1], "")),
}
"""Label and style of each arm of the dose curve; a part alone has points at a few doses."""
TESTED = {
    "placebo": ("placebo", STYLES["placebo"].colour),
    "sham": ("sham edit", STYLES["baseline"].colour),
}
"""Label and colour of what is tested for equivalence."""
WRONG_CONTROLS = (STYLES["full_boost"].colour, STYLES["reduction"].colour)
"""Of another scene's dose, and of a control that asks for nothing."""

MASK_COLOUR = "#00FFFF"
"""Outline of the keyword mask on a scene: rare in photographs, seen by all."""


def style_of(variant: str) -> LineStyle:
    """Return a variant's style; a variant of the user's own gets one from its name, for good."""
    if variant in STYLES:
        return STYLES[variant]
    number = hashlib.sha256(variant.encode()).digest()[0]
    return LineStyle(_EXTRA[number % len(_EXTRA)], "-.")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return a hex colour as levels of red, green and blue."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def save(figure: Figure, path: Path) -> None:
    """Write a plot as PNG: the same bytes for the same plot, whatever drew it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})

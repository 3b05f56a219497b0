"""The file of an attention heatmap, and where its attention came from, in its JPEG comment."""

from __future__ import annotations

import re
from typing import Literal

from numpy.typing import NDArray

from pipeline.pictures.reading import encode, reread, to_levels

Provenance = Literal["recorded", "predicted", "imported"]

# JPEG takes a narrow peak down a level or two; clipping it by as much puts it back.
_GAINS = [1 + level / 255 for level in range(6)]
_COMMENT = re.compile(rb"gazeshift heatmap_source=(recorded|predicted)\b")


def heatmap_file(
    heatmap: NDArray, quality: int, source: Literal["recorded", "predicted"], model: str = ""
) -> bytes:
    """Return a heatmap, H×W, >= 0, not all zero, as a grey JPEG, its maximum scaled to 255.

    The source says whether viewers or a model, then which, said where attention is.
    """
    comment = f"gazeshift heatmap_source={source}" + (f" model={model}" if model else "")
    for gain in _GAINS:
        content = encode(to_levels(heatmap / heatmap.max() * gain), "jpg", quality, comment)
        if reread(content).max() == 255:
            break
    return content


def provenance(comment: bytes | None) -> Provenance:
    """Return what a heatmap's JPEG comment says; files without one were imported."""
    match = _COMMENT.match(comment or b"")
    if match is None:
        return "imported"
    return "recorded" if match[1] == b"recorded" else "predicted"

"""The judge: who says, in the proof, where attention is. Never the guide that edits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.errors import ParamsError
from pipeline.heatmaps.dose import share_of_sums
from pipeline.pictures.reading import Pixels
from pipeline.pictures.resizing import resize

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel

# Maps of two observers who are not the same one do not agree to this correlation.
_SAME = 0.9999


def judged_share(judge: AttentionModel, image: Pixels, mask: NDArray[np.bool_]) -> float | None:
    """Return the share of a scene's attention that lies on the mask; None without any attention.

    Args:
        judge: sees the scene at its own size.
        image: H×W×3 RGB.
        mask: H×W.
    """
    return share_on(attention_of(judge, image), mask)


def attention_of(judge: AttentionModel, image: Pixels) -> NDArray[np.float64]:
    """Return a scene's attention, H×W, of its pixels, H×W×3 RGB."""
    return _maps(judge, image[None])[0]


def share_on(attention: NDArray[np.float64], mask: NDArray[np.bool_]) -> float | None:
    """Return the share of attention, H×W, that lies on the mask; None without any attention."""
    share = float(share_of_sums(attention[mask].sum(), attention.sum()))
    return None if math.isnan(share) else share


def refuse_guide(
    judge: AttentionModel, guide: AttentionModel, images: list[Pixels], image_size: tuple[int, int]
) -> None:
    """Refuse a judge who sees nothing, or what the guide sees: an edit would be its own witness.

    Whatever they are called: on the given scenes (two at least, H×W×3), at `image_size`, their maps
    are compared.

    Raises:
        ParamsError: the maps are the same up to a factor, or one's are the same everywhere.
    """
    small = np.stack([resize(image, image_size) for image in images])
    guided, judged = _maps(guide, small), _maps(judge, small)
    for parameter, seen in (("edit.guide", guided), ("evaluate.judge", judged)):
        if not np.ptp(seen, axis=(1, 2)).any():
            raise ParamsError(
                f"{parameter} sees nothing: its maps of {len(images)} scenes are the same "
                "everywhere. Name an attention model that tells places apart."
            )
    found = np.corrcoef(guided.ravel(), judged.ravel())[0, 1]
    if found >= _SAME:
        raise ParamsError(
            f"evaluate.judge sees exactly what edit.guide ({guide.name}) sees: their maps of "
            f"{len(images)} scenes correlate at {found:.6f}. A judge that the edit can read proves "
            "nothing; name another one."
        )


def _maps(model: AttentionModel, images: Pixels) -> NDArray[np.float64]:
    from pipeline.pictures.tensors import tensor_of

    return np.asarray(model.maps(tensor_of(images)).detach().cpu().numpy(), np.float64)

"""The judge: who says, in the proof, where attention is. Never the guide that edits."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.errors import InputError, ParamsError
from pipeline.pictures.reading import Pixels
from pipeline.pictures.resizing import resize

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel

FUNCTION = "attention_map"
# Maps of two observers who are not the same one do not agree to this correlation.
_SAME = 0.9999


class Judge(Protocol):
    """Where people look in a picture."""

    def __call__(self, image: Pixels) -> NDArray[Any]:
        """Return attention, H×W, finite and >= 0, of an H×W×3 RGB scene at its own size.

        The same image gives the same map: whatever is drawn at random is drawn from fixed seeds,
        so that an original and its edits are compared by the same viewers.
        """
        ...


@cache
def load_judge(path: Path) -> Judge:
    """Return the function `attention_map` of a Python file; loaded once per process.

    The file may import anything that is installed or lies in the root. Evaluation is repeated when
    the file itself changes.

    Raises:
        ParamsError: there is no such file, or no such function in it.
    """
    if path.suffix != ".py" or not path.is_file():
        raise ParamsError(
            f"evaluate.judge: {path} is no Python file. Name one, relative to the root, with a "
            f"function `{FUNCTION}(image)`."
        )
    spec = importlib.util.spec_from_file_location(f"judge_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    judge = getattr(module, FUNCTION, None)
    if not callable(judge):
        raise ParamsError(
            f"evaluate.judge: {path} has no function `{FUNCTION}`. Give it one that takes a scene, "
            "H×W×3 uint8 RGB, and returns its attention, H×W, >= 0."
        )
    return judge


def judged_map(judge: Judge, image: Pixels) -> NDArray[np.float64]:
    """Return the judge's map of a scene.

    Raises:
        InputError: it is no map of that scene.
    """
    attention = np.asarray(judge(image), np.float64)
    if attention.shape != image.shape[:2]:
        raise InputError(
            f"evaluate.judge: `{FUNCTION}` returned a map of shape {attention.shape} for a scene "
            f"of {image.shape[:2]}. It must have the scene's height and width."
        )
    if not np.isfinite(attention).all() or attention.min() < 0:
        raise InputError(
            f"evaluate.judge: `{FUNCTION}` returned values that are negative or not finite. "
            "Attention is >= 0 everywhere."
        )
    return attention


def attention_share(attention: NDArray[np.float64], mask: NDArray[np.bool_]) -> float | None:
    """Return the share of attention, H×W, that lies on the mask; None without any attention."""
    total = attention.sum()
    return float(attention[mask].sum() / total) if total > 0 else None


def refuse_guide(
    judge: Judge, guide: AttentionModel, images: list[Pixels], image_size: tuple[int, int]
) -> None:
    """Refuse a judge who sees what the guide sees: an edit would be its own witness.

    Whatever they are called: on the given scenes (two at least, H×W×3), at `image_size`, their maps
    are compared.

    Raises:
        ParamsError: the maps are the same up to a factor.
    """
    import torch

    small = np.stack([resize(image, image_size) for image in images]).transpose(0, 3, 1, 2)
    with torch.no_grad():
        guided = guide.maps(torch.from_numpy(small.astype(np.float32)) / 127.5 - 1)
    judged = np.stack([judged_map(judge, np.ascontiguousarray(one)) for one in _pictures(small)])
    found = np.corrcoef(guided.cpu().double().numpy().ravel(), judged.ravel())[0, 1]
    if found >= _SAME:
        raise ParamsError(
            f"evaluate.judge sees exactly what edit.guide ({guide.name}) sees: their maps of "
            f"{len(images)} scenes correlate at {found:.6f}. A judge that the edit can read proves "
            "nothing; name another one."
        )


def _pictures(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.transpose(0, 2, 3, 1)

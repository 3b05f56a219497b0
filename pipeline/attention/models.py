"""Attention models: what each of them can do, and how a name, a folder or a file becomes one.

A new model is a class in a module of its own and a line in `MODELS`. Modules are imported when a
model is asked for, by that name alone, so that what a model made depends on its own code
(`AttentionModel.makers`) and not on that of the others.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.ground.errors import ParamsError

if TYPE_CHECKING:
    from torch import Tensor

MODELS = {
    "centre_surround": "pipeline.attention.centre_surround:CentreSurround",
    "spectral_residual": "pipeline.attention.opencv_saliency:SpectralResidual",
    "fine_grained": "pipeline.attention.opencv_saliency:FineGrained",
    "itti_koch": "pipeline.attention.itti_koch:IttiKoch",
    "graph_based": "pipeline.attention.graph_based:GraphBased",
    "histogram_contrast": "pipeline.attention.histogram_contrast:HistogramContrast",
    "mediaattention:ads": "pipeline.attention.media:MediaAttention",
    "mediaattention:unisal": "pipeline.attention.media:MediaAttention",
    "mediaattention:spectral": "pipeline.attention.media:MediaAttention",
}
"""The models that need no training here: their names, and the classes that take the name."""
OBSERVERS = {
    "people_a": "pipeline.attention.people:People",
    "people_b": "pipeline.attention.people:People",
}
"""Those that learned from people's recorded gaze, and the class that takes their folder."""
READOUTS = "models/people"
"""Where their folders lie."""
# What dvc.yaml names as deps of the stages that ask a model; the demo's viewers are by themselves.
_WATCHED, _DEMO = "models", ("demo/viewers.py", "demo/other_viewers.py")
_FOLDER = "pipeline.attention.predictor:Predictor"
_FILE = "pipeline.attention.python_file:PythonFile"


class AttentionModel(Protocol):
    """Says where people would look in a picture: to guide an edit, to judge it, to map a scene."""

    @property
    def name(self) -> str:
        """What it is called in params, tables and heatmap files."""

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow from the maps to the images."""

    @property
    def digest(self) -> str:
        """A hash of all that its maps depend on besides the images and our code."""

    @property
    def makers(self) -> tuple[str, ...]:
        """The modules whose code makes the maps: dotted names, or paths of Python files."""

    def maps(self, images: Tensor) -> Tensor:
        """Return attention, N×H×W float32, finite and >= 0, of N×3×H×W images in [-1, 1]."""


@cache
def load_attention_model(
    location: str, root: Path, device: str = "cpu", parameter: str = "attention_model"
) -> AttentionModel:
    """Return a model by its name, folder or Python file; loaded once per process.

    That is one of `MODELS` or `OBSERVERS`; or, below `root`, a folder that the stage
    attention_model wrote, or a Python file (`pipeline.attention.python_file`). Messages name the
    parameter that says so.

    Raises:
        ParamsError: there is no such model, or its package is not installed.
        InputError: its weights cannot be had, are damaged or do not fit; or what a Python file
            does is no attention.
    """
    path = root / location
    if location in MODELS:
        model: AttentionModel = _class(MODELS[location])(location)
    elif location in OBSERVERS:
        model = _class(OBSERVERS[location])(root / READOUTS / location, device, parameter)
    elif location and path.is_dir():
        model = _class(_FOLDER)(path, device, parameter)
    elif path.suffix == ".py" and path.is_file():
        if not is_watched(location):
            raise ParamsError(
                f"{parameter}: {location} must lie below models/, which the stages depend on: "
                "anywhere else DVC would not see it change. Move it there."
            )
        model = _class(_FILE)(path, parameter)
    else:
        names = ", ".join(MODELS | OBSERVERS)
        raise ParamsError(
            f"{parameter}: {location!r} is no attention model: name one of {names}; or "
            f"a folder that the stage attention_model has written, or a Python file with a "
            f"function `attention_map(image)`, below {root}."
        )
    return model


def is_watched(location: str) -> bool:
    """Return whether DVC sees it change: below models/, or one of the demo's viewers."""
    return location in _DEMO or Path(location).parts[:1] == (_WATCHED,)


def _class(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)

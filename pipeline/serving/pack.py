"""All that the served editor needs, gathered in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

import pipeline
import schemas
from pipeline.attention.predictor import WEIGHTS
from pipeline.diffusion.backbone import INDEX, backbone_files, backbone_folder
from pipeline.editing.params import EditParams
from pipeline.ground.code import installed_version, versions
from pipeline.ground.files import digest, link_or_copy, tree_digest, write_text
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.places import MARKER
from pipeline.ground.weights import CONFIG
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import VariantParams

CODE = tuple(Path(package.__path__[0]) for package in (pipeline, schemas))
"""The packages that travel with the model, so that it is served from any folder."""

SCRIPT = Path(__file__).with_name("editor_model.py")
"""What MLflow executes to have the model."""

_BACKBONE, _GUIDE = "models/backbone", "models/guide"
_SERVED = "pipeline.serving.editor_model"
# Diffusers loads with it what it can.
_NOT_IMPORTED = "accelerate"


def pack_editor(workspace: Workspace, folder: Path) -> str:
    """Make `folder` a data root of its own: ControlNet, backbone, guide and their params.

    Its files are links where the file system allows: treat them as read-only.

    Returns:
        A digest of the files and of our code, by which equal editors are known.

    Raises:
        InputError: a model is missing.
    """
    edit, backbone = EditParams.load(workspace), ModelParams.load(workspace).backbone
    controlnet, source = workspace.path(edit.controlnet), backbone_folder(backbone, workspace.root)
    files = {
        path: f"{edit.controlnet}/{path.name}"
        for path in controlnet.iterdir()
        if path.suffix in (".json", ".safetensors")
    }
    for path in (source / INDEX, *backbone_files(source)):
        files[path] = f"{_BACKBONE}/{path.relative_to(source).as_posix()}"
    guide = workspace.path(edit.guide)
    if guide.is_dir():
        files |= {guide / name: f"{_GUIDE}/{name}" for name in (CONFIG, WEIGHTS)}
        edit = edit.model_copy(update={"guide": _GUIDE})
    elif guide.is_file():
        files[guide] = f"{_GUIDE}.py"
        edit = edit.model_copy(update={"guide": f"{_GUIDE}.py"})
    for path, place in files.items():
        # The hub's files are symbolic links, which a hard link would not follow.
        link_or_copy(path.resolve(), folder / place)
    params = {
        "image_size": list(load_image_size(workspace)),
        "model": {"backbone": _BACKBONE},
        "edit": edit.model_dump(mode="json"),
        "variant": VariantParams.load(workspace).model_dump(mode="json"),
    }
    write_text(folder / MARKER, yaml.safe_dump(params, sort_keys=False))
    return digest(*(tree_digest(each, _files(each)) for each in (folder, *CODE)))


def requirements() -> list[str]:
    """Return the packages that the served editor imports, as they are installed here."""
    needed = versions(_SERVED) | {_NOT_IMPORTED: installed_version(_NOT_IMPORTED)}
    return [f"{name.replace('_', '-')}=={needed[name]}" for name in needed if name != "python"]


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "__pycache__":
            yield path

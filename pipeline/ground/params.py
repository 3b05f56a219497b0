"""`params.yaml`, read into typed sections: one per stage, plus the few that stages share.

The class of a stage's section stands in the stage's module, next to the code that uses it, so that
a changed field reruns that stage alone.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from pipeline.ground.errors import ParamsError
from pipeline.ground.files import read_text
from pipeline.ground.trouble import file_trouble
from pipeline.ground.yaml_text import load_yaml

if TYPE_CHECKING:
    from pipeline.ground.workspace import Workspace

M = TypeVar("M", bound=BaseModel)


class Section(BaseModel):
    """Base of the typed sections: unknown names are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]

    @classmethod
    def load(cls, workspace: Workspace) -> Self:
        """Read this section; a section or file that is missing means the defaults.

        Raises:
            ParamsError: `params.yaml` is no YAML mapping, or a value breaks a rule.
        """
        return _validated(cls, read_params(workspace).get(cls.name) or {}, f"{cls.name}.")


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


Side = Annotated[int, Field(ge=8, le=8192)]
ImageSize = Annotated[tuple[Side, Side], BeforeValidator(_pair)]


class SharedParams(BaseModel):
    """What stands in params.yaml above the sections."""

    image_size: ImageSize = (512, 512)
    """Height and width, in pixels, that tables and models work at; one number is a square."""


def load_image_size(workspace: Workspace) -> tuple[int, int]:
    """Return `image_size` as (height, width) in pixels: the size that models and tables work at."""
    values = read_params(workspace)
    given = {"image_size": values["image_size"]} if "image_size" in values else {}
    return _validated(SharedParams, given, "").image_size


class ComputeParams(Section):
    """How per-scene work is spread; it changes no result, so no stage depends on it."""

    name: ClassVar[str] = "compute"

    backend: Literal["loky", "threading", "ray", "dask"] = "loky"
    """Engine behind joblib: processes, threads, a running Ray or Dask cluster."""
    n_jobs: int = Field(-1, ge=-1)
    """Workers; -1 is one per core."""

    @field_validator("n_jobs")
    @classmethod
    def _some_worker(cls, value: int) -> int:
        if value == 0:
            raise ValueError("must be -1 (one per core) or at least 1")
        return value


class ModelParams(Section):
    """The frozen latent-diffusion model."""

    name: ClassVar[str] = "model"

    backbone: str = "models/demo_backbone"
    """A folder in diffusers' layout below the data root (Stable Diffusion 1.5 and its kin), or the
    model hub's name of one."""


def read_params(workspace: Workspace) -> dict[str, Any]:
    """Return the whole of `params.yaml` as it stands, {} where there is none."""
    path: Path = workspace.path("params.yaml")
    try:
        text = read_text(path, "utf-8-sig")
    except OSError as error:
        if told := file_trouble(error):
            raise told from error
        if not isinstance(error, FileNotFoundError):
            raise
        return {}
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path} must be a text file in UTF-8: {error}. Save it so.") from error
    try:
        values = load_yaml(text)
    except ValueError as error:
        found = " ".join(str(error).split())
        raise ParamsError(f"{path} is not valid YAML: {found}. Correct it.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path} must be a mapping of sections, found {type(values).__name__}.")
    return values


def _validated(model: type[M], values: Any, prefix: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            where = prefix + ".".join(map(str, problem["loc"]))
            if problem["type"] == "extra_forbidden":
                known = ", ".join(sorted(model.model_fields))
                lines.append(f"{where.rstrip('.')}: no such parameter; known are: {known}")
            else:
                found = f", found {reprlib.repr(problem['input'])}" if problem["loc"] else ""
                lines.append(f"{where.rstrip('.')}: {problem['msg']}{found}")
        raise ParamsError("params.yaml: " + "; ".join(lines)) from error

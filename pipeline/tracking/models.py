"""Models in the registry: weights as they are, and models from code that MLflow can serve."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.tracking.store import DEMO, EXPERIMENT, open_store, store_errors, tracking_uri

if TYPE_CHECKING:
    from diffusers import ControlNetModel
    from mlflow import MlflowClient

LOG = logging.getLogger(__name__)

REGISTERED = "gazeshift-controlnet"
"""Under what name ControlNets are registered."""


@dataclass(frozen=True, kw_only=True)
class _Model:
    """What is said of any model."""

    registered_name: str
    digest: str
    """Hash of its weights, or of all that it answers by: the version's tag `weights`."""
    description: str
    """Of the model in general."""
    words: str
    """About this version."""


@dataclass(frozen=True, kw_only=True)
class TrackedModel(_Model):
    """A folder of weights (safetensors) to register."""

    folder: Path
    loader: str
    """The class that loads it, by its full name."""
    inputs: Mapping[str, tuple[int, ...]]
    """Shapes of its float32 inputs; -1 is any."""
    outputs: Mapping[str, tuple[int, ...]]
    alias: str = "candidate"


@dataclass(frozen=True, kw_only=True)
class ServedModel(_Model):
    """A model from code, which MLflow can serve; nothing of it is pickled."""

    script: Path
    """Sets the model: `mlflow.models.set_model`."""
    artifacts: Mapping[str, Path]
    """Folders that it loads, by the names it knows them by."""
    code: Sequence[Path]
    """Packages that it imports."""
    requirements: Sequence[str]
    """Packages of others that it imports, with their versions."""
    inputs: Mapping[str, str]
    """MLflow's types of a request's fields."""
    outputs: Mapping[str, str]
    """… and of an answer's."""
    example: Mapping[str, Any]
    """A request."""


def tracked_controlnet(
    folder: Path, digest: str, controlnet: ControlNetModel, figures: Mapping[str, float]
) -> TrackedModel:
    """Return a trained ControlNet as a model to register.

    Args:
        folder: of its weights.
        digest: their hash.
        controlnet: as it was trained.
        figures: of its training.
    """
    config = controlnet.config
    return TrackedModel(
        folder=folder,
        registered_name=REGISTERED,
        loader="diffusers.ControlNetModel",
        inputs={
            "sample": (-1, config.in_channels, -1, -1),
            "timestep": (-1,),
            "encoder_hidden_states": (-1, -1, config.cross_attention_dim),
            "controlnet_cond": (-1, config.conditioning_channels, -1, -1),
        },
        outputs={"mid_block_res_sample": (-1, config.block_out_channels[-1], -1, -1)},
        digest=digest,
        words=", ".join(f"{name} {value:.4g}" for name, value in figures.items()),
        description="ControlNets that read `[keyword mask, attention heatmap]`, those that carry "
        "the dose a third channel too. `candidate` is the last one trained; `champion` the last "
        "one whose edits passed the proof.",
    )


class _FolderFlavour:
    """How MLflow saves a folder of weights: as it is, with a note of what loads it. No pickle."""

    @staticmethod
    def save_model(path: str, mlflow_model: Any, model: TrackedModel) -> None:
        """Fill MLflow's folder of a model."""
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        inputs, outputs = (
            Schema([TensorSpec(np.dtype("float32"), shape, name) for name, shape in part.items()])
            for part in (model.inputs, model.outputs)
        )
        shutil.copytree(model.folder, Path(path, "weights"))
        module, _, name = model.loader.rpartition(".")
        mlflow_model.add_flavor(module.partition(".")[0], model_class=name, folder="weights")
        mlflow_model.signature = ModelSignature(inputs, outputs)
        mlflow_model.save(str(Path(path, "MLmodel")))


def log_model(workspace: Workspace, client: MlflowClient, run_id: str, model: TrackedModel) -> None:
    """Register a folder of weights as what the run gave; its alias goes to this version."""
    import mlflow
    from mlflow.models import Model

    mlflow.set_tracking_uri(tracking_uri(workspace))
    # A model is logged into the active experiment, whatever its run's.
    mlflow.set_experiment(EXPERIMENT)
    logged = Model.log(
        artifact_path=None,
        name=model.registered_name,
        flavor=_FolderFlavour,
        registered_model_name=model.registered_name,
        run_id=run_id,
        model=model,
    )
    version = str(logged.registered_model_version)
    _describe(client, model, version, workspace.holds_demo)
    client.set_registered_model_alias(model.registered_name, model.alias, version)


def register_served(workspace: Workspace, model: ServedModel) -> None:
    """Register a model that `mlflow models serve` can serve, from any folder.

    Raises:
        InputError: the store cannot be reached or written.
    """
    uri = tracking_uri(workspace)
    try:
        client, _ = open_store(workspace)
        import mlflow.pyfunc
        import pandas as pd
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        inputs, outputs = (
            Schema([ColSpec(kind, name) for name, kind in fields.items()])
            for fields in (model.inputs, model.outputs)
        )
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
        logged = mlflow.pyfunc.log_model(
            name=model.registered_name,
            registered_model_name=model.registered_name,
            python_model=str(model.script),
            # MLflow unquotes plain paths as if they were URIs.
            artifacts={name: folder.as_uri() for name, folder in model.artifacts.items()},
            code_paths=[str(folder) for folder in model.code],
            pip_requirements=list(model.requirements),
            signature=ModelSignature(inputs, outputs),
            input_example=pd.DataFrame([model.example]),
        )
        version = str(logged.registered_model_version)
        _describe(client, model, version, workspace.holds_demo)
    except store_errors() as error:
        raise InputError(
            f"{model.registered_name} could not be registered in {uri}: {error}. Make the store "
            "writable, or set MLFLOW_TRACKING_URI to another, and run the command again."
        ) from error


def served_folder(workspace: Workspace, registered_name: str, alias: str) -> Path:
    """Return the folder of the registered model from code that has an alias; only read there.

    Raises:
        InputError: no model has it, or the store cannot be reached.
    """
    uri = tracking_uri(workspace)
    try:
        open_store(workspace)
        from mlflow.artifacts import download_artifacts

        name = f"models:/{registered_name}@{alias}"
        return Path(download_artifacts(artifact_uri=name, tracking_uri=uri))
    except store_errors() as error:
        raise InputError(
            f"{uri} gives no {registered_name} that is the {alias}: {error}. Run `gazeshift "
            "promote`, or set MLFLOW_TRACKING_URI to the store that has it."
        ) from error


def promote(workspace: Workspace, registered_name: str, weights: str, alias: str) -> str | None:
    """Give an alias to the registered version whose tag `weights` is this; return the version.

    Doing so again changes nothing. None where no version has these weights, or the store cannot be
    reached.
    """
    wanted = f"name = '{registered_name}' and tag.weights = '{weights}'"
    try:
        client, _ = open_store(workspace)
        found = client.search_model_versions(wanted)
        if not found:
            return None
        # Weights that were trained twice are registered twice; the last one's run is at hand.
        version = max((str(each.version) for each in found), key=int)
        client.set_registered_model_alias(registered_name, alias, version)
    except store_errors() as error:
        LOG.warning("the model registry %s: %s", tracking_uri(workspace), error)
        return None
    return version


def _describe(client: MlflowClient, model: _Model, version: str, demo: bool) -> None:
    name = model.registered_name
    client.update_registered_model(name, model.description)
    client.update_model_version(name, version, f"{DEMO} {model.words}" if demo else model.words)
    client.set_model_version_tag(name, version, "weights", model.digest)
    client.set_model_version_tag(name, version, "demo", str(demo).lower())

"""The sealed corpus: ads on which nothing was chosen, edited and judged by what this run learned.

Who develops looks at the test split again and again, and in the end chooses by it, if only what to
keep. These ads are of another seed. They are drawn by this command, edited and judged once for each
locked run, and what README says of the demo's result is of them:

    python -m demo.sealed

It goes on where it was stopped, and does nothing where this run has been judged.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from demo import counterfactual
from demo.commands import run
from demo.make_corpus import VideoPlan, plan_corpus, write_corpus
from pipeline.commands.gate import read_gate
from pipeline.ground.artefacts import (
    DOSE_CONTROLNET,
    GATE,
    METRICS,
    PREDICTOR,
    TRAINING,
)
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, make_folder, write_bytes, write_text
from pipeline.ground.params import ComputeParams
from pipeline.ground.workspace import Workspace
from pipeline.registry import module_of
from pipeline.scenes.split import TEST, TRAIN, VAL
from schemas.valid_scenes import Split

LOG = logging.getLogger(__name__)

SEALED = "reports/sealed"
"""Folder of the figures; git has them."""
SEED = 71130
_VIDEOS: dict[Split, int] = {TRAIN: 0, VAL: 0, TEST: 14}
# Of each video the first scenes: intervals are over videos.
_SCENES = 3
_STAGES = (
    "scene_cuts", "keyword_masks", "attention_heatmap", "validate", "encode", "variant", "edit",
    "dose_curve", "counterfactual", "render", "evaluate",
)  # fmt: skip
# What was learned on the demo's train split, and what else the stages read.
_TAKEN = ("models", "demo", "schemas", TRAINING, DOSE_CONTROLNET, PREDICTOR)
_REPORTED = (METRICS, GATE)
_LOCK = f"{SEALED}/lock"


def sealed_plans() -> list[VideoPlan]:
    """Return the ads of the sealed corpus, all of the test split, whole and with a few scenes."""
    plans = plan_corpus(SEED, _VIDEOS)
    return [replace(plan, scene_frames=plan.scene_frames[:_SCENES]) for plan in plans]


def is_judged(workspace: Workspace) -> bool:
    """Return whether the run that is locked here has been judged on the sealed corpus."""
    judged = workspace.path(_LOCK)
    return judged.is_file() and judged.read_text(encoding="utf-8").strip() == _lock_of(workspace)


def _lock_of(workspace: Workspace) -> str:
    return digest(*(file_digest(workspace.path(name)) for name in ("dvc.lock", "params.yaml")))


def main(workspace: Workspace) -> None:
    """Draw, edit and judge the sealed corpus, unless this run has been judged on it.

    Raises:
        InputError: the run is not locked: something has changed since it was evaluated.
    """
    if not workspace.holds_demo:
        raise InputError(
            "The sealed corpus is of the demo's drawn world, and says nothing of other data. To "
            "seal data of your own, keep videos out until all is chosen."
        )
    read_gate(workspace)
    if is_judged(workspace):
        LOG.info("sealed: this run has been judged on the sealed corpus: see %s.", SEALED)
        return
    lock = _lock_of(workspace)
    sealed = Workspace(workspace.state / "sealed" / lock)
    _lay_out(workspace, sealed)
    for stage in _STAGES:
        LOG.info("sealed: %s", stage)
        _module(stage).main(sealed)
    for name in _REPORTED:
        target = workspace.path(SEALED) / Path(name).name
        write_bytes(target, sealed.path(name).read_bytes())
    write_text(workspace.path(_LOCK), lock + "\n")
    shutil.rmtree(sealed.root)
    verdict = json.loads(workspace.path(f"{SEALED}/{Path(GATE).name}").read_text())["verdict"]
    LOG.info("sealed: %s", verdict)


def _lay_out(workspace: Workspace, sealed: Workspace) -> None:
    """Make a data root that shares what this one learned, and has the sealed ads for data."""
    for path in _TAKEN:
        link = sealed.path(path)
        make_folder(link.parent)
        if not link.exists():
            link.symlink_to(workspace.path(path).resolve(), target_is_directory=True)
    write_bytes(sealed.path("params.yaml"), workspace.path("params.yaml").read_bytes())
    write_corpus(sealed_plans(), sealed.path("data"), SEED, ComputeParams.load(workspace))


def _module(stage: str) -> ModuleType:
    return counterfactual if stage == counterfactual.STAGE else module_of(stage)


def command(arguments: Sequence[str] | None = None) -> int:
    """Run it; return the exit status."""
    return run(main, "demo.sealed", __doc__, arguments)


if __name__ == "__main__":
    raise SystemExit(command())

"""The stages and commands: their names, what they are for, and where their code is."""

from __future__ import annotations

import importlib
from types import ModuleType

STAGES = {
    "scene_cuts": "cut the videos into scenes, one image each",
    "keyword_masks": "find the advertised product in each scene",
    "attention_heatmap": "map where viewers look",
    "validate": "check the contracts, write data/valid_scenes.csv",
    "encode": "pass scenes and keywords through the frozen models",
    "train": "train a ControlNet to read mask and heatmap",
    "attention_model": "learn where people look",
    "distil": "teach the ControlNet to carry the dose",
    "variant": "raise or lower attention on the product",
    "edit": "redraw the scenes so that attention follows the variants",
    "dose_curve": "edit a grid of doses, for the proof",
    "render": "put the edits back into the videos",
    "evaluate": "judge the edits: the proofs, figures and a verdict",
    "report": "one page with scenes, variants, proof and provenance",
}
"""The stages of dvc.yaml, in its order; each is a folder of `pipeline/stages/`."""

DEMO_STAGES = {"counterfactual": "draw the demo's scenes again, their product more or less vivid"}
"""Further stages of dvc.yaml, which only the demo's drawn world can run: `python -m demo.STAGE`."""

COMMANDS = {
    "init": "set data.dvc and params.yaml to the ads that lie below data/",
    "gate": "exit 1 if the last evaluation failed, and say why",
    "promote": "make a proven model the champion in MLflow",
    "serve": "answer with the promoted editor over HTTP",
    "check": "what is missing before a first run on own data",
    "adopt": "move own files out of a stage's out folder",
    "import-fixations": "take over what an eye tracker recorded, as exported",
    "migrate": "take over the files of a V2 or V3 project",
    "profile": "take the valid scenes as new reference",
    "vouch": "say that a change of code changes no result of a stage",
    "summary": "what came in, what was refused, what is next",
    "ui": "browse runs, models and pictures in MLflow",
}
"""What else the command line does; each is a module of `pipeline/commands/`."""


def module_of(name: str) -> ModuleType:
    """Import the module of a stage or command; its `main` runs it."""
    stage = f"pipeline.stages.{name}.stage"
    return importlib.import_module(
        stage if name in STAGES else f"pipeline.commands.{name.replace('-', '_')}"
    )

"""How fast training steps are on encoded scenes, against encoding image and text at every step.

Diffusers' example script opens and resizes the pictures with Pillow and calls the frozen
autoencoder and text encoder, all at each step and in the training process (its loader has no
workers by default). All loops here are our training step, in turns, on the demo's backbone and
scenes (run `make demo` first); the example's leaves the models' layout and kernels to torch, as the
script does. "Encoding alone" differs from ours in nothing but the frozen models' calls, on files
read by our own data set. A profile of one step says what bounds it. The seconds depend on the
machine; the ratio is what counts.

    python benchmarks/train.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from dataset import plain_sample
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.data import DataLoader, Dataset

from pipeline.diffusion import backbone as backbones
from pipeline.diffusion.backbone import load_backbone
from pipeline.diffusion.precision import autocast
from pipeline.ground.artefacts import ENCODED, SCENES
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.learning import controlnet_training
from pipeline.learning.training_scenes import encoded_scenes, raw_scenes
from pipeline.scenes.split import TRAIN
from pipeline.scenes.table import read_scenes
from pipeline.stages.train.controlnet_module import ControlNetModule
from pipeline.stages.train.params import TrainParams

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the loops in turns and print the ratios and the profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8, help="per round and loop")
    steps = parser.parse_args().steps
    workspace = Workspace(ROOT)
    params, size = TrainParams.load(workspace), load_image_size(workspace)
    keep_freed_memory()  # as in the stage
    load = partial(load_backbone, ModelParams.load(workspace).backbone, ROOT)
    backbone = load()
    encoded = encoded_scenes(workspace.path(ENCODED), backbone, size)
    raw = raw_scenes(workspace.path(SCENES), ROOT, backbone, size)
    module = ControlNetModule(backbone, params, encoded.unconditional_text)
    optimizer = module.configure_optimizers()["optimizer"]
    with (
        patch.object(backbones, "laid_out", lambda model: model),
        patch.object(controlnet_training, "laid_out", lambda model: model),
    ):
        example = ControlNetModule(load(), params, encoded.unconditional_text)
    plain = example.configure_optimizers()["optimizer"]
    loops = {
        "encoded": _loop(module, optimizer, encoded.train, params),
        "as in the example": _loop(example, plain, AsInTheExample(workspace, size), params),
        "encoding alone": _loop(module, optimizer, raw.train, params),
    }
    least = dict.fromkeys(loops, float("inf"))
    for _ in range(3):
        for name, step in loops.items():
            started = time.perf_counter()
            for _ in range(steps):
                step()
            least[name] = min(least[name], (time.perf_counter() - started) / steps)
    print(f"training steps, batch {params.batch_size}, {torch.get_num_threads()} threads")
    for name, seconds in least.items():
        print(f"  {name:<24}{1 / seconds:8.2f} per second")
    for name, target in (("as in the example", " (target 1.5)"), ("encoding alone", "")):
        print(f"    faster than {name:<18}{least[name] / least['encoded']:6.2f}{target}")
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        loops["encoded"]()
    print(profiled.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


class AsInTheExample(Dataset[dict[str, Any]]):
    """The training scenes, each loaded by Pillow when it is taken."""

    def __init__(self, workspace: Workspace, size: tuple[int, int]) -> None:
        scenes = read_scenes(workspace.path(SCENES))
        self.rows = scenes[scenes["split"] == TRAIN].to_dict("records")
        self.workspace = workspace
        self.size = size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> dict[str, Any]:
        row = self.rows[position]
        return {**plain_sample(self.workspace.root, row, self.size), "keyword": row["keyword"]}


def _loop(
    module: ControlNetModule, optimizer: torch.optim.Optimizer, scenes: Any, params: TrainParams
) -> Callable[[], None]:
    """Return a function that takes one optimizer step on the next batch."""
    unlogged = patch.object(module, "log_dict", lambda *_, **__: None)
    batches = _forever(DataLoader(scenes, batch_size=params.batch_size, shuffle=True))

    def step() -> None:
        with record_function("batch"):
            batch = next(batches)
        with autocast(torch.device("cpu")), record_function("forward"), unlogged:
            loss = module.training_step(batch, 0)
        optimizer.zero_grad()
        with record_function("backward"):
            loss.backward()
        torch.nn.utils.clip_grad_norm_(module.controlnet.parameters(), params.clip_norm)
        with record_function("optimizer"):
            optimizer.step()
        module.average.update_parameters(module.controlnet)

    return step


def _forever(loader: DataLoader[Any]) -> Any:
    while True:
        yield from loader


if __name__ == "__main__":
    main()

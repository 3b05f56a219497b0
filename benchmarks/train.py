"""How fast training steps are on encoded scenes, against encoding image and text at every step.

The way of diffusers' example script is to call the frozen autoencoder and text encoder at each
step. Both loops here are the same module, optimizer and batches, taken in turns, on the demo's
backbone and scenes (run `make demo` first). A profile of one step says what bounds it. The seconds
depend on the machine; the ratio is what counts.

    python benchmarks/train.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.data import DataLoader

from pipeline.diffusion.backbone import load_backbone
from pipeline.params import ModelParams, load_image_size
from pipeline.storage.workspace import Workspace
from pipeline.training.controlnet_module import ControlNetModule
from pipeline.training.run import encoded_scenes, raw_scenes
from pipeline.training.settings import TrainParams

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run both loops in turns and print the ratio and the profile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8, help="per round and loop")
    steps = parser.parse_args().steps
    workspace = Workspace(ROOT)
    params, size = TrainParams.load(workspace), load_image_size(workspace)
    backbone = load_backbone(ModelParams.load(workspace).backbone, ROOT)
    encoded = encoded_scenes(workspace.path("outputs/encoded"), backbone, size)
    raw = raw_scenes(workspace.path("data/valid_scenes.csv"), ROOT, backbone, size)
    module = ControlNetModule(backbone, params, encoded.unconditional_text)
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    optimizer = module.configure_optimizers()["optimizer"]
    loops = {
        "encoded": _loop(module, optimizer, encoded.train, params),
        "encoding at each step": _loop(module, optimizer, raw.train, params),
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
    ratio = least["encoding at each step"] / least["encoded"]
    print(f"    faster by             {ratio:8.2f} (target 1.5)")
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        loops["encoded"]()
    print(profiled.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


def _loop(
    module: ControlNetModule,
    optimizer: torch.optim.Optimizer,
    scenes: Any,
    params: TrainParams,
) -> Callable[[], None]:
    """Return a function that takes one optimizer step on the next batch."""
    batches = _forever(DataLoader(scenes, batch_size=params.batch_size, shuffle=True))

    def step() -> None:
        with record_function("batch"):
            batch = next(batches)
        with torch.autocast("cpu", torch.bfloat16), record_function("forward"):
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

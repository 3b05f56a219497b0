"""The training loop of both parts of the backbone: resumable, with an averaged copy and an ETA.

All that is random in a step follows from the seed and the step's number, so there is no state of
random generators to save, and a resumed run takes the same steps as an uninterrupted one.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from pipeline.ground.files import replacing

M = TypeVar("M", bound=nn.Module)

MAX_GRADIENT_NORM = 1.0
EMA_DECAY = 0.999
_PACE_STEPS = 8


@dataclass(frozen=True)
class Trained(Generic[M]):
    """What a training has made so far.

    Attributes:
        averaged: The model with the exponential moving average of the weights.
        steps: Optimizer steps taken.
        seconds: Time they took, over all runs.
    """

    averaged: M
    steps: int
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then a cosine down to a fiftieth.

    Attributes:
        steps: Optimizer steps in all.
        learning_rate: Its peak.
        weight_decay: Of AdamW.
        warm_up: Steps of linear rise.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 1e-3
    warm_up: int = 100

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * min(1, (step + 1) / self.warm_up) * (0.02 + 0.98 * cosine)


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the random generator of a step."""
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


def fit(
    model: M,
    batch_loss: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    label: str,
    *,
    pause_s: float,
    on_pause: Callable[[Trained[M]], None],
) -> Trained[M]:
    """Train `model` in place to the end of the schedule, from the checkpoint where there is one.

    Args:
        model: What is trained.
        batch_loss: Loss of a step's batch under `model`, given the step's number from 0.
        schedule: The steps and their learning rate.
        checkpoint: Where the state is kept, written whole or not at all.
        label: Shown with the progress.
        pause_s: Seconds from one checkpoint to the next.
        on_pause: Called after each checkpoint but the last.

    Raises:
        KeyboardInterrupt: It was interrupted or terminated; the state is saved.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.99), weight_decay=schedule.weight_decay, fused=True
    )
    averaged = AveragedModel(model, multi_avg_fn=_average)
    state = _State(checkpoint, model, averaged, optimizer)
    state.load()
    progress = tqdm(
        total=schedule.steps,
        initial=state.steps,
        desc=label,
        unit=" step",
        mininterval=0.5 if sys.stderr.isatty() else 30.0,
    )
    with progress, _interruptible() as interrupted:
        while state.steps < schedule.steps and not interrupted.is_set():
            loss = _take_step(model, batch_loss, optimizer, schedule, state.steps)
            averaged.update_parameters(model)
            state.steps += 1
            progress.update()
            if state.steps % 50 == 0:
                progress.set_postfix(loss=f"{loss:.4f}", refresh=False)
            if state.seconds_unsaved > pause_s and state.steps < schedule.steps:
                state.save()
                on_pause(state.trained())
                state.restart_clock()
        state.save()
    if state.steps < schedule.steps:
        raise KeyboardInterrupt
    return state.trained()


class _State(Generic[M]):
    """All that a run needs to go on where another one stopped."""

    def __init__(
        self,
        path: Path,
        model: M,
        averaged: AveragedModel,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.path, self.averaged = path, averaged
        self.parts: dict[str, Any] = {"model": model, "averaged": averaged, "optimizer": optimizer}
        self.steps, self.seconds = 0, 0.0
        self.restart_clock()

    @property
    def seconds_unsaved(self) -> float:
        return time.monotonic() - self.started

    def restart_clock(self) -> None:
        self.started = time.monotonic()

    def trained(self) -> Trained[M]:
        return Trained(cast(M, self.averaged.module.eval()), self.steps, self.seconds)

    def save(self) -> None:
        self.seconds += self.seconds_unsaved
        self.restart_clock()
        content = {name: part.state_dict() for name, part in self.parts.items()}
        with replacing(self.path) as temporary:
            torch.save(content | {"steps": self.steps, "seconds": self.seconds}, temporary)

    def load(self) -> None:
        if not self.path.exists():
            return
        content = torch.load(self.path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(content[name])
        self.steps, self.seconds = content["steps"], content["seconds"]


def _take_step(
    model: nn.Module,
    batch_loss: Callable[[int], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    step: int,
) -> float:
    """Take one optimizer step; return its loss."""
    for group in optimizer.param_groups:
        group["lr"] = schedule.rate(step)
    optimizer.zero_grad(set_to_none=True)
    loss = batch_loss(step)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return float(loss.detach())


def seconds_per_step(model: nn.Module, batch_loss: Callable[[int], Tensor]) -> float:
    """Measure how long a step takes, without changing the model."""
    batch_loss(0).backward()  # The first one warms up.
    start = time.monotonic()
    for step in range(_PACE_STEPS):
        batch_loss(step).backward()
    model.zero_grad(set_to_none=True)
    # The optimizer and the average take about a twentieth of a step.
    return 1.05 * (time.monotonic() - start) / _PACE_STEPS


def _average(averaged: Sequence[Tensor], current: Sequence[Tensor], updates: int | Tensor) -> None:
    """Move the average towards the current weights: soon at first, then slowly."""
    decay = min(EMA_DECAY, (1 + int(updates)) / (10 + int(updates)))
    torch._foreach_lerp_(list(averaged), list(current), 1 - decay)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or a termination sets, so that a step always ends whole."""
    event = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: event.set()) for number in signals}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

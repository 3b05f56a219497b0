"""The one door to processes and clusters: per-item work on joblib, streamed, with an ETA."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, TypeVar

from tqdm import tqdm

from pipeline.ground.errors import ParamsError
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.params import ComputeParams

T = TypeVar("T")
R = TypeVar("R")

# What each engine needs. It is named itself: an extra of ours would bring along the OpenCV that the
# lock leaves out, over the one that it holds.
_PACKAGES = {"ray": "ray", "dask": "distributed"}

# Without streaming results, an engine gets this many items at a time, so that progress still shows.
_ITEMS_PER_ROUND = 512


def each(
    function: Callable[[T], R],
    items: Sequence[T],
    compute: ComputeParams,
    label: str,
    unit: str = "scene",
) -> Iterator[R]:
    """Yield `function(item)` for every item, as results come in (their order is not the items').

    `function` and what it returns must pickle; what can go wrong with one item is for `function`
    to catch and return, since an exception ends the whole call.

    Raises:
        ParamsError: `compute.backend` names an engine whose package is not installed.
    """
    progress = tqdm(
        total=len(items),
        desc=label,
        unit=f" {unit}",
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
        disable=not items,
    )
    with progress:
        for result in _results(function, items, compute):
            progress.update()
            yield result


def _results(function: Callable[[T], R], items: Sequence[T], compute: ComputeParams) -> Iterator[R]:
    if compute.n_jobs == 1 or len(items) < 2:
        yield from map(function, items)
        return
    from joblib import Parallel, delayed, parallel_config

    calls = delayed(_on_one_thread)
    with _engine(compute.backend), parallel_config(compute.backend, n_jobs=compute.n_jobs):
        if compute.backend in ("loky", "threading"):
            parallel = Parallel(return_as="generator_unordered")
            yield from parallel(calls(function, item) for item in items)
            return
        remaining = iter(items)
        while some := list(islice(remaining, _ITEMS_PER_ROUND)):
            yield from Parallel()(calls(function, item) for item in some)


def _engine(backend: str) -> AbstractContextManager[Any]:
    """Make joblib know the engine, and connect to it while the context lasts.

    RAY_ADDRESS or DASK_SCHEDULER_ADDRESS names the cluster; without it, one is started here.
    """
    try:
        if backend == "ray":
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            from ray.util.joblib import register_ray

            register_ray()
        elif backend == "dask":
            from distributed import Client

            return Client()
    except ImportError as error:
        raise ParamsError(
            f"compute.backend is {backend!r}, but its package is not installed. "
            f"Run: pip install {_PACKAGES[backend]}, or set compute.backend: loky."
        ) from error
    return nullcontext()


def _on_one_thread(function: Callable[[T], R], item: T) -> R:
    """Call `function` with OpenCV on one thread: the processes already fill the cores."""
    keep_freed_memory()
    if "cv2" in sys.modules:
        import cv2

        cv2.setNumThreads(1)
    return function(item)

"""Stage `variant`: heatmaps in which attention on the product rises or falls by a known factor."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.ground.artefacts import (
    SCENES,
    VARIANT_FIGURES,
    VARIANT_HEADLINE,
    VARIANT_MANIFEST,
    VARIANT_METRICS,
    VARIANT_SHARES,
    VARIANTS,
)
from pipeline.ground.code import Key, summary_key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.manifest import write_manifest
from pipeline.heatmaps.params import VariantParams
from pipeline.scenes.table import read_whole_videos
from pipeline.stages.variant.statistics import POSITIONS, CorpusSummary
from pipeline.stages.variant.video import VideoTask, make_video
from pipeline.tracking.runs import TrackedRun, log_run

LOG = logging.getLogger(__name__)

_SUMMARY = "summary"
# By its name: matplotlib is imported where it is used.
_DRAWN = "pipeline.stages.variant.pictures"


def main(workspace: Workspace) -> None:
    """Make the variants of every video of the scene table.

    Raises:
        InputError: the scene table or a scene's file is missing or unreadable.
    """
    from pipeline.scenes.corpus import Corpus

    started_s = time.time()
    params = VariantParams.load(workspace)
    image_size = load_image_size(workspace)
    compute = ComputeParams.load(workspace)
    corpus = Corpus(read_whole_videos(workspace.path(SCENES)))
    table_digest = file_digest(workspace.path(SCENES))
    sample = set(corpus.sample(params.sample_videos))
    inputs = corpus.inputs(params.model_dump_json(exclude={"sample_videos"}), str(image_size))
    makers = (make_video.__module__,)
    plan = {
        f"video {video}": Key(
            digest(found, str(video in sample)), (*makers, _DRAWN) if video in sample else makers
        )
        for video, found in inputs.items()
    }
    plan[_SUMMARY] = summary_key(plan, (__name__,), table_digest)
    with StageOuts(workspace, "variant") as outs:
        todo = outs.begin(plan, dict.fromkeys(plan.keys() - {_SUMMARY}, dict[str, Any]))
        videos = [video for video in inputs if f"video {video}" in todo]
        folder = outs.staging / VARIANTS

        def task(video: str) -> VideoTask:
            draw = _drawing(outs.staging) if video in sample else None
            rows = corpus.rows(video)
            return VideoTask(rows, workspace.root, folder, VARIANTS, params, image_size, draw)

        failures = []
        for made in each(make_video, _Tasks(videos, task), compute, "variants", unit="video"):
            if made.failure:
                failures.append(made.failure)
            else:
                files = [f"{VARIANTS}/{name}" for name in made.files]
                files += [f"{VARIANT_FIGURES}/{name}" for name in made.pictures]
                outs.accept(f"video {made.video_id}", files, made.summary)
        _refuse(failures)
        summary = CorpusSummary(params.variants)
        for item, video in outs.results():
            if item != _SUMMARY:
                summary.add(item.removeprefix("video "), video)
        if _SUMMARY in todo:
            _write_summary(outs.staging, summary, params, image_size, table_digest)
            outs.accept(
                _SUMMARY, [VARIANT_MANIFEST, VARIANT_SHARES, VARIANT_METRICS, VARIANT_HEADLINE]
            )
    LOG.info("variant: %d videos, %d of them made in this run.", len(inputs), len(videos))
    _track(workspace, params, image_size, summary, started_s)


@dataclass(frozen=True)
class _Tasks(Sequence[VideoTask]):
    """The tasks of a run, each put together in its turn: 30,000 tables would fill memory."""

    videos: Sequence[str]
    task: Callable[[str], VideoTask]

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: Any) -> Any:
        return self.task(self.videos[index])


def _drawing(staging: Path) -> Callable[..., list[str]]:
    from pipeline.stages.variant.pictures import draw_pictures

    return partial(draw_pictures, folder=staging / VARIANT_FIGURES)


def _refuse(failures: list[str]) -> None:
    if failures:
        more = f" and {len(failures) - 1} more videos" if len(failures) > 1 else ""
        raise InputError(
            f"{min(failures)}{more}. The scene table calls it valid, so the files have changed "
            "since: run `dvc repro validate`. The variants of all other videos are kept."
        )


def _write_summary(
    staging: Path,
    summary: CorpusSummary,
    params: VariantParams,
    image_size: tuple[int, int],
    table_digest: str,
) -> None:
    import pandas as pd

    from pipeline.ground.tables import write_table

    write_manifest(staging / VARIANT_MANIFEST, summary.videos, params, image_size, table_digest)
    profile = [
        (variant, position, share)
        for variant, shares in summary.share_profile().items()
        for position, share in zip(POSITIONS, shares, strict=True)
    ]
    shares = pd.DataFrame(profile, columns=["variant", "position", "share"])
    write_table(staging / VARIANT_SHARES, shares)
    contents = {VARIANT_METRICS: summary.metrics(), VARIANT_HEADLINE: summary.headline()}
    for path, figures in contents.items():
        write_text(staging / path, json.dumps(figures, indent=1) + "\n")


def _track(
    workspace: Workspace,
    params: VariantParams,
    image_size: tuple[int, int],
    summary: CorpusSummary,
    started_s: float,
) -> None:
    """Leave the run in MLflow, also if nothing had to be made: each run of the stage is one."""
    metrics = summary.metrics()
    shares = {f"share/{variant}": share for variant, share in metrics.pop("share").items()}
    alignments = {f"alignment/{name}": mean for name, mean in summary.mean_alignments().items()}
    curves = {f"share_by_position/{name}": row for name, row in summary.share_profile().items()}
    figures = sorted(workspace.path(VARIANT_FIGURES).glob("*.png"))
    log_run(
        workspace,
        TrackedRun(
            stage="variant",
            name=run_name(params),
            started_s=started_s,
            params={**params.model_dump(mode="json"), "image_size": list(image_size)},
            metrics={**metrics, **shares, **alignments, **curves},
            artifacts={"": [VARIANT_SHARES, VARIANT_METRICS], "samples": figures},
            description="Heatmap variants. `samples/` holds two pictures per sample video: its "
            "scenes with all their maps, and the keyword's share over its course.",
        ),
    )


def run_name(params: VariantParams) -> str:
    """Return a name that says what is special: the dose, and what differs from the defaults.

    MLflow's table shows about 20 letters of it.
    """
    share = params.target_share
    named: dict[str, Any] = {"α": params.alpha} if share is None else {"share": share}
    for name, field in VariantParams.model_fields.items():
        value = getattr(params, name)
        if name in ("alpha", "target_share", "sample_videos"):
            continue
        if value != field.get_default(call_default_factory=True):
            named[name] = "+".join(value) if name == "extra" else value
    return " ".join(["variant", *(f"{name}={value}" for name, value in named.items())])

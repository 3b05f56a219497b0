"""Stage `variant`: heatmaps in which attention on the product rises or falls by a known factor."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.artefacts import (
    MANIFEST,
    SCENES,
    VARIANT_FIGURES,
    VARIANT_HEADLINE,
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
from pipeline.scenes.table import read_scenes
from pipeline.stages.variant import making
from pipeline.stages.variant.making import Job
from pipeline.stages.variant.statistics import POSITIONS, CorpusSummary
from pipeline.stages.variant.video import VideoTask
from pipeline.tracking.runs import TrackedRun, log_run
from pipeline.tracking.store import data_version

if TYPE_CHECKING:
    from pipeline.scenes.corpus import Corpus

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
    corpus = Corpus(read_scenes(workspace.path(SCENES)))
    data_version = file_digest(workspace.path(SCENES))
    sample = set(corpus.sample(params.sample_videos))
    inputs = corpus.inputs(params.model_dump_json(exclude={"sample_videos"}), str(image_size))
    plan = {
        f"video {video}": Key(
            digest(found, str(video in sample)),
            (making.__name__, _DRAWN) if video in sample else (making.__name__,),
        )
        for video, found in inputs.items()
    }
    plan[_SUMMARY] = summary_key(plan, (__name__,), data_version)
    with StageOuts(workspace, "variant") as outs:
        todo = outs.begin(plan)
        videos = [video for video in inputs if f"video {video}" in todo]
        jobs = _Jobs(corpus, videos, sample, workspace, outs.staging, params, image_size)
        failures = []
        for made in each(making.make, jobs, compute, "variants", unit="video"):
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
            _write_summary(outs.staging, summary, params, image_size, data_version)
            outs.accept(_SUMMARY, [MANIFEST, VARIANT_SHARES, VARIANT_METRICS, VARIANT_HEADLINE])
    LOG.info("variant: %d videos, %d of them made in this run.", len(inputs), len(videos))
    _track(workspace, params, image_size, summary, started_s)


class _Jobs(Sequence[Job]):
    """The jobs of a run, each put together when it is its turn: 30,000 tables would fill memory."""

    def __init__(
        self,
        corpus: Corpus,
        videos: list[str],
        sample: set[str],
        workspace: Workspace,
        staging: Path,
        params: VariantParams,
        image_size: tuple[int, int],
    ) -> None:
        self.corpus = corpus
        self.videos = videos
        self.sample = sample
        self.figures = staging / VARIANT_FIGURES
        self.shared = (workspace.root, staging / VARIANTS, VARIANTS, params, image_size)

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: Any) -> Any:
        video = self.videos[index]
        draw = None
        if video in self.sample:
            from pipeline.stages.variant.pictures import draw_pictures

            draw = partial(draw_pictures, folder=self.figures)
        return Job(VideoTask(self.corpus.rows(video), *self.shared), draw)


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
    data_version: str,
) -> None:
    import pandas as pd

    from pipeline.ground.tables import write_table

    manifest = staging / MANIFEST
    write_manifest(manifest, summary.videos, params, image_size, data_version)
    profile = [
        (variant, position, share)
        for variant, shares in summary.share_profile().items()
        for position, share in zip(POSITIONS, shares, strict=True)
    ]
    shares = pd.DataFrame(profile, columns=["variant", "position", "share"])
    write_table(staging / VARIANT_SHARES, shares)
    for path, figures in (
        (VARIANT_METRICS, summary.metrics()),
        (VARIANT_HEADLINE, summary.headline()),
    ):
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
            tags=data_version(workspace, workspace.path(SCENES)),
            artifacts={
                "": [workspace.path(VARIANT_SHARES), workspace.path(VARIANT_METRICS)],
                "samples": figures,
            },
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

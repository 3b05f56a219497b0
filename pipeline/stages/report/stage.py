"""Stage `report`: one page with the scenes, their variants, the proof and where it comes from."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    CUTS_CSV,
    EDITS,
    GATE,
    PAGE,
    SCENES,
    TRAIN_METRICS,
    VIDEO_FIGURES,
)
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams, ModelParams, read_params
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import VariantParams
from pipeline.pictures.reading import ImageRefused
from pipeline.proof.params import EvaluateParams
from pipeline.scenes.table import read_scenes
from pipeline.stages.report import inputs
from pipeline.stages.report.page import render
from pipeline.stages.report.params import ReportParams
from pipeline.stages.report.pictures import colour_tables, scene_width
from pipeline.stages.report.rendered import figure_words
from pipeline.stages.report.videos import VideoTask, draw_video
from pipeline.tracking.runs import TrackedRun, log_run
from pipeline.tracking.store import commit
from schemas.keywords import is_doubtful

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger(__name__)

_SOFTWARE = ("torch", "diffusers", "lightning", "numpy", "pandas", "dvc", "mlflow")


def main(workspace: Workspace) -> None:
    """Make the page of what there is; a section whose input is missing says so.

    Raises:
        InputError: the scene table, or a file that it names, is missing or unreadable.
    """
    started_s = time.time()
    evaluate = EvaluateParams.load(workspace)
    scenes = read_scenes(workspace.path(SCENES))
    if scenes.empty:
        raise InputError(f"{SCENES} has no scenes. Run `dvc repro validate`; it says why.")
    edits = inputs.read_rows(workspace.root, EDITS)
    variants = inputs.read_legend(workspace.root)
    rendered = inputs.read_rendered(workspace.root)
    shown = choose_videos(scenes, edits, rendered, ReportParams.load(workspace).max_scenes)
    names = tuple(variant["name"] for variant in variants)
    tasks = _tasks(workspace, shown, edits, rendered, names)
    drawn = {}
    for video in each(draw_video, tasks, ComputeParams.load(workspace), "report", unit="video"):
        drawn[video.video_id] = video
    if failures := sorted(video.failure for video in drawn.values() if video.failure):
        raise _changed(failures[0])
    videos = [drawn[video_id] for video_id in dict.fromkeys(shown["video_id"])]
    data = {
        "videos": [video.summary for video in videos],
        "variants": variants,
        "colours": colour_tables(),
        "counts": {"videos": int(scenes["video_id"].nunique()), "scenes": len(scenes)},
        "demo": workspace.holds_demo,
        "rendered": {
            "tried": workspace.path(VIDEO_FIGURES).is_file(),
            "videos": 0 if rendered.empty else int(rendered["video_id"].nunique()),
            "figures": figure_words(),
        },
        "proof": inputs.read_proof(workspace.root, evaluate.equivalence_bound),
        "refused": inputs.read_refused(workspace.root),
        "provenance": _provenance(workspace, started_s),
    }
    page = render(data, (video.block for video in videos))
    # It says when it was made, so every run makes it.
    with StageOuts(workspace, "report") as outs:
        outs.begin({PAGE: Key(digest(str(started_s)), (__name__,))})
        write_text(outs.staging / PAGE, page)
        outs.accept(PAGE, [PAGE])
    LOG.info("report: %s, %.1f MB. Open it in a browser.", PAGE, len(page.encode()) / 1e6)
    _track(workspace, data, started_s)


def choose_videos(
    scenes: pd.DataFrame, edits: pd.DataFrame, rendered: pd.DataFrame, max_scenes: int
) -> pd.DataFrame:
    """Return the scenes of as many whole videos as make at most `max_scenes`, but at least one.

    Those that can be played are chosen first, then those that were redrawn, each in the table's
    order; of the chosen ones those whose keyword is doubtful come first.
    """
    counts = scenes.groupby("video_id", sort=False).size()
    redrawn = set() if edits.empty else set(edits["video_id"])
    playable = set() if rendered.empty else set(rendered["video_id"])
    chosen: list[str] = []
    total = 0
    for video in sorted(counts.index, key=lambda one: (one not in playable, one not in redrawn)):
        total += counts[video]
        if chosen and total > max_scenes:
            break
        chosen.append(video)
    keywords = scenes.drop_duplicates("video_id").set_index("video_id")["keyword"]
    chosen.sort(key=lambda video: not is_doubtful(keywords[video]))
    places = {video: place for place, video in enumerate(chosen)}
    shown = scenes[scenes["video_id"].isin(chosen)]
    return shown.sort_values("video_id", key=lambda ids: ids.map(places), kind="stable")


def _tasks(
    workspace: Workspace,
    shown: pd.DataFrame,
    edits: pd.DataFrame,
    rendered: pd.DataFrame,
    variants: tuple[str, ...],
) -> list[VideoTask]:
    root = workspace.root
    judged = inputs.read_judged(root)
    times = inputs.read_rows(root, CUTS_CSV)
    # What the edits add, if no two variants shared one, so that the budget holds.
    redrawn = 0 if edits.empty else int(edits["modified"].sum())
    paths = [workspace.path(path) for path in shown["scene_image_path"]]
    try:
        width = scene_width(paths, len(paths) + redrawn)
    except (ImageRefused, FileNotFoundError) as error:
        raise _changed(str(error)) from error
    return [
        VideoTask(
            video_id=str(video_id),
            root=root,
            table=table,
            times=_of(times, video_id),
            variants=variants,
            edits=_of(edits, video_id),
            judged=_of(judged, video_id),
            rendered=_of(rendered, video_id),
            keywords=VariantParams.load(workspace).keywords,
            width=width,
        )
        for video_id, table in shown.groupby("video_id", sort=False)
    ]


def _of(table: pd.DataFrame, video_id: Any) -> pd.DataFrame:
    return table if table.empty else table[table["video_id"] == video_id]


def _changed(found: str) -> InputError:
    return InputError(
        f"{found}. The scene table names it, so the files have changed since: run `dvc repro`."
    )


def _provenance(workspace: Workspace, started_s: float) -> dict[str, Any]:
    root = workspace.root
    params = read_params(workspace)
    gate = inputs.read_figures(root, GATE) or {}
    training = inputs.read_figures(root, TRAIN_METRICS) or {}
    return {
        "made": datetime.fromtimestamp(started_s, UTC).isoformat(timespec="seconds"),
        "commit": commit(workspace),
        "data": {SCENES: file_digest(workspace.path(SCENES)), **workspace.tracked_inputs()},
        "model": {
            "backbone": ModelParams.load(workspace).backbone,
            "ControlNet": gate.get("model", "not evaluated"),
            "training steps": training.get("steps"),
            "guide": EditParams.load(workspace).guide,
            "judge": EvaluateParams.load(workspace).judge,
        },
        "software": {name: version(name) for name in _SOFTWARE},
        "params": yaml.safe_dump(params, sort_keys=False, default_flow_style=None, width=100),
    }


def _track(workspace: Workspace, data: dict[str, Any], started_s: float) -> None:
    log_run(
        workspace,
        TrackedRun(
            stage="report",
            name="report",
            started_s=started_s,
            metrics={"scenes": data["counts"]["scenes"], "videos": data["counts"]["videos"]},
            artifacts={"": [PAGE]},
            description="The report page: download `index.html` and open it in a browser.",
        ),
    )

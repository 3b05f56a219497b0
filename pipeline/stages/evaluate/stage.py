"""Stage `evaluate`: the proofs of the edits, judged by one who took no part in them.

The stage ends well whether the proof succeeds or not: `gate.json` says which, `gazeshift gate`
exits by it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

from pipeline.attention.models import load_attention_model
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    GATE,
    METRICS,
    PROOF_FIGURES,
)
from pipeline.ground.code import Key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import VariantParams
from pipeline.pictures.reading import read_rgb
from pipeline.proof.params import EvaluateParams
from pipeline.stages.evaluate.control import control_check
from pipeline.stages.evaluate.control_losses import check_control
from pipeline.stages.evaluate.degraded import degraded_looks, look_degraded, people_and_judge
from pipeline.stages.evaluate.frames import (
    VideoJob,
    judge_video,
    read_rendered,
    videos_to_judge,
)
from pipeline.stages.evaluate.judge import refuse_guide
from pipeline.stages.evaluate.measure import Job, Picture, measure
from pipeline.stages.evaluate.over_time import frame_rows
from pipeline.stages.evaluate.panel import (
    Panel,
    Seen,
    content_of,
    look,
    look_item,
    looks,
    panel_of,
)
from pipeline.stages.evaluate.robustness import (
    robustness_rows,
    to_be_degraded,
)
from pipeline.stages.evaluate.scene_table import (
    edits_to_judge,
    pictures,
    with_counterfactual,
    with_measurements,
)
from pipeline.stages.evaluate.summary import TABLES, Summary
from pipeline.stages.evaluate.transfer import to_be_seen, transfer_rows
from pipeline.tracking.runs import TrackedRun, log_run

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.attention.models import AttentionModel

LOG = logging.getLogger(__name__)

_CONTROL, _SUMMARY = "control", "summary"
# Scenes on which judge and guide are compared, to see whether they are one.
_COMPARED = 4


def main(workspace: Workspace) -> None:
    """Judge the edits; what has been judged before is not judged again.

    Raises:
        InputError: edits, models or a scene's files are missing or unreadable.
        ParamsError: there is no such judge, or the judge is the guide.
    """
    started_s = time.time()
    params = EvaluateParams.load(workspace)
    edits = edits_to_judge(workspace, params, VariantParams.load(workspace).keywords)
    load_judge = partial(
        load_attention_model, params.judge, workspace.root, parameter="evaluate.judge"
    )
    judge = load_judge()
    guide = _refuse_guide(workspace, judge, edits)
    panel = panel_of(params.panel, {"judge": judge, "guide": guide}, workspace.root)
    _tell_left_out(panel)
    rendered = read_rendered(workspace, edits)
    videos = {_of_video(v.video_id): v for v in videos_to_judge(workspace, edits, rendered)}
    edits = with_counterfactual(edits, workspace, params)
    edit, image_size = EditParams.load(workspace), load_image_size(workspace)
    pairs = list(pictures(edits, workspace.root, edit, image_size))
    keys, wanted = _keyed(pairs, judge)
    edits, contents = _to_look_at(edits, pairs)
    to_see = looks(contents, panel.members, workspace.root)
    observers = people_and_judge(load_judge, panel, workspace.root)
    to_see_degraded = degraded_looks(_to_degrade(edits, contents), observers)
    check = control_check(workspace, params)
    plan = {f"picture {key.inputs}": key for key in wanted}
    plan |= {item: key for item, (_, key) in (to_see | to_see_degraded).items()}
    plan |= {item: video.key(judge) for item, video in videos.items()}
    # The summary says when it was made, so it is made by every run.
    plan |= {_CONTROL: check.key, _SUMMARY: Key(digest(str(started_s)), (__name__,))}
    with StageOuts(workspace, "evaluate") as outs:
        results_of: dict[str, Any] = dict.fromkeys(
            (f"picture {key.inputs}" for key in wanted), dict[str, Any]
        )
        results_of |= dict.fromkeys(to_see | to_see_degraded, float | None)
        results_of |= dict.fromkeys((*videos, _CONTROL), list[dict[str, Any]])
        todo = outs.begin(plan, results_of)
        jobs = [
            Job(key.inputs, picture, load_judge)
            for key, picture in wanted.items()
            if f"picture {key.inputs}" in todo
        ]
        compute = ComputeParams.load(workspace)
        failures = []
        for outcome in each(measure, jobs, compute, "judge", unit="image"):
            if outcome.failure:
                failures.append(outcome.failure)
            else:
                outs.accept(f"picture {outcome.key}", result=outcome.measured)
        to_look = [job for item, (job, _) in to_see.items() if item in todo]
        failures += _accept(outs, each(look, to_look, compute, "panel", unit="look"))
        to_degrade = [job for item, (job, _) in to_see_degraded.items() if item in todo]
        degraded = each(look_degraded, to_degrade, compute, "degraded", unit="look")
        failures += _accept(outs, degraded)
        to_play = [VideoJob(item, videos[item], load_judge) for item in videos if item in todo]
        for played in each(judge_video, to_play, compute, "frames", unit="video"):
            if played.failure:
                failures.append(played.failure)
            else:
                outs.accept(played.item, result=played.rows)
        _refuse(failures)
        if _CONTROL in todo:
            outs.accept(_CONTROL, result=check_control(check, workspace.root))
        results = dict(outs.results())
        measured = [
            (results[f"picture {edited.inputs}"], results[f"picture {original.inputs}"])
            for edited, original in keys
        ]
        judged = with_measurements(edits, measured, params)
        transfer = _transfer(judged, panel, results)
        robustness = robustness_rows(judged, observers, results)
        frames = frame_rows(judged, {v.video_id: results[item] for item, v in videos.items()})
        summary = Summary(
            workspace,
            params,
            judged,
            results[_CONTROL],
            transfer,
            robustness,
            frames,
            rendered,
            panel.left_out,
            started_s,
        )
        outs.accept(_SUMMARY, summary.write(outs))
    LOG.info(
        "evaluate: %d images, %d judged now, %d looks of the panel, %d now, %d at degraded "
        "pictures, %d now; %d videos, %d now. %s",
        len(wanted), len(jobs), len(to_see), len(to_look), len(to_see_degraded), len(to_degrade),
        len(videos), len(to_play), summary.words,
    )  # fmt: skip
    _track(workspace, params, summary, started_s)


def _of_video(video_id: str) -> str:
    return f"frames of {video_id}"


def _tell_left_out(panel: Panel) -> None:
    for name, reason in panel.left_out.items():
        LOG.warning("evaluate.panel: %s is left out: %s", name, reason)


def _to_look_at(
    edits: pd.DataFrame, pairs: list[tuple[Picture, Picture]]
) -> tuple[pd.DataFrame, dict[Picture, str]]:
    """Return the edits with `look` and `original_look`, what the panel is to see, and what is it.

    Both are None of rows that it does not look at.
    """
    chosen = edits.index.isin(to_be_seen(edits).index)
    distinct = dict.fromkeys(chain.from_iterable(compress(pairs, chosen)))
    contents = {picture: content_of(picture) for picture in distinct}
    found = [tuple(contents.get(picture) for picture in pair) for pair in pairs]
    blank = (None, None)
    rows = [pair if seen else blank for pair, seen in zip(found, chosen, strict=True)]
    after, before = zip(*rows, strict=True) if rows else ((), ())
    return edits.assign(look=list(after), original_look=list(before)), contents


def _to_degrade(edits: pd.DataFrame, contents: dict[Picture, str]) -> dict[Picture, str]:
    """Return those of the panel's pictures that are looked at after degradations, too."""
    chosen = set(to_be_degraded(edits)[["look", "original_look"]].to_numpy().ravel())
    return {picture: content for picture, content in contents.items() if content in chosen}


def _accept(outs: StageOuts, seen: Iterable[Seen]) -> list[str]:
    """Record looks as they come in; return why some failed."""
    failures = []
    for one in seen:
        if one.failure:
            failures.append(one.failure)
        else:
            outs.accept(one.item, result=one.share)
    return failures


def _transfer(judged: pd.DataFrame, panel: Panel, results: dict[str, Any]) -> pd.DataFrame:
    """Return what the panel saw, one row per picture and observer."""
    rows = to_be_seen(judged)
    seen = {
        name: [
            (results[look_item(name, after)], results[look_item(name, before)])
            for after, before in zip(rows["look"], rows["original_look"], strict=True)
        ]
        for name in panel.members
    }
    return transfer_rows(rows, seen)


def _refuse_guide(
    workspace: Workspace, judge: AttentionModel, edits: pd.DataFrame
) -> AttentionModel:
    """Return the guide, who is not the judge."""
    location = EditParams.load(workspace).guide
    guide = load_attention_model(location, workspace.root, parameter="edit.guide")
    scenes = edits["original_path"].unique()[:_COMPARED]
    images = [read_rgb(workspace.path(path)) for path in scenes]
    refuse_guide(judge, guide, images, load_image_size(workspace))
    return guide


def _keyed(
    pairs: list[tuple[Picture, Picture]], judge: AttentionModel
) -> tuple[list[tuple[Key, Key]], dict[Key, Picture]]:
    """Return the keys of each row's two pictures, and each distinct picture by its key.

    Raises:
        InputError: a picture that the tables name is missing.
    """
    try:
        distinct = {picture: picture.key(judge) for picture in dict.fromkeys(chain(*pairs))}
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename}: an edit that the tables name is missing. Run "
            "`dvc repro edit dose_curve`."
        ) from error
    keys = [(distinct[edited], distinct[original]) for edited, original in pairs]
    return keys, {key: picture for picture, key in distinct.items()}


def _refuse(failures: list[str]) -> None:
    if failures:
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        raise InputError(f"{min(failures)}{more}. What was judged is kept.")


def _track(
    workspace: Workspace, params: EvaluateParams, summary: Summary, started_s: float
) -> None:
    numbers = {
        name: float(value)
        for name, value in summary.figures.items()
        if isinstance(value, bool | int | float)
    }
    log_run(
        workspace,
        TrackedRun(
            stage="evaluate",
            name=f"evaluate, {'pass' if summary.gate['pass'] else 'fail'}",
            started_s=started_s,
            params={**params.model_dump(mode="json", exclude={"gate"})},
            metrics={**numbers, "gate_pass": float(summary.gate["pass"])},
            tags={"model": summary.gate["model"]},
            artifacts={
                "": [METRICS, GATE, *TABLES],
                "figures": sorted(workspace.path(PROOF_FIGURES).glob("*.png")),
            },
            description=summary.words,
        ),
    )

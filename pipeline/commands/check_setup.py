"""The first lines of `gazeshift check`: params, inputs, and what the later stages will ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.attention.models import MODELS, OBSERVERS
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import KEYWORDS, OUTS, PREDICTOR
from pipeline.ground.errors import GazeshiftError, InputError, ParamsError
from pipeline.ground.outs import refuse_own_outs
from pipeline.ground.params import ComputeParams, ModelParams, Section, load_image_size, read_params
from pipeline.ground.workspace import TRACKED, Workspace
from pipeline.ingest.inputs import IngestParams, input_path, list_files
from pipeline.proof.params import EvaluateParams
from pipeline.registry import STAGES, module_of
from pipeline.scenes.keywords import read_keywords
from pipeline.scenes.names import normal_id
from pipeline.stages.attention_heatmap.params import AttentionHeatmapParams
from pipeline.stages.keyword_masks.params import KeywordMasksParams
from pipeline.stages.scene_cuts.params import SceneCutsParams
from pipeline.stages.validate.trees import Role
from pipeline.video.decoding import VIDEO_SUFFIXES

INGEST: dict[Role, type[IngestParams]] = {
    "image": SceneCutsParams,
    "mask": KeywordMasksParams,
    "heatmap": AttentionHeatmapParams,
}
"""What each tree of scenes comes from."""

SHOWN = 3
"""Offenders that are named."""


class Finding(NamedTuple):
    """One line of the checklist; sound if it has no offenders."""

    title: str
    offenders: Sequence[str] = ()
    remedy: str = ""
    fatal: bool = True
    """Whether it stops the pipeline; else the offenders are refused and the rest go on."""

    def lines(self) -> Iterator[str]:
        """Yield the text of the finding: the first offenders, and what to do."""
        if not self.offenders:
            yield f"✓ {self.title}"
            return
        yield f"{'✗' if self.fatal else '⚠'} {self.title}: not so, {len(self.offenders)} offending"
        yield from (f"    {offender}" for offender in self.offenders[:SHOWN])
        yield f"    → {self.remedy}"


def parameters(workspace: Workspace) -> Finding:
    """Return whether params.yaml reads."""
    title = "params.yaml reads, section by section"
    try:
        load_params(workspace)
    except GazeshiftError as error:
        return Finding(title, [str(error)], "Correct what is named above.")
    return Finding(title)


def load_params(workspace: Workspace) -> None:
    """Read every section.

    Raises:
        ParamsError: a value breaks a rule, names the stage's own out, or no stage reads a section.
    """
    load_image_size(workspace)
    ComputeParams.load(workspace)
    known = {"image_size", ComputeParams.name}
    for stage in STAGES:
        refuse_own_outs(workspace, stage)
        for value in vars(module_of(stage)).values():
            if isinstance(value, type) and issubclass(value, Section) and hasattr(value, "name"):
                value.load(workspace)
                known.add(value.name)
    if unknown := sorted(map(str, set(read_params(workspace)) - known)):
        raise ParamsError(
            f"params.yaml: {unknown[0]}: no stage reads such a section; known are: "
            f"{', '.join(sorted(known))}"
        )


def inputs(workspace: Workspace) -> Finding:
    """Return whether the ingest stages have what they read."""
    missing = []
    for params in (section.load(workspace) for section in INGEST.values()):
        if _is_made(params.input):
            continue
        try:
            path = input_path(workspace, params)
        except GazeshiftError as error:
            missing.append(str(error))
            continue
        if path.is_dir() and not any(path.iterdir()):
            missing.append(f"{params.name}.input: {params.input} is empty")
    remedy = "Put the files there, or point <stage>.source and <stage>.input at what you have."
    return Finding("the inputs of the ingest stages are there", missing, remedy)


def videos(workspace: Workspace) -> set[str]:
    """Return the ids of the videos that are to be cut; none where cuts are taken over."""
    cuts = SceneCutsParams.load(workspace)
    folder = workspace.path(cuts.input)
    if cuts.source != "videos" or not folder.is_dir():
        return set()
    return _stems(workspace, folder, VIDEO_SUFFIXES)


def companions(workspace: Workspace) -> Iterator[Finding]:
    """Yield, for videos, which of them lack a keyword, an outline file or a fixation file."""
    if not (named_videos := videos(workspace)):
        return
    masks, heatmaps = KeywordMasksParams.load(workspace), AttentionHeatmapParams.load(workspace)
    try:
        table = read_keywords(workspace.path(KEYWORDS))
        known = {KEYWORDS: {*table.keywords, *(one.video_id for one in table.rejections)}}
    except GazeshiftError:
        known = {}  # Said elsewhere.
    kinds = ((masks, "annotations", (".json",)), (heatmaps, "fixations", (".csv",)))
    for params, source, suffixes in kinds:
        place = workspace.path(params.input)
        if params.source == source and place.is_dir():
            known[params.input] = _stems(workspace, place, suffixes)
    for where, named in known.items():
        missing = [f"{video}: nothing" for video in sorted(named_videos - named)]
        remedy = "Add it, or leave the video out: all its scenes would be refused."
        fatal = len(missing) == len(named_videos)
        yield Finding(f"every video has its part in {where}", missing, remedy, fatal)


def _stems(workspace: Workspace, folder: Path, suffixes: tuple[str, ...]) -> set[str]:
    files, _ = list_files(workspace, folder)
    return {normal_id(file.stem) for file in files if file.suffix.lower() in suffixes}


def models(workspace: Workspace) -> Iterator[Finding]:
    """Yield what of the demo's is still in use on other data."""
    try:
        if workspace.holds_demo or not workspace.path(TRACKED).is_file():
            return
    except InputError:
        return  # Said elsewhere.
    params = ModelParams.load(workspace)
    found = []
    if params.backbone == ModelParams().backbone:
        found.append(f"model.backbone: {params.backbone} has only seen drawn scenes")
    params_of_proof = EvaluateParams.load(workspace)
    if params_of_proof.judge.startswith("demo/"):
        found.append("evaluate.judge: the demo's viewers are simulated")
    if any(name.startswith("demo/") for name in params_of_proof.panel):
        found.append("evaluate.panel: the demo's other viewers are simulated, too")
    remedy = "docs/own_data.md says what to set instead."
    yield Finding("nothing of the demo's is used on your data", found, remedy, fatal=False)


def _is_made(path: str) -> bool:
    """Return whether a stage makes it, so that it need not be there yet."""
    outs = OUTS["scene_cuts"]
    return any(path == out or path.startswith(f"{out}/") for out in outs)


def repository(workspace: Workspace) -> Iterator[Finding]:
    """Yield what `dvc repro` needs besides scenes; nothing where no dvc.yaml is."""
    if workspace.path("dvc.yaml").is_file():
        yield _tracked(workspace)
        yield _guide(workspace)
        yield _judge(workspace)


def _tracked(workspace: Workspace) -> Finding:
    """DVC refuses to commit or run what names an input that is not there."""
    title = "data.dvc names what is there"
    remedy = (
        "The demo's: `dvc pull data.dvc`. Your own data: delete from data.dvc the entries of what "
        "you do not have, then `dvc commit -f data.dvc`."
    )
    try:
        paths = workspace.tracked_inputs()
    except InputError as error:
        return Finding(title, [str(error)])
    return Finding(title, [path for path in paths if not workspace.path(path).exists()], remedy)


def _guide(workspace: Workspace) -> Finding:
    title = "the guide of the edits can be had"
    source = AttentionHeatmapParams.load(workspace).source
    if source == "fixations" or EditParams.load(workspace).guide != PREDICTOR:
        return Finding(title)
    found = f"edit.guide is learned from recorded gaze, but attention_heatmap.source is {source}"
    if source == "folder":
        found += ": only maps that were made here from fixations are known to be recorded"
    remedy = "Set edit.guide: centre_surround, or a folder with a predictor from elsewhere."
    return Finding(title, [found], remedy, fatal=source != "folder")


def _judge(workspace: Workspace) -> Finding:
    title = "evaluate.judge is a model that is there"
    judge = EvaluateParams.load(workspace).judge
    if judge in MODELS | OBSERVERS or (judge and workspace.path(judge).exists()):
        return Finding(title)
    remedy = "Name a model, a predictor's folder, or a Python file: docs/own_data.md#a-judge."
    return Finding(title, [f"evaluate.judge: found {judge!r}"], remedy)

"""`gazeshift check`: what a first run on own data needs, with first offenders and remedies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.commands import check_setup
from pipeline.commands.check_setup import INGEST, SHOWN, Finding
from pipeline.ground.artefacts import KEYWORDS, OUTS, SCENES
from pipeline.ground.code import installed_version
from pipeline.ground.errors import GazeshiftError
from pipeline.ground.params import load_image_size
from pipeline.ground.record import computed_with
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.registry import DEMO_STAGES, STAGES
from pipeline.scenes.keywords import read_keywords
from pipeline.scenes.split import TEST, TRAIN, VAL, split_of
from pipeline.stages.validate.measure import Settings, Task, measure_scene
from pipeline.stages.validate.params import ValidateParams
from pipeline.stages.validate.trees import Role, SceneFiles, SceneKey, SceneTrees, scan_trees
from pipeline.stages.validate.verdicts import IngestRefusals
from schemas.keywords import is_doubtful
from schemas.rejected_scenes import REMEDIES, Reason, Rejection

SAMPLE = 200
"""Scenes whose pixels are looked at; `validate` looks at all."""

_GREY = {
    Reason.WRONG_IMAGE_MODE,
    Reason.MASK_EMPTY,
    Reason.MASK_FULL,
    Reason.MASK_OF_LABELS,
    Reason.HEATMAP_CONSTANT,
}


def main(workspace: Workspace) -> int:
    """Print the checklist; return 1 if anything is ✗."""
    findings = list(check(workspace))
    for finding in findings:
        say(*finding.lines())
    broken = sum(finding.fatal and bool(finding.offenders) for finding in findings)
    say(
        "",
        f"{broken} of {len(findings)} checks failed. Do what → says below each ✗, from the top; "
        "then run `gazeshift check` again."
        if broken
        else "Ready: `dvc repro`. Scenes under ⚠ are refused with a reason, the others go on.",
    )
    return 1 if broken else 0


def check(workspace: Workspace) -> Iterator[Finding]:
    """Yield the findings, cheapest first; without readable parameters there are no others."""
    params = check_setup.parameters(workspace)
    yield params
    if params.offenders:
        return
    yield check_setup.inputs(workspace)
    yield from check_setup.companions(workspace)
    yield from check_setup.repository(workspace)
    yield from check_setup.models(workspace)
    trees = scan_trees(workspace, _folders(workspace))
    yield _keywords(workspace, check_setup.videos(workspace) | {video for video, _ in trees.scenes})
    if not trees.scenes and not trees.strays:
        yield Finding("no scene images, masks or heatmaps yet: `dvc repro` makes them")
        return
    yield _doubtful_keywords(workspace, trees)
    allowed = 1 - ValidateParams.load(workspace).min_valid_fraction
    strays = trees.strays
    fatal = len(strays) > allowed * len(trees.scenes)
    yield _refusals("file names parse, links stay inside", strays, fatal)
    yield _mates(workspace, trees, allowed)
    yield from _pixels(workspace, trees, allowed)
    yield _splits(trees)
    yield _current(workspace)
    yield _versions(workspace)


def _keywords(workspace: Workspace, videos: set[str]) -> Finding:
    """Look at the rows of the project's videos; a list may well hold those of many others."""
    title = f"{KEYWORDS} has its columns, and keywords that one can see"
    try:
        table = read_keywords(workspace.path(KEYWORDS))
    except GazeshiftError as error:
        return Finding(title, [str(error)], "See docs/data_format.md for the columns.")
    ours = [one for one in table.rejections if one.video_id in videos or not videos]
    if videos - set(table.keywords) - {one.video_id for one in ours}:
        # An unusable id may be meant for a video that has no row.
        ours += [one for one in table.rejections if one.reason is Reason.BAD_VIDEO_ID]
    usable = table.keywords.keys() & videos if videos else table.keywords
    rejections = [one._replace(file=KEYWORDS) for one in ours]
    return _refusals(title, rejections, fatal=bool(rejections) and not usable)


def _doubtful_keywords(workspace: Workspace, trees: SceneTrees) -> Finding:
    title = "keywords that are not refused name things"
    try:
        keywords = read_keywords(workspace.path(KEYWORDS)).keywords
    except GazeshiftError:
        return Finding(title)  # said already
    videos = sorted({video_id for video_id, _ in trees.scenes} & keywords.keys())
    found = [
        f"{video}: {keywords[video][0]!r}" for video in videos if is_doubtful(keywords[video][0])
    ]
    remedy = "Look at them: do they name a thing that one can see? Change those that do not."
    return Finding(title, found, remedy, fatal=False)


def _refusals(title: str, rejections: Sequence[Rejection], fatal: bool) -> Finding:
    offenders = [
        f"{f'{one.file} {one.video_id}'.strip()}: {one.reason} ({one.found})" for one in rejections
    ]
    commonest = Counter(one.reason for one in rejections).most_common(1)
    return Finding(title, offenders, REMEDIES[commonest[0][0]] if commonest else "", fatal)


def _folders(workspace: Workspace) -> dict[Role, str]:
    """Return where the scenes' files are: what was made, or else what is to be taken over."""
    folders: dict[Role, str] = {}
    for role, section in INGEST.items():
        params = section.load(workspace)
        out = OUTS[params.name][0]
        taken_over = getattr(params, "source", "") == "folder"
        folders[role] = params.input if taken_over else out
    return folders


def _mates(workspace: Workspace, trees: SceneTrees, allowed: float) -> Finding:
    """Look for what scenes lack, unless it is the mask of a product that is not shown."""
    ingest = IngestRefusals.read(workspace)
    without_product = {
        key
        for key, files in trees.scenes.items()
        if files.mask is None
        and (why := ingest.why_missing("mask", key))
        and why.reason is Reason.KEYWORD_NOT_IN_SCENE
    }
    roles = [
        role for role, folder in trees.folders.items() if any(workspace.path(folder).glob("*"))
    ]
    missing = [
        f"{key[0]} scene {key[1]}: no {' and no '.join(absent)}"
        for key, files in sorted(trees.scenes.items())
        if (
            absent := [
                role
                for role in roles
                if getattr(files, role) is None and not (role == "mask" and key in without_product)
            ]
        )
    ]
    title = f"the same scenes on all sides ({', '.join(roles)})"
    if without_product:
        title += f"; {len(without_product)} without the product, which is no fault"
    remedy = "Add the missing files, or look into reports/ingest/ for why they were not made."
    return Finding(title, missing, remedy, len(missing) > allowed * len(trees.scenes))


def _pixels(workspace: Workspace, trees: SceneTrees, allowed: float) -> Iterator[Finding]:
    """Yield what a sample of the complete scenes holds, evenly spread over all."""
    whole: list[tuple[SceneKey, SceneFiles]] = [
        (key, files)
        for key, files in sorted(trees.scenes.items())
        if files.image and files.mask and files.heatmap and not files.refusals
    ]
    sample = whole[:: max(1, len(whole) // SAMPLE)][:SAMPLE]
    tolerance = ValidateParams.load(workspace).aspect_tolerance
    settings = Settings(workspace.root, load_image_size(workspace), tolerance)
    outcomes = [
        measure_scene(Task(*key, files.paths, ""), settings).outcome for key, files in sample
    ]
    refused = [outcome for outcome in outcomes if isinstance(outcome, list)]
    looked_at = f"{len(sample)} of {len(trees.scenes)} scenes looked at"
    for title, grey in (("images read, sizes agree", False), ("grey levels make sense", True)):
        found = [one for broken in refused for one in broken if (one.reason in _GREY) is grey]
        rejections = [one._replace(video_id="") for one in found]
        scenes = sum(any((one.reason in _GREY) is grey for one in broken) for broken in refused)
        yield _refusals(f"{title} ({looked_at})", rejections, scenes > allowed * len(sample))


def _splits(trees: SceneTrees) -> Finding:
    filled = {split_of(video_id) for video_id, _ in trees.scenes}
    empty = [f"{part}: no video" for part in (TRAIN, VAL, TEST) if part not in filled]
    remedy = "The split is a hash of the video id; add videos until each part has some."
    return Finding("train, val and test each have a video", empty, remedy, fatal=False)


def _current(workspace: Workspace) -> Finding:
    """Ask DVC whether the scene table belongs to the data as they are."""
    title = "data/valid_scenes.csv is current"
    if not workspace.path("dvc.yaml").is_file():
        return Finding(f"{title}: not asked, there is no dvc.yaml here")
    if not workspace.path(SCENES).is_file():
        return Finding(f"{SCENES} is not there yet: `dvc repro` makes it")
    command = [sys.executable, "-m", "dvc", "status", "--json", "--with-deps", "validate"]
    answer = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True)
    if answer.returncode:
        return Finding(
            title, [" ".join(answer.stderr.split())], "Run `dvc status validate` and see."
        )
    changed = json.loads(answer.stdout or "{}")
    offenders = [f"{stage}: {in_words(entries)}" for stage, entries in changed.items()]
    return Finding(title, offenders, "Run `dvc repro validate`.")


def _versions(workspace: Workspace) -> Finding:
    """Compare the libraries that outs were computed with to those that are installed."""
    offenders = []
    for stage in (*STAGES, *DEMO_STAGES):
        changed = {
            f"{name} {old}, installed is {now or 'none'}"
            for environment in computed_with(workspace, stage)
            for name, old in environment.items()
            if (now := installed_version(name)) != old
        }
        offenders += [f"{stage}: {difference}" for difference in sorted(changed)]
    title = "outs were computed with the libraries that are installed"
    remedy = (
        "To have them made with what is installed, delete the stage's outs and "
        ".gazeshift/records/STAGE.sqlite, then `dvc repro STAGE`."
    )
    return Finding(title, offenders, remedy, fatal=False)


def in_words(entries: Sequence[str | dict[str, dict[str, object]]]) -> str:
    """Return one stage's entries of `dvc status --json` as a line with the first few names."""
    parts = []
    for entry in entries:
        for what, names in {entry: {}}.items() if isinstance(entry, str) else entry.items():
            shown = list(names)[:SHOWN]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            parts.append(f"{what} {', '.join(shown)}{more}".strip())
    return "; ".join(parts)

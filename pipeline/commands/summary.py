"""`gazeshift summary`: how many scenes came in, which were refused and why, what to open next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.ground.artefacts import (
    CORPUS,
    DATA_DOCS,
    EDITED,
    GATE,
    PAGE,
    PROOF_FIGURES,
    REJECTED,
    RENDERED,
    VALIDATION_SUMMARY,
    VARIANT_FIGURES,
    VARIANT_MANIFEST,
    VARIANT_METRICS,
)
from pipeline.ground.damage import read_json, reading
from pipeline.ground.errors import GazeshiftError, InputError
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace
from pipeline.proof.gate import outdated
from schemas.rejected_scenes import REMEDIES, Reason

_NEXT = (
    (PAGE, "scenes, variants, edits, proof and provenance, as one page"),
    (PROOF_FIGURES, "the proof of the edits, as plots"),
    (EDITED, "the redrawn scenes, by variant"),
    (RENDERED, "the videos with these edits in them, by variant"),
    (REJECTED, "every refusal, with the file, what was found and the remedy"),
    (
        f"{DATA_DOCS}/validations/scene_batch",
        "the checks of the whole batch, by Great Expectations",
    ),
    (VARIANT_FIGURES, "pictures of the variants"),
    (CORPUS, "what the demo's data are: drawn ads, simulated viewers"),
)

# Of the keywords in doubt, how many are listed.
_DOUBTFUL = 20


def main(workspace: Workspace) -> int:
    """Print the summary of the last run.

    Raises:
        InputError: validate has not run.
    """
    if not workspace.path(VALIDATION_SUMMARY).is_file():
        raise InputError(f"there is no {VALIDATION_SUMMARY} yet. Run `dvc repro` first.")
    for part in (_scenes, _variants, _proof, _next):
        # What is wrong with one part of the workspace does not hide the others.
        try:
            for line in part(workspace):
                say(line)
        except GazeshiftError as error:
            say(*(f"  {line}" for line in f"({error})".split("\n")))
    return 0


def _read(workspace: Workspace, path: str, stage: str) -> dict[str, Any] | None:
    file = workspace.path(path)
    return read_json(file, stage) if file.is_file() else None


def _scenes(workspace: Workspace) -> Iterator[str]:
    summary = read_json(workspace.path(VALIDATION_SUMMARY), "validate")
    with reading(workspace.path(VALIDATION_SUMMARY), "validate"):
        yield from _of_scenes(summary)


def _of_scenes(summary: dict[str, Any]) -> Iterator[str]:
    counts = f"{summary['scenes_in']} came in, {summary['valid']} valid, {summary['refused']}"
    yield ""
    yield from _doubtful(summary.get("keyword_doubtful", {}))
    yield f"Scenes: {counts} refused"
    if absent := summary["without_product"]:
        yield f"  {absent:>6}  do not show the product, which is no fault; they stay unchanged"
    for reason, count in summary["refused_by_reason"].items():
        yield f"  {count:>6}  {reason}: {REMEDIES[Reason(reason)]}"
    if sum(summary["refused_by_reason"].values()) > summary["refused"]:
        yield "          (a scene that breaks several rules is counted under each)"
    parts = (
        f"{name} {part['videos']} videos, {part['scenes']} scenes"
        for name, part in summary["splits"].items()
    )
    yield f"Split by video: {'; '.join(parts)}"
    yield from (f"Warning: {warning}" for warning in summary["warnings"])


def _doubtful(keywords: dict[str, str]) -> Iterator[str]:
    if not keywords:
        return
    yield f"Keywords in doubt: {len(keywords)}. Do they name a thing that one can see?"
    for video, keyword in list(keywords.items())[:_DOUBTFUL]:
        yield f"  {video}: {keyword!r}"
    if len(keywords) > _DOUBTFUL:
        yield f"  … all of them: {VALIDATION_SUMMARY}"
    yield ""


def _variants(workspace: Workspace) -> Iterator[str]:
    metrics = _read(workspace, VARIANT_METRICS, "variant")
    manifest = _read(workspace, VARIANT_MANIFEST, "variant")
    if metrics is None or manifest is None:
        return
    with reading(workspace.path(VARIANT_MANIFEST), "variant"):
        params = manifest["params"]
        dose = f"alpha {params['alpha']:g}"
        if params["target_share"] is not None:
            dose = f"a share of {params['target_share']:g}"
    with reading(workspace.path(VARIANT_METRICS), "variant"):
        scenes, feasible = metrics["scenes"], metrics["feasible"]
        yield f"Variants of {scenes} scenes at {dose}; mean attention share of the product:"
        for name, share in metrics["share"].items():
            yield f"  {name:<14}{share:.3f}"
        yield f"  in {feasible:.1%} of the changes the heatmap could be brought to the dose"


def _proof(workspace: Workspace) -> Iterator[str]:
    gate = _read(workspace, GATE, "evaluate")
    if gate is None:
        return
    yield "Proof of the edits:"
    if changed := outdated(workspace, gate):
        yield f"  (of an earlier run, older than {' and '.join(changed)}: `dvc repro`)"
    with reading(workspace.path(GATE), "evaluate"):
        for check in gate["checks"]:
            yield f"  {'pass' if check['pass'] else 'FAIL'}  {check['words']}"


def _next(workspace: Workspace) -> Iterator[str]:
    yield "Open next:"
    for path, meaning in _NEXT:
        if path == CORPUS and not workspace.holds_demo:
            continue
        if workspace.path(path).exists():
            yield f"  {path}: {meaning}"
    yield "  make ui: the runs in MLflow, in a browser"

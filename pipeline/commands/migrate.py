"""`gazeshift migrate --from OLD`: bring an old project's files to where stages read them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.migration.plan import (
    Action,
    Move,
    counts,
    plan_migration,
    scenes_without_mates,
)
from pipeline.commands.migration.scores import Comparison, compare_scores, find_scores
from pipeline.ground.artefacts import IMPORT, SCENES
from pipeline.ground.files import replacing
from pipeline.ground.tables import write_table
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace

COMPARISON = "reports/migration/scores.csv"


def main(workspace: Workspace, old: str, apply: bool) -> int:
    """List what would be copied; with `apply` copy it. Nothing is overwritten or deleted.

    A second run goes on where one was cut short. Returns 1 if a file could not be taken over
    because another is in its place.

    Raises:
        InputError: `old` holds no such project, or its scores cannot be read.
    """
    moves = plan_migration(workspace, Path(old))
    say(*_listed(moves))
    if apply:
        for move in moves:
            if move.action is Action.COPY:
                _copy(move.source, workspace.path(move.target))
    say(*_summed_up(moves, apply))
    say(*_scores(workspace, Path(old)))
    return int(any(move.action is Action.TAKEN for move in moves))


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def _listed(moves: list[Move]) -> Iterator[str]:
    for move in moves:
        if move.action is Action.COPY:
            yield f"copy  {move.source} -> {move.target}"
        elif move.action is not Action.DONE:
            yield f"{move.action}  {move.source}: {move.why}"


def _summed_up(moves: list[Move], apply: bool) -> Iterator[str]:
    words = {Action.COPY: "copied" if apply else "to copy"}
    for tree, actions in counts(moves).items():
        numbers = ", ".join(f"{n} {words.get(action, action)}" for action, n in actions.items())
        yield f"{IMPORT}/{tree}: {numbers}"
    for tree, scenes in scenes_without_mates(moves).items():
        yield f"Warning: {tree} lacks {len(scenes)} scenes that others have (first: {scenes[0]})."
    if not apply and any(move.action is Action.COPY for move in moves):
        yield "Nothing has been copied: this was a dry run. The same command with --apply copies."
        return
    yield "To use them, set in params.yaml:"
    for tree in counts(moves):
        stage = "scene_cuts" if tree == "video_scene_cuts" else tree
        yield f"  {stage}: {{source: folder, input: {IMPORT}/{tree}}}"


def _scores(workspace: Workspace, old: Path) -> Iterator[str]:
    scores, scenes = find_scores(old), workspace.path(SCENES)
    if scores is None:
        return
    if not scenes.is_file():
        yield f"{scores}: compared once there is a {SCENES}: `dvc repro validate`, then run again."
        return
    comparison = compare_scores(scores, scenes)
    write_table(workspace.path(COMPARISON), comparison.table)
    yield from _compared(scores, comparison)


def _compared(scores: Path, comparison: Comparison) -> Iterator[str]:
    yield (
        f"{scores} against {SCENES}: {len(comparison.table)} scenes in both, "
        f"{comparison.only_old} only in V2, {comparison.only_new} only here. Scene by scene: "
        f"{COMPARISON}"
    )
    if comparison.damaged_ids:
        yield (
            f"Warning: {comparison.damaged_ids} rows are not compared: their video id was turned "
            "into a float once (as 7.1e+18), which loses its last digits."
        )
    for figure, agreement in comparison.agreement.items():
        if agreement.mean_difference is None or agreement.largest_difference is None:
            yield f"  {figure}: too few scenes to compare ({agreement.scenes})"
            continue
        correlations = "one of them is constant"
        if agreement.pearson is not None and agreement.spearman is not None:
            correlations = f"Pearson {agreement.pearson:.3f}, Spearman {agreement.spearman:.3f}"
        yield (
            f"  {figure} - attention_proportion: mean {agreement.mean_difference:+.4f}, largest "
            f"{agreement.largest_difference:.4f}; {correlations}"
        )

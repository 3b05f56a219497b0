"""`gazeshift vouch STAGE`: say that a change of code changes no result of a stage."""

from __future__ import annotations

from pipeline.ground.errors import InputError
from pipeline.ground.lock import stage_lock
from pipeline.ground.record import Record
from pipeline.ground.terminal import say
from pipeline.ground.workspace import Workspace


def main(workspace: Workspace, stage: str) -> int:
    """Have the stage's next run keep what it has made, and record that somebody vouched for it.

    For a refactoring that is known to change no result. Everything else that has changed, inputs
    and params, still makes things anew; and if the code changes again before that run, the word
    given here is void.

    Raises:
        InputError: the stage has made nothing yet.
        BusyError: the stage is running.
    """
    with stage_lock(workspace, stage), Record(workspace, stage) as record:
        items = record.vouch()
    if not items:
        raise InputError(f"{stage} has made nothing here yet, so there is nothing to vouch for.")
    say(
        f"{stage}: vouched for {items} items as they lie. Run `dvc repro {stage}`: it keeps them, "
        f"and says in reports/records/{stage}.jsonl that the code was vouched for."
    )
    return 0

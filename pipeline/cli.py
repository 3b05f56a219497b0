"""The command line: `python -m pipeline STAGE`, also installed as `gazeshift`."""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import sqlite3
import sys
from typing import NamedTuple

from pipeline.errors import GazeshiftError, StorageError
from pipeline.memory import keep_freed_memory

_FULL_OR_LOCKED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class _Command(NamedTuple):
    module: str
    help: str


STAGES = {
    "scene_cuts": _Command("pipeline.scene_cuts", "cut the videos into scenes, one image each"),
    "keyword_masks": _Command(
        "pipeline.keyword_masks", "find the advertised product in each scene"
    ),
    "attention_heatmap": _Command("pipeline.attention_heatmap", "map where viewers look"),
    "validate": _Command("pipeline.validate", "check the contracts, write data/valid_scenes.csv"),
    "encode": _Command("pipeline.encode", "pass scenes and keywords through the frozen models"),
    "train": _Command("pipeline.train", "train a ControlNet to read mask and heatmap"),
    "attention_model": _Command("pipeline.attention_model", "learn where people look"),
    "variant": _Command("pipeline.variant", "raise or lower attention on the product"),
    "edit": _Command("pipeline.edit", "redraw the scenes so that attention follows the variants"),
    "dose_curve": _Command("pipeline.dose_curve", "edit a grid of doses, for the proof"),
    "evaluate": _Command("pipeline.evaluate", "judge the edits: six proofs, figures and a verdict"),
    "report": _Command("pipeline.report", "one page with scenes, variants, proof and provenance"),
}
"""The stages of dvc.yaml, in its order."""

COMMANDS = {
    "gate": _Command("pipeline.commands.gate", "exit 1 if the last evaluation failed, and say why"),
    "promote": _Command("pipeline.commands.promote", "make a proven model the champion in MLflow"),
    "check": _Command("pipeline.commands.check", "what is missing before a first run on own data"),
    "adopt": _Command("pipeline.commands.adopt", "move own files out of a stage's out folder"),
    "migrate": _Command("pipeline.commands.migrate", "take over the files of a V2 project"),
    "profile": _Command("pipeline.commands.profile", "take the valid scenes as new reference"),
    "summary": _Command(
        "pipeline.commands.summary", "what came in, what was refused, what is next"
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Run one stage or command; return the exit status: 0, 1 for a failure, 130 for Ctrl-C."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return _run(arguments)
    except GazeshiftError as error:
        sys.stderr.write(f"gazeshift {arguments.command}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\ngazeshift {arguments.command}: interrupted. What was finished is kept: the same "
            "command goes on from there.\n"
        )
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from pipeline.storage.workspace import Workspace

    module = importlib.import_module({**STAGES, **COMMANDS}[arguments.command].module)
    workspace = Workspace.find(arguments.root)
    keep_freed_memory()
    options = {
        "adopt": lambda: [arguments.stage],
        "migrate": lambda: [arguments.old, arguments.apply],
    }.get(arguments.command, list)()
    try:
        return module.main(workspace, *options) or 0
    except OSError as error:
        if error.errno in _FULL_OR_LOCKED:
            # Of a rename or a link the second name is what could not be written.
            where = error.filename2 or error.filename
            raise _storage_error(error.strerror or "", where) from error
        raise
    except sqlite3.OperationalError as error:
        raise _storage_error(str(error), workspace.state) from error


def _storage_error(what: str, where: object) -> StorageError:
    return StorageError(
        f"cannot write {where or 'an output'}: {what}. Free some space or make the folder "
        "writable, then run the same command again: what was finished is kept."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gazeshift",
        description="Controlled attention stimuli from short vertical video ads.",
        epilog="`dvc repro` runs the stages in order; each also runs by itself.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in {**STAGES, **COMMANDS}.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        sub.add_argument(
            "--root", metavar="DIR", help="data root (default: the repository you stand in)"
        )
        if name == "adopt":
            sub.add_argument(
                "stage", metavar="STAGE", choices=tuple(STAGES), help="whose out folder"
            )
        if name == "migrate":
            sub.add_argument(
                "--from", dest="old", metavar="OLD", required=True, help="root of the V2 project"
            )
            sub.add_argument("--apply", action="store_true", help="copy; without it, only list")
    return parser

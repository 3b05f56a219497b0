"""The command line: `python -m pipeline STAGE`, also installed as `gazeshift`."""

from __future__ import annotations

import argparse
import logging
import math
import sys

from pipeline.gaze.options import add_options
from pipeline.ground.errors import GazeshiftError
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.terminal import Lines, paragraph
from pipeline.registry import COMMANDS, DEMO_STAGES, STAGES, module_of


def main(argv: list[str] | None = None) -> int:
    """Run one stage or command; return the exit status: 0, 1 for a failure, 130 for Ctrl-C."""
    arguments = _parser().parse_args(argv)
    on_terminal = logging.StreamHandler(sys.stderr)
    on_terminal.setFormatter(Lines("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[on_terminal])
    try:
        return _run(arguments)
    except GazeshiftError as error:
        sys.stderr.write(paragraph(f"gazeshift {arguments.command}: {error}") + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\ngazeshift {arguments.command}: interrupted. What was finished is kept: the same "
            "command goes on from there.\n"
        )
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from pipeline.ground.trouble import naming_trouble
    from pipeline.ground.workspace import Workspace

    module = module_of(arguments.command)
    workspace = Workspace.find(arguments.root)
    keep_freed_memory()
    options = {k: v for k, v in vars(arguments).items() if k not in ("command", "root")}
    with naming_trouble(workspace):
        return module.main(workspace, **options) or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gazeshift",
        description="Controlled attention stimuli from short vertical video ads.",
        epilog="`dvc repro` runs the stages in order; each also runs by itself.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in {**STAGES, **COMMANDS}.items():
        sub = commands.add_parser(name, help=purpose, description=purpose)
        sub.add_argument(
            "--root", metavar="DIR", help="data root (default: the repository you stand in)"
        )
        if name in ("adopt", "vouch"):
            stages = (*STAGES, *DEMO_STAGES)
            sub.add_argument("stage", metavar="STAGE", choices=stages, help="whose outs")
        if name == "migrate":
            sub.add_argument(
                "--from", dest="old", metavar="OLD", required=True, help="root of the V2 project"
            )
            sub.add_argument("--apply", action="store_true", help="copy; without it, only list")
        if name == "import-fixations":
            add_options(sub)
        if name in ("ui", "serve"):
            port = 5000 if name == "ui" else 5001
            sub.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
            sub.add_argument("--port", type=_port, default=port, help="port (default: %(default)s)")
        if name == "serve":
            sub.add_argument(
                "--timeout",
                type=_seconds,
                default=60.0,
                help="seconds for a call (default: %(default)g)",
            )
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, found {text!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < math.inf:
        return seconds
    raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, found {text!r}")

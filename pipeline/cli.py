"""The command line: `python -m pipeline STAGE`, also installed as `gazeshift`."""

from __future__ import annotations

import argparse
import logging
import math
import sys

from pipeline.gaze.options import add_options
from pipeline.ground.errors import GazeshiftError
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.terminal import Lines, all_said, hush, paragraph
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
    except SystemExit as exit_:
        # Of code from outside, such as a judge's: no stage ends so, and DVC would take it for done.
        sys.stderr.write(f"gazeshift {arguments.command}: was made to exit ({exit_.code}).\n")
        return 1
    except BrokenPipeError:
        hush()
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
        status = module.main(workspace, **options) or 0
    all_said()
    return status


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
                "--from",
                dest="old",
                metavar="OLD",
                required=True,
                help="root of the V2 or V3 project",
            )
            sub.add_argument("--apply", action="store_true", help="copy; without it, only list")
        if name == "init":
            _init_options(sub)
        if name == "import-fixations":
            add_options(sub)
        if name in ("ui", "serve"):
            port = 5000 if name == "ui" else 5001
            sub.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
            sub.add_argument("--port", type=_port, default=port, help="port (default: %(default)s)")
        if name == "serve":
            sub.add_argument(
                "--timeout",
                type=_positive,
                default=60.0,
                help="seconds for a call (default: %(default)g)",
            )
            sub.add_argument(
                "--cache-gb",
                type=_positive,
                default=1.0,
                help="memory for scenes that may be asked for again (default: %(default)g)",
            )
    return parser


def _init_options(sub: argparse.ArgumentParser) -> None:
    for option, sources in (
        ("masks", ("annotations", "folder", "clipseg")),
        ("attention", ("fixations", "folder", "saliency")),
    ):
        words = f"where they come from: {', '.join(sources)}"
        sub.add_argument(f"--{option}", choices=sources, metavar="SOURCE", help=words)
    sub.add_argument(
        "--pixels-per-degree",
        type=_positive,
        metavar="NUMBER",
        help="of the video as the eye tracker's viewers saw it",
    )
    sub.add_argument(
        "--backbone", metavar="MODEL", help="a diffusers folder below models/, or a hub's name"
    )
    sub.add_argument("--yes", action="store_true", help="write what is shown without asking")


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, found {text!r}")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < math.inf:
        return number
    raise argparse.ArgumentTypeError(f"must be a number above 0, found {text!r}")

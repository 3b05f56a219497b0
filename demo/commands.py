"""The demo's own stages and commands, as `python -m demo.NAME` runs them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from pipeline.ground.errors import GazeshiftError
from pipeline.ground.trouble import naming_trouble
from pipeline.ground.workspace import Workspace


def run(
    main: Callable[[Workspace], None],
    name: str,
    description: str | None,
    arguments: Sequence[str] | None,
) -> int:
    """Run one in the data root that the arguments name; return the exit status.

    Args:
        main: what to run.
        name: its module's.
        description: of which the first line is shown.
        arguments: of the command line; those of the process where they are None.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}", description=(description or "").partition("\n")[0]
    )
    parser.add_argument("--root", metavar="DIR", help="data root (default: the one you stand in)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        workspace = Workspace.find(options.root)
        with naming_trouble(workspace):
            main(workspace)
    except GazeshiftError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return 0

"""Whether the served editor's memory stays flat over a thousand calls, each of another scene.

    python benchmarks/serve.py --calls 1000 --cache-gb 0.1

needs a repository in which `gazeshift promote` could run; `--editor DIR` names a packed one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.serving.edit_requests import as_text, example_row, read_requests
from pipeline.serving.pack import pack_editor
from pipeline.serving.served_editor import ServedEditor

_REPORTS = 10


def main() -> None:
    """Call, report the memory held, and by how much it grew once the cache was full."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--cache-gb", type=float, default=0.1)
    parser.add_argument("--editor", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder = options.editor or Path(name) / "editor"
        if not options.editor:
            pack_editor(Workspace.find(), folder)
        editor = ServedEditor(Workspace(folder), options.cache_gb)
        held = []
        for number in range(options.calls):
            editor.edit(read_requests([_scene(number, editor.image_size)], editor.image_size))
            if (number + 1) % max(1, options.calls // _REPORTS) == 0:
                held.append(_resident_mb())
                sys.stdout.write(f"{number + 1} calls: {held[-1]:.0f} MB\n")
    half = held[len(held) // 2 :]
    sys.stdout.write(f"over the second half: {half[-1] - half[0]:+.0f} MB\n")


def _scene(seed: int, size: tuple[int, int]) -> dict[str, object]:
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return example_row(size) | {"image": as_text(encode(noise, "png"))}


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()

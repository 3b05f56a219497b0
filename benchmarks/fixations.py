"""How fast an eye tracker's export of a million fixations is imported, and in how much memory.

A fixation report as EyeLink Data Viewer writes it (tabs, pixels of the screen, milliseconds), of
100 viewers and 100 videos that are cut into scenes, through the command as a user starts it:
reading, units, places, checks, a file and a picture for each video. Beside it, a read of the same
columns by pandas' `read_csv` alone. Processor time is what passes on a machine with nothing else to
do, where two cores do not share the work. Exits 1 over 5 s of it, or 1 GB.

    python benchmarks/fixations.py --rows 1000000
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from validate import memory_of

from pipeline.ground.artefacts import CUTS, CUTS_CSV
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.cuts import CutScene, image_path, write_cuts

VIEWERS, VIDEOS = 100, 100
WIDTH, HEIGHT = 1080, 1920
MOST_SECONDS, MOST_MB = 5, 1000
COLUMNS = {
    "RECORDING_SESSION_LABEL": "str",
    "VIDEO": "str",
    "CURRENT_FIX_START": "float64",
    "CURRENT_FIX_DURATION": "float64",
    "CURRENT_FIX_X": "float64",
    "CURRENT_FIX_Y": "float64",
}


class Run(NamedTuple):
    """Processor time of all threads, time that passed, and the most memory that was held."""

    processor_s: float
    wall_s: float
    peak_mb: float


def main() -> None:
    """Write an export, import it twice, print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        root, export = Path(folder, "root"), Path(folder, "report.tsv")
        lengths = plant_scenes(root, rows)
        write_export(export, rows, lengths)
        runs = [import_fixations(root, export) for _ in range(3)]
        start = time.process_time()
        pd.read_csv(export, sep="\t", usecols=list(COLUMNS), dtype=COLUMNS)
        alone = time.process_time() - start
        size = export.stat().st_size / 1e6
    processor, wall = (min(run[kind] for run in runs) for kind in (0, 1))
    peak = max(run.peak_mb for run in runs)
    print(f"import-fixations: {rows} rows, {size:.0f} MB, {os.cpu_count()} cores, best of three")
    print(f"  processor time      {processor:.1f} s (target {MOST_SECONDS})")
    print(f"  time that passed    {wall:.1f} s")
    print(f"  peak memory         {peak:.0f} MB (target {MOST_MB})")
    print(f"  pandas reads alone  {alone:.1f} s")
    if processor > MOST_SECONDS or peak > MOST_MB:
        sys.exit("import-fixations: too slow, or too much memory")


def plant_scenes(root: Path, rows: int) -> float:
    """Write cut scenes of the videos; return how long each is, in seconds."""
    workspace = Workspace(root)
    write_text(root / "params.yaml", "")
    length = 0.35 * rows / VIEWERS / VIDEOS + 1
    scenes = [
        CutScene(str(7_100_000_000_000_000_000 + n), 1, 0.0, length, length / 2, WIDTH, HEIGHT)
        for n in range(VIDEOS)
    ]
    patches = np.random.default_rng(0).integers(0, 256, (HEIGHT // 60, WIDTH // 60, 3), np.uint8)
    image = encode(patches.repeat(60, axis=0).repeat(60, axis=1), "jpg")
    for scene in scenes:
        write_bytes(image_path(workspace.path(CUTS), scene).with_suffix(".jpg"), image)
    write_cuts(workspace.path(CUTS_CSV), scenes)
    return length


def write_export(path: Path, rows: int, length: float) -> None:
    """Write a fixation report: each viewer looks at each video for as long as it lasts."""
    random = np.random.default_rng(0)
    each = rows // VIEWERS // VIDEOS
    number = np.arange(VIEWERS * VIDEOS * each)
    viewer, video = number // (VIDEOS * each), number // each % VIDEOS
    onset = 1000 * (number % each) * length / each
    table = pd.DataFrame(
        {
            "RECORDING_SESSION_LABEL": pd.Series(viewer).map("p{:03d}".format),
            "TRIAL_INDEX": video + 1,
            "VIDEO": pd.Series(7_100_000_000_000_000_000 + video).map("{}.mp4".format),
            "CURRENT_FIX_START": onset.round().astype(int),
            "CURRENT_FIX_DURATION": random.integers(100, 330, len(number)),
            "CURRENT_FIX_X": random.uniform(656.25, 1263.75, len(number)).round(1),
            "CURRENT_FIX_Y": random.uniform(0, 1080, len(number)).round(1),
        }
    )
    table.to_csv(path, sep="\t", index=False)


def import_fixations(root: Path, export: Path) -> Run:
    """Run the command as a user does, and watch its memory."""
    options = "--map video=VIDEO --screen 1920x1080 --video-at fit --origin recorded --replace"
    command = [sys.executable, "-m", "pipeline", "import-fixations", str(export), *options.split()]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(
        [*command, "--root", str(root)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        if process.returncode:
            sys.exit(process.stdout.read() if process.stdout else "import-fixations failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(used, seconds, peak / 2**20)


if __name__ == "__main__":
    main()

"""What the digest of code costs: every stage's, as a stage finds it and with nothing remembered.

python benchmarks/code.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
RUNS = 7
_MEASURE = """
import sys, time
from pathlib import Path
from pipeline.ground import code
if sys.argv[2] == "nothing":
    code._KEPT = Path("/dev/null/syntax.json")
stage = f"pipeline.stages.{sys.argv[1]}.stage"
started = time.perf_counter()
code.code_digest(stage)
print(1000 * (time.perf_counter() - started), len(code.closure(stage)))
"""


def main() -> None:
    """Print the median time per stage, each run in a process of its own."""
    sys.path.insert(0, str(ROOT))
    from pipeline.registry import STAGES

    print(f"{'stage':<18} {'files':>6} {'remembered, ms':>15} {'not, ms':>9}")
    for stage in STAGES:
        times: dict[str, list[float]] = {"syntax": [], "nothing": []}
        files = 0
        for remembered, found in times.items():
            for _ in range(RUNS):
                command = [sys.executable, "-c", _MEASURE, stage, remembered]
                answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
                milliseconds, count = answer.stdout.split()
                found.append(float(milliseconds))
                files = int(count)
        print(
            f"{stage:<18} {files:>6} {median(times['syntax']):>15.0f} "
            f"{median(times['nothing']):>9.0f}"
        )


if __name__ == "__main__":
    main()

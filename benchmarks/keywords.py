"""How long keywords.csv takes to read and judge: 107,205 keywords under 5 s, in less than 1 GB.

The keywords are the study's phrases with numbers, so that none is like another. The seconds are
those of the processor.

    python benchmarks/keywords.py
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from pipeline.scenes.keywords import read_keywords
from schemas.keywords import is_doubtful
from studies.keywords.evaluate import read_phrases

KEYWORDS = 107_205
MOST_SECONDS, MOST_MB = 5, 1000


def main() -> None:
    """Write the table, read it, print the figures; exit 1 if they are over the limits."""
    phrases = [phrase.text for phrase in read_phrases()]
    rows = (
        f'{7 * 10**18 + number},"{phrases[number % len(phrases)]} {number // len(phrases)}"\n'
        for number in range(KEYWORDS)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "keywords.csv")
        path.write_text("_id,keyword_list[0]\n" + "".join(rows), encoding="utf-8")
        start = time.process_time()
        table = read_keywords(path)
        doubtful = sum(is_doubtful(keywords[0]) for keywords in table.keywords.values())
        seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"keywords: {KEYWORDS}, {len(table.rejections)} refused, {doubtful} doubtful")
    print(f"  read and judged in  {seconds:.2f} s (target under {MOST_SECONDS})")
    print(f"  peak memory         {megabytes:.0f} MB (target under {MOST_MB})")
    if seconds > MOST_SECONDS or megabytes > MOST_MB:
        sys.exit("keywords: over the limits")


if __name__ == "__main__":
    main()

"""How well `schemas.keywords.refusal` tells what names nothing: precision and recall.

    python -m studies.keywords.evaluate
    python -m studies.keywords.evaluate --list keywords.csv

The first judges the phrases in `phrases.csv`, the second the sample of a public list whose line
numbers and labels are in `list_labels.csv`; the list itself is not part of the project.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.terminal import say
from schemas.keywords import refusal

HERE = Path(__file__).parent
_Z = 1.96


class Phrase(NamedTuple):
    """A labelled keyword."""

    text: str
    visible: str
    """"1" it names a thing that one can see, "0" it does not, "?" people may differ."""
    half: str
    """"development", which the rule was written with, or "held_out"."""


class Score(NamedTuple):
    """A fraction, and its 95 % interval by Wilson."""

    hits: int
    of: int

    def __str__(self) -> str:
        share, n = self.hits / self.of, self.of
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        spread = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        low, high = middle - spread, middle + spread
        return f"{self.hits}/{n} = {share:.1%} [{low:.1%}, {high:.1%}]"


class Scores(NamedTuple):
    """Of the refusals of some phrases."""

    recall: Score
    """Refused, of those that name nothing."""
    precision: Score
    """Naming nothing, of those refused; those that people differ about are left aside."""
    worst_precision: Score
    """As if people agreed that each of those names a thing."""


def main() -> None:
    """Print the scores of both halves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", type=Path, help="the public list of keywords")
    path = parser.parse_args().list
    phrases = list(read_list(path) if path else read_phrases())
    for half in ("development", "held_out"):
        for name, score in score_refusals(p for p in phrases if p.half == half)._asdict().items():
            say(f"{half:12} {name:16} {score}")


def read_phrases() -> Iterator[Phrase]:
    """Yield the phrases in `phrases.csv`."""
    with (HERE / "phrases.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Phrase(row["phrase"], row["visible"], row["half"])


def read_list(path: Path) -> Iterator[Phrase]:
    """Yield the labelled lines of the public list."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        keywords = [row[1] for row in csv.reader(file)]
    with (HERE / "list_labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Phrase(keywords[int(row["line"]) - 1], row["visible"], row["half"])


def score_refusals(phrases: Iterable[Phrase]) -> Scores:
    """Return the scores of the rule on these phrases."""
    labelled = [(phrase.visible, refusal(phrase.text) is not None) for phrase in phrases]
    hits, wrong, disputed = (labelled.count((label, True)) for label in "01?")
    missed = labelled.count(("0", False))
    return Scores(
        Score(hits, hits + missed), Score(hits, hits + wrong), Score(hits, hits + wrong + disputed)
    )


if __name__ == "__main__":
    main()

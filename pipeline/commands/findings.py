"""One line of a checklist, with the first offenders and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pipeline.ground.errors import GazeshiftError

SHOWN = 3
"""Offenders that are named."""


class Finding(NamedTuple):
    """One line of the checklist; sound if it has no offenders."""

    title: str
    offenders: Sequence[str] = ()
    remedy: str = ""
    fatal: bool = True
    """Whether it stops the pipeline; else the offenders are refused and the rest go on."""

    def lines(self) -> Iterator[str]:
        """Yield the text of the finding."""
        if not self.offenders:
            yield f"✓ {self.title}"
            return
        yield f"{'✗' if self.fatal else '⚠'} {self.title}: not so, {len(self.offenders)} offending"
        yield from (f"    {offender}" for offender in self.offenders[:SHOWN])
        yield f"    → {self.remedy}"


def guarded(title: str, read: Callable[[], object]) -> Finding:
    """Return whether something reads without an error of ours."""
    try:
        read()
    except GazeshiftError as error:
        return Finding(title, [str(error)], "Correct what is named above.")
    return Finding(title)

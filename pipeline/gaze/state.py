"""A table on its way from an export to fixations, and what has been decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.gaze.checks import Clip
from pipeline.gaze.formats import Meaning
from pipeline.gaze.options import Options
from pipeline.ground.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class Reading:
    """The steps `rows`, `clock`, `starts` and `places` change `table`; `said` tells people of it.

    Attributes:
        table: a column per field (`formats.FIELDS`), in the steps also `video_id`, `onset_s`,
            `duration_s`, `time_s`, `x_px`, `y_px`, and `first`, when a viewer's first row was.
    """

    def __init__(
        self,
        path: Path,
        table: pd.DataFrame,
        meaning: Meaning,
        options: Options,
        clips: Mapping[str, Clip],
    ) -> None:
        self.path, self.table, self.meaning = path, table, meaning
        self.options, self.clips = options, clips
        self.said: list[str] = []

    @property
    def clock(self) -> str:
        """The field whose times place a row."""
        return "onset" if "onset" in self.table else "time"

    @property
    def groups(self) -> list[str]:
        """The fields that tell one viewing from another."""
        return ["viewer", "recording", *(["video_id"] if "video_id" in self.table else [])]

    def say(self, what: str, text: str) -> None:
        """Add a line to the account."""
        self.said.append(f"  {what:<9} {text}")

    def drop(self, rows: pd.Series | np.ndarray, why: str) -> None:
        """Leave rows out, and say how many and why."""
        if count := int(np.count_nonzero(rows)):
            self.table = self.table[~np.asarray(rows)].reset_index(drop=True)
            self.say("left out", f"{count:,} rows {why}")

    def quoted(self, name: str) -> str:
        """Return the column that a field was taken from."""
        return repr(self.meaning.columns[name])

    def refused(self, text: str) -> InputError:
        """Return an error about the file."""
        return InputError(f"{self.path}: {text}")

"""The videos of the scene table: their rows, the keys of their variants, which get pictures."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from pipeline.ground.files import digest
from pipeline.scenes.table import video_runs


class Corpus:
    """A scene table, sorted by video and scene, taken video by video."""

    def __init__(self, scenes: pd.DataFrame) -> None:
        self._scenes = scenes
        self._runs = video_runs(scenes)
        self.videos: list[str] = self._runs.ids.tolist()
        """All video ids, in order."""

    @cached_property
    def _rows(self) -> dict[str, slice]:
        starts, ends = self._runs.starts, self._runs.starts + self._runs.lengths
        return dict(zip(self.videos, map(slice, starts.tolist(), ends.tolist()), strict=True))

    def rows(self, video_id: str) -> pd.DataFrame:
        """Return a video's rows."""
        return self._scenes.iloc[self._rows[video_id]]

    def sample(self, wanted: int | str) -> list[str]:
        """Return that many videos ("all" for all), spread evenly over the table."""
        videos = self.videos
        count = len(videos) if wanted == "all" else min(int(wanted), len(videos))
        return [videos[index * len(videos) // count] for index in range(count)]

    def inputs(self, *settings: str) -> dict[str, str]:
        """Return {video: digest} of all that files made of a video's rows depend on.

        The rows stand for the contents of their files: the column `digest` is made of them.
        """
        row_hashes = pd.util.hash_pandas_object(self._scenes, index=False).to_numpy()
        return {
            video: digest(row_hashes[rows].tobytes(), *settings)
            for video, rows in self._rows.items()
        }

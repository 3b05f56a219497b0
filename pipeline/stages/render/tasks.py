"""What is to be rendered of a video: its arms, and in each the edits of its scenes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.ground.files import digest, file_digest
from pipeline.heatmaps.dose import Region
from pipeline.pictures.reading import ImageRefused, read_rgb
from pipeline.scenes.cuts import CutScene
from pipeline.video.encoding import Settings

# Of the mean change that edits.csv says, which has nine digits.
_SAME = 1e-4


class EditMissing(Exception):
    """An edit cannot be put into its video; the text says what was found."""


class SceneEdit(NamedTuple):
    """The edit of one scene in one arm. Paths are absolute."""

    edited: Path
    image: Path
    """The scene's image, which it was made of."""
    masks: tuple[Path, ...]
    redrawn: Region
    """Where the picture may change."""
    mean_abs_change: float
    """What `edits.csv` says of it, in grey levels."""
    content: str
    """Hash of the edit: arms that share it share all that is made of it."""

    def key(self) -> str:
        """Return a digest of all that is read of it."""
        files = map(file_digest, (self.image, *self.masks))
        return digest(self.content, self.redrawn, repr(self.mean_abs_change), *files)

    def change(self) -> NDArray[np.float32]:
        """Return edited minus image, H×W×3 in levels of 255.

        Raises:
            EditMissing: a file is missing, unreadable, or not the one that the table speaks of.
        """
        try:
            image, edited = read_rgb(self.image), read_rgb(self.edited)
        except (ImageRefused, OSError) as error:
            raise EditMissing(f"{error}") from error
        if image.shape != edited.shape:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (edited, image)]
            raise EditMissing(f"{self.edited.name} is {sizes[0]}, the scene's image {sizes[1]}")
        change = edited.astype(np.float32) - image
        found = float(np.abs(change).mean())
        if abs(found - self.mean_abs_change) > _SAME * max(self.mean_abs_change, 1):
            raise EditMissing(
                f"{self.edited.name} and the scene's image differ by {found:.3f} levels, "
                f"edits.csv says {self.mean_abs_change:.3f}: one has changed since"
            )
        return change


class VideoTask(NamedTuple):
    """All that a worker needs to know about one video."""

    video_id: str
    source: Path
    scenes: tuple[CutScene, ...]
    arms: Mapping[str, Mapping[int, SceneEdit]]
    """Of each arm that is to be made, the edits of the scenes that it modifies, by number."""
    folder: Path
    """Where `{arm}/{video_id}.mp4` is written, and what does not fit into memory."""
    settings: Settings
    feather_px: float
    image_size: tuple[int, int]

    def path(self, arm: str) -> Path:
        """Return where an arm's file is written."""
        return self.folder / arm / f"{self.video_id}.mp4"

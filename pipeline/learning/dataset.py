"""`VideoSceneDatasetV3`: the scenes of a table as tensors."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from pipeline.ground.places import SCENES, root_above
from pipeline.pictures.tensors import GREY_LEVELS
from pipeline.scenes.pixels import ScenePixels, read_scene
from pipeline.scenes.table import as_video_ids, read_scenes, video_runs
from schemas.valid_scenes import FIRST_COLUMNS

PathLike = str | os.PathLike[str]

# What each of the 256 levels of a file becomes.
_IMAGE_VALUES = np.arange(256, dtype=np.float32) / np.float32(GREY_LEVELS) - np.float32(1)
_MASK_VALUES = (np.arange(256) > 0).astype(np.float32)


class VideoSceneDatasetV3(Dataset[dict[str, Any]]):
    """Scenes with their masks and heatmaps, in the table's order (by video, then by scene).

    A sample has `image`, 3×H×W in [-1, 1]; `control` and `control_tensor`, 2×H×W, the mask (0 or 1)
    and the heatmap; `keyword_mask`, `background_mask`, `attention_heatmap`, 1×H×W;
    `alignment_score`, mean(mask × heatmap) of these tensors; `keyword` and `keyword_text`, str;
    `video_id`, str; `scene_number`, int. All tensors are float32.

    Args:
        valid_scenes_file: the scene table; its first seven columns will do, and its paths may be
            absolute.
        video_ids: of which videos, texts or whole numbers; all by default. What the table lacks is
            left out, and said.
        image_size: (height, width).
        transform: called with each sample, returns what takes its place.
        normalize_heatmap: scale each heatmap to [0, 1] by its own extremes; a constant map stays as
            it is. False keeps the file's values, as training and editing use them.
        root: what relative paths in the table are relative to; by default the nearest folder above
            the table that holds a params.yaml, else the current directory.

    Raises:
        InputError: the table is missing or lacks a column; when a sample is taken, a file of it is
            missing or unreadable.
        UnknownVideoError: a ValueError; the table has none of `video_ids`.
    """

    def __init__(
        self,
        valid_scenes_file: PathLike = SCENES,
        video_ids: Iterable[str | int] | None = None,
        image_size: tuple[int, int] = (512, 512),
        transform: Callable[[dict[str, Any]], Any] | None = None,
        normalize_heatmap: bool = True,
        root: PathLike | None = None,
    ) -> None:
        path = Path(valid_scenes_file)
        self.image_size = image_size
        self.transform = transform
        self.normalize_heatmap = normalize_heatmap
        self.root = Path(root) if root is not None else root_above(path)
        self._scenes = read_scenes(path, [*FIRST_COLUMNS, "split"], complete=False)
        self._runs = video_runs(self._scenes)
        self._rows = np.arange(len(self._scenes))
        if video_ids is not None:
            self._rows = self._rows_of(as_video_ids(video_ids, set(self._runs.ids)))

    @property
    def table(self) -> pd.DataFrame:
        """The scenes' rows of the scene table, in order."""
        return self._scenes.iloc[self._rows].reset_index(drop=True)

    scenes_df = table

    @property
    def splits(self) -> dict[str, str | None]:
        """Each video of the whole table, in order, with its `split`.

        That is an empty text where the cell is blank, None where there is no such column.
        """
        if "split" not in self._scenes:
            return dict.fromkeys(self._runs.ids)
        parts = self._scenes["split"].iloc[self._runs.starts].fillna("").to_numpy(object)
        return dict(zip(self._runs.ids, parts, strict=True))

    def of_videos(self, video_ids: Iterable[str]) -> Self:
        """Return these videos' scenes as a data set of its own; the table is not read again."""
        part = copy.copy(self)
        part._rows = self._rows_of(video_ids)
        return part

    def _rows_of(self, video_ids: Iterable[str]) -> NDArray[np.intp]:
        """Return the positions of these videos' rows; ids that the table lacks have none."""
        wanted = set(video_ids)
        chosen = np.array([video in wanted for video in self._runs.ids], np.bool_)
        return np.flatnonzero(np.repeat(chosen, self._runs.lengths))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Any:
        """Return one sample, see above."""
        row = self._scenes.iloc[self._rows[position]].to_dict()
        sample = as_tensors(read_scene(row, self.root, self.image_size), self.normalize_heatmap)
        sample |= {
            "keyword": row["keyword"],
            "keyword_text": row["keyword"],
            "video_id": row["video_id"],
            "scene_number": int(row["scene_number"]),
        }
        return self.transform(sample) if self.transform is not None else sample


def as_tensors(scene: ScenePixels, normalize_heatmap: bool) -> dict[str, Any]:
    """Return a scene's tensors, see `VideoSceneDatasetV3`."""
    image = torch.from_numpy(cv2.LUT(scene.image, _IMAGE_VALUES)).movedim(-1, 0)
    both = np.empty((2, *scene.mask.shape), np.float32)
    mask = cv2.LUT(scene.mask, _MASK_VALUES, both[0])
    values = _heatmap_values(scene.heatmap, normalize_heatmap)
    heatmap = cv2.LUT(scene.heatmap, values, both[1])
    control = torch.from_numpy(both)
    return {
        "image": image,
        "control": control,
        "control_tensor": control,
        "keyword_mask": control[:1],
        "background_mask": 1 - control[:1],
        "attention_heatmap": control[1:],
        "alignment_score": float((mask * heatmap).mean(dtype=np.float64)),
    }


def _heatmap_values(levels: NDArray[np.uint8], normalize: bool) -> NDArray[np.float32]:
    """Return what each of the 256 levels becomes."""
    lowest, highest, *_ = cv2.minMaxLoc(levels)
    if not normalize or lowest == highest:
        lowest, highest = 0, 255
    values = (np.arange(256, dtype=np.float32) - np.float32(lowest)) / np.float32(highest - lowest)
    return np.asarray(values, np.float32)

"""Reading encoded scenes: random access to memory-mapped shards and texts."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.ground.damage import reading
from pipeline.ground.tables import read_table
from pipeline.learning.shards import (
    INDEX,
    MANIFEST,
    NO_KEYWORD,
    check_file,
    read_manifest,
    shard_name,
    text_place,
)
from pipeline.scenes.split import TRAIN

# Mapped ones, the 256 of the texts among them.
_OPEN_FILES = 512


class EncodedScenes(Dataset[dict[str, Any]]):
    """Encoded scenes, in the order of the scene table.

    A sample has `latents` C×h×w float32; `control` 2×H×W float32 in [0, 1], the mask (0 or 1) and
    the raw attention heatmap; `text`, T×D float32, the keyword's embedding; `keyword`, `video_id`,
    `scene_number`.

    Args:
        folder: what the stage encode wrote.
        split: `train`, `val` or `test`; all scenes by default.
        flipped: of the split `train`, give every scene twice where `encode.flip` encoded it so: as
            it is, and, after all of these, flipped left to right.

    Raises:
        InputError: nothing was encoded, or a file is not what was written (checked when it is
            first opened).
    """

    def __init__(self, folder: Path, split: str | None = None, flipped: bool = False) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._checked: set[str] = set()
        with reading(folder / MANIFEST, "encode"):
            self._check(INDEX)
        index = read_table(folder / INDEX, {"scene_number": "int64", "row": "int64"})
        self.table = index[index["split"] == split].reset_index(drop=True) if split else index
        self._rows = self.table.to_dict("records")
        self._times = 2 if flipped and split == TRAIN and self.manifest["flipped"] else 1
        self._open: OrderedDict[str, Any] = OrderedDict()
        # They are small, and a training should not fail on them at its first validation.
        for name in {text_place(text)[0] for text in (NO_KEYWORD, *self.table["keyword"].unique())}:
            self._check(name)

    def __len__(self) -> int:
        return len(self._rows) * self._times

    def __getitem__(self, position: int) -> dict[str, Any]:
        """Return one sample, see above."""
        flipped, place = divmod(range(len(self))[position], len(self._rows))
        row = self._rows[place]
        shard = self._file(shard_name(row["video_id"]))
        control = shard.get_slice("controls")[row["row"]].float() / 255
        return {
            "latents": shard.get_slice("flipped" if flipped else "latents")[row["row"]].float(),
            "control": control.flip(-1) if flipped else control,
            "text": self.text(row["keyword"]),
            "keyword": row["keyword"],
            "video_id": row["video_id"],
            "scene_number": row["scene_number"],
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave mapped files behind when a worker process gets a copy."""
        return {**self.__dict__, "_open": OrderedDict()}

    def text(self, keyword: str) -> Tensor:
        """Return a keyword's embedding, T×D float32."""
        bucket, name = text_place(keyword)
        return self._file(bucket).get_tensor(name).float()

    @property
    def unconditional_text(self) -> Tensor:
        """The embedding of no keyword, T×D float32."""
        return self.text(NO_KEYWORD)

    @property
    def backbone(self) -> str:
        """Digest of the backbone that encoded."""
        return str(self.manifest["backbone"])

    def _check(self, name: str) -> None:
        if name not in self._checked:
            check_file(self.folder / name, self.manifest["files"][name])
            self._checked.add(name)

    def _file(self, name: str) -> Any:
        """Return a file of tensors, mapped; one too many closes the least recently used."""
        if name not in self._open:
            self._check(name)
            if len(self._open) >= _OPEN_FILES:
                self._open.popitem(last=False)
            self._open[name] = safe_open(self.folder / name, "pt")
        self._open.move_to_end(name)
        return self._open[name]

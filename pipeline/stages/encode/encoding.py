"""Scenes and keywords through the frozen models, into files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from pipeline.ground.files import file_digest, write_text
from pipeline.ground.tables import write_table
from pipeline.learning.shards import FORMAT, INDEX, MANIFEST, as_half, write_shard, write_texts
from pipeline.pictures.tensors import tensor_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.diffusion.backbone import Backbone
    from pipeline.scenes.pixels import ScenePixels


class Encoder:
    """The frozen models at work; a context manager.

    On a CPU scenes are encoded one by one, side by side, each on one thread: models sum in other
    parts on another number of threads, and what is written must depend neither on it nor on the
    batch. It is faster, too, than all threads on one scene. On a GPU, in batches.
    """

    def __init__(self, backbone: Backbone, batch_size: int) -> None:
        """Take as many scenes at once as `batch_size` and, on a CPU, the threads allow."""
        self._backbone = backbone
        self._device = backbone.vae.device
        on_cpu = self._device.type == "cpu"
        self._together = 1 if on_cpu else batch_size
        workers = min(batch_size, torch.get_num_threads()) if on_cpu else 1
        self._pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write_video(self, path: Path, scenes: Sequence[ScenePixels], flip: bool) -> None:
        """Write the shard of one video; with `flip`, its scenes again, flipped left to right."""
        images = tensor_of(np.stack([scene.image for scene in scenes]), self._device)
        controls = np.stack([np.stack([scene.mask, scene.heatmap]) for scene in scenes])
        # An autoencoder's latents of a flipped picture are not its flipped latents.
        flipped = self._latents(images.flip(-1)) if flip else None
        write_shard(path, self._latents(images), torch.from_numpy(controls), flipped)

    def write_texts(self, path: Path, texts: Sequence[str]) -> None:
        """Write the embeddings of some texts."""
        # One by one: an embedding must not depend on the texts beside it, not even in its rounding.
        write_texts(path, dict(zip(texts, self._pool.map(self._embedding, texts), strict=True)))

    def _latents(self, images: Tensor) -> Tensor:
        return torch.cat(list(self._pool.map(self._encoded, images.split(self._together))))

    @torch.inference_mode()
    def _encoded(self, images: Tensor) -> Tensor:
        return as_half(self._backbone.encode_images(images))

    @torch.inference_mode()
    def _embedding(self, text: str) -> Tensor:
        return as_half(self._backbone.encode_texts([text])[0])


def write_index(
    folder: Path,
    scenes: pd.DataFrame,
    files: Mapping[str, str],
    backbone: str,
    size: tuple[int, int],
    flip: bool,
) -> list[Path]:
    """Write the index and the manifest, which has the hash of every other file; return their paths.

    Args:
        folder: to write to.
        scenes: the scene table.
        files: {file in the folder: its hash}.
        backbone: digest of the backbone.
        size: (height, width) that was encoded.
        flip: whether the train split was encoded flipped, too.
    """
    index = scenes[["video_id", "scene_number", "keyword", "split"]].copy()
    index["row"] = index.groupby("video_id").cumcount()
    write_table(folder / INDEX, index)
    manifest = {
        "format": FORMAT,
        "backbone": backbone,
        "image_size": list(size),
        "flipped": flip,
        "files": {**files, INDEX: file_digest(folder / INDEX)},
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return [folder / INDEX, folder / MANIFEST]

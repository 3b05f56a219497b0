"""Scenes and keywords through the frozen models, into files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline.ground.files import file_digest, write_text
from pipeline.ground.tables import write_table
from pipeline.learning.shards import FORMAT, INDEX, MANIFEST, as_half, write_shard, write_texts
from pipeline.pictures.tensors import tensor_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.diffusion.backbone import Backbone
    from pipeline.scenes.pixels import ScenePixels


def encode_video(
    path: Path, scenes: Sequence[ScenePixels], backbone: Backbone, batch_size: int, flip: bool
) -> None:
    """Write the shard of one video; with `flip`, its scenes again, flipped left to right."""
    images = tensor_of(np.stack([scene.image for scene in scenes]), backbone.vae.device)

    def encoded(images: torch.Tensor) -> torch.Tensor:
        batches = [backbone.encode_images(batch) for batch in images.split(batch_size)]
        return as_half(torch.cat(batches))

    controls = np.stack([np.stack([scene.mask, scene.heatmap]) for scene in scenes])
    # An autoencoder's latents of a flipped picture are not its flipped latents.
    flipped = encoded(images.flip(-1)) if flip else None
    write_shard(path, encoded(images), torch.from_numpy(controls), flipped)


def encode_texts(path: Path, texts: Sequence[str], backbone: Backbone) -> None:
    """Write the embeddings of some texts."""
    # One by one: an embedding must not depend, not even in its rounding, on the texts beside it.
    write_texts(path, {text: as_half(backbone.encode_texts([text])[0]) for text in texts})


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

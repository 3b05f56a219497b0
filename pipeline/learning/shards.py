"""The files of encoded scenes: safetensors, a shard per video, the texts, an index.

`scenes/{video_id}.safetensors` holds `latents` (n×C×h×w, 16 bits) and `controls` (n×2×H×W uint8:
mask 0 or 255, attention levels as the heatmap's file has them, not scaled), a row per scene in
scene order; where asked for, `flipped` has the latents of the pictures flipped left to right.
`texts/{xx}.safetensors` holds the embeddings of the distinct keywords, and of "", whose hash begins
with `xx`: a new keyword leaves almost all of them as they are. `index.csv` has a row per scene, and
`manifest.json` what all this was made with, and the hash of each file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipeline.ground.damage import read_json
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest, replacing

FORMAT = 2
INDEX = "index.csv"
MANIFEST = "manifest.json"
NO_KEYWORD = ""
# Hexadecimal digits of a text's hash that name its bucket.
_BUCKET = 2


def shard_name(video_id: str) -> str:
    """Return where a video's shard lies in the folder."""
    return f"scenes/{video_id}.safetensors"


def write_shard(
    path: Path, latents: Tensor, controls: Tensor, flipped: Tensor | None = None
) -> None:
    """Write the rows of one video."""
    tensors = {"latents": latents, "controls": controls}
    if flipped is not None:
        tensors["flipped"] = flipped
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)


def text_buckets(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return distinct texts by the start of their hash, sorted."""
    buckets: dict[str, list[str]] = {}
    for text in sorted(set(texts)):
        buckets.setdefault(digest(text)[:_BUCKET], []).append(text)
    return buckets


def texts_name(bucket: str) -> str:
    """Return where a bucket's texts lie in the folder."""
    return f"texts/{bucket}.safetensors"


def text_place(text: str) -> tuple[str, str]:
    """Return where the file with a text's embedding lies, and the embedding's name in there."""
    name = digest(text)
    return texts_name(name[:_BUCKET]), name


def write_texts(path: Path, embeddings: Mapping[str, Tensor]) -> None:
    """Write each text's embedding, T×D, under the text's hash: a text may hold anything."""
    rows = {digest(text): row.contiguous() for text, row in embeddings.items()}
    with replacing(path) as temporary:
        save_file(rows, temporary)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest.

    Raises:
        InputError: there is none, or of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{path}: there are no encoded scenes. Run `dvc repro encode`.")
    manifest = read_json(path, "encode")
    if manifest.get("format") != FORMAT:
        raise InputError(f"{path}: format {manifest.get('format')}, expected {FORMAT}. {_AGAIN}")
    return manifest


def check_file(path: Path, expected: str) -> None:
    """Hold a file to the hash that the manifest has of it.

    Raises:
        InputError: it is missing, or is not what was written.
    """
    if not path.is_file():
        raise InputError(f"{path}: the file is missing. {_AGAIN}")
    if file_digest(path) != expected:
        raise InputError(f"{path}: the content is not what was written. {_AGAIN}")


def as_half(values: Tensor) -> Tensor:
    """Return values in half precision.

    Raises:
        InputError: half precision cannot hold them.
    """
    half = values.to(torch.float16)
    if not torch.isfinite(half).all():
        raise InputError(
            f"the backbone gives values up to {values.abs().max().item():g}, and half precision "
            "holds no more than 65,504. Check model.backbone: its autoencoder or text encoder "
            "diverges."
        )
    return half


_AGAIN = "Delete it and run `dvc repro -f encode`: only what is missing is encoded again."

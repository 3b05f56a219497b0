"""Features of all photographs and of their mirror images, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.attention.blur import resized
from pipeline.attention.readout import working_size
from pipeline.ground.files import make_folder, replacing
from pipeline.pictures.tensors import tensor_of
from studies.osie.data import Photograph, read_pixels


@torch.inference_mode()
def cached_features(
    backbone: nn.Module, photographs: Sequence[Photograph], area_px: int, folder: Path
) -> list[list[Tensor]]:
    """Return each photograph's features, one 2×C×h×w of float16 per block: as it is, mirrored.

    Args:
        backbone: as `Backbone`.
        photographs: whose features are wanted.
        area_px: as in `ReadoutConfig`.
        folder: of one file per photograph; those that are there are taken as they are.
    """
    make_folder(folder)
    found = []
    for photograph in tqdm(photographs, desc=f"features in {folder.name}", mininterval=5):
        path = folder / f"{photograph.path.stem}.safetensors"
        if not path.is_file():
            image = tensor_of(read_pixels(photograph.path)[None])
            small = resized(image, working_size(*photograph.size, area_px))
            both = backbone(torch.cat([small, small.flip(-1)]))
            blocks = {f"{n:02}": values.half().contiguous() for n, values in enumerate(both)}
            with replacing(path) as temporary:
                save_file(blocks, temporary)
        blocks = load_file(path)
        found.append([blocks[key] for key in sorted(blocks)])
    return found

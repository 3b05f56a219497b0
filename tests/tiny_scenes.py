"""Encoded scenes with random values, for what trains on them or examines a model with them."""

from typing import Any

import pandas as pd
import torch
from torch.utils.data import Dataset

SIZE = (24, 16)
"""(height, width) of a scene's control."""


class TinyScenes(Dataset[dict[str, Any]]):
    """Scenes with the keys that `EncodedScenes` gives, two to a video, made when they are taken.

    Args:
        count: how many.
        latents: shape of a scene's latents, C×h×w.
        text: shape of its keyword's embedding, T×D.
        seed: of all values.
    """

    def __init__(
        self,
        count: int,
        latents: tuple[int, int, int] = (4, 12, 8),
        text: tuple[int, int] = (16, 32),
        seed: int = 0,
    ) -> None:
        self.latents = latents
        self.text = text
        self.seed = seed
        self.table = pd.DataFrame(
            {
                "video_id": [f"7{place // 2:018}" for place in range(count)],
                "scene_number": [place % 2 + 1 for place in range(count)],
            }
        )

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, position: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(1000 * self.seed + position)
        mask = (torch.rand(1, *SIZE, generator=generator) > 0.5).float()
        heatmap = torch.rand(1, *SIZE, generator=generator)
        row = self.table.iloc[position]
        return {
            "latents": torch.randn(self.latents, generator=generator),
            "control": torch.cat([mask, heatmap]),
            "text": torch.randn(self.text, generator=generator),
            "keyword": "cup",
            "video_id": row["video_id"],
            "scene_number": int(row["scene_number"]),
        }

"""Strips for a contact sheet, from what the stages wrote: scenes, a batch of tensors, edits.

Where a file breaks the contract they raise ImageRefused, where it is missing FileNotFoundError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.figures.contact_sheet import Strip, Tile, percent
from pipeline.ground.artefacts import edited_scene
from pipeline.pictures.reading import Pixels, read_grey, read_mask, read_rgb, to_levels

if TYPE_CHECKING:
    import pandas as pd


def scene_strips(scenes: pd.DataFrame, root: Path) -> list[Strip]:
    """Return a strip for each row of a scene table: the scene, its product, its heatmap."""
    return [_strip(row, root) for row in scenes.to_dict("records")]


def batch_strips(batch: Mapping[str, Any]) -> list[Strip]:
    """Return a strip for each sample of a batch of `VideoSceneDatasetV3`, with its control."""
    strips = []
    for index, keyword in enumerate(batch["keyword"]):
        image = (batch["image"][index].numpy() + 1) / 2
        mask, heatmap = batch["control"][index].numpy()
        strips.append(
            Strip(
                name=keyword,
                image=to_levels(np.moveaxis(image, 0, -1)),
                mask=mask > 0,
                heatmap=to_levels(heatmap),
                caption=f"alignment {float(batch['alignment_score'][index]):.3f}",
                tiles={
                    "control[0]": Tile(_grey(mask), "keyword mask"),
                    "control[1]": Tile(_grey(heatmap), "attention heatmap"),
                },
            )
        )
    return strips


def edit_strips(
    scenes: pd.DataFrame, edits: pd.DataFrame, root: Path, variants: Sequence[str]
) -> list[Strip]:
    """Return a strip for each row of a scene table, with the scene as each variant redrew it.

    Args:
        scenes: rows of the scene table.
        edits: `edits.csv`, see `schemas.edits.read_edits`.
        root: the data root.
        variants: to show.
    """
    by_edit = {
        (row["video_id"], row["scene_number"], row["variant"]): row
        for row in edits.to_dict("records")
    }
    strips = []
    for scene in scenes.to_dict("records"):
        rows = [by_edit[scene["video_id"], scene["scene_number"], name] for name in variants]
        tiles = {row["variant"]: Tile(_edited(row, root), _caption(row)) for row in rows}
        strips.append(_strip(scene, root)._replace(tiles=tiles))
    return strips


def _grey(channel: NDArray[np.float32]) -> Pixels:
    return np.repeat(to_levels(channel)[..., None], 3, axis=-1)


def _strip(row: Mapping[Any, Any], root: Path) -> Strip:
    image = read_rgb(root / row["scene_image_path"])
    return Strip(
        name=f"{row['keyword']}, scene {row['scene_number']}",
        image=image,
        mask=read_mask(root / row["keyword_mask_path"], image.shape[:2]),
        heatmap=read_grey(root / row["attention_heatmap_path"]),
        caption=f"share {percent(row['attention_share'])}",
        tiles={},
    )


def _edited(row: Mapping[Any, Any], root: Path) -> Pixels:
    return read_rgb(root / edited_scene(row["variant"], row["video_id"], row["filename"]))


def _caption(row: Mapping[Any, Any]) -> str:
    """Say what the guide saw; a placebo has no dose, an unchanged scene nothing to see."""
    if not row["modified"]:
        return "unchanged"
    if np.isnan(row["guide_achieved"]):
        return f"changed by {row['mean_abs_change']:.2f} levels"
    return f"{percent(row['guide_share'])} to {percent(row['guide_achieved'])}"

"""Edits that no model made: the product's contrast is scaled, so that much is known of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stages.evaluate.measured_table import ALPHAS, control_losses

from pipeline.ground.artefacts import VIDEO_FIGURES, variant_table
from pipeline.ground.code import Key
from pipeline.ground.files import write_bytes
from pipeline.ground.tables import write_table
from pipeline.pictures.reading import Pixels, encode, read_grey, read_mask, read_rgb
from pipeline.scenes.regions import add_change, feathered_region
from pipeline.stages.evaluate import stage as evaluate
from pipeline.stages.evaluate.control_losses import ControlCheck
from schemas.variant_scenes import VARIANT_SCENES_TABLE
from schemas.videos import VIDEOS_TABLE

FEATHER_PX = 2.0
# Looks at what differs from the scene's mean colour: as deterministic as the demo's, and cheaper.
JUDGE = """
import numpy as np

def attention_map(image):
    pixels = image.astype(float)
    return np.square(pixels - pixels.mean((0, 1))).sum(2) + 3000
"""


def pretend_control(patch: pytest.MonkeyPatch) -> None:
    """Give the control check's results: it needs models, and has tests of its own."""
    made_by = Key("key", ("pipeline.learning.control_check",))
    check = ControlCheck(made_by, Path(), None, "", 1, 1, 0)
    losses = control_losses().to_dict("records")
    patch.setattr(evaluate, "control_check", lambda workspace, params: check)
    patch.setattr(evaluate, "check_control", lambda check, root: losses)


def write_edits(
    root: Path, scenes: pd.DataFrame, image_size: tuple[int, int], boost: float = 1.5
) -> None:
    """Write what the stages edit and dose_curve would: files and tables, for all scenes."""
    doses: list[dict[str, Any]] = []
    variants: list[dict[str, Any]] = []
    for number, scene in enumerate(scenes.to_dict("records")):
        for alpha in ALPHAS:
            doses.append(_edit(root, scene, image_size, "full", f"alpha_{alpha:g}", alpha))
        for arm in ("control_only", "gradient_only", "plain"):
            for alpha in (0.5, 2.0):
                doses.append(_edit(root, scene, image_size, arm, f"alpha_{alpha:g}", alpha))
        doses.append(_edit(root, scene, image_size, "full", "sham", 1.0, 1 + 0.01 * (number % 3)))
        for name, alpha in (("baseline", 1.0), ("full_boost", boost)):
            variants.append(_edit(root, scene, image_size, "", name, alpha))
        variants.append(_edit(root, scene, image_size, "", "placebo", 1.0, 1.02 + number % 5 / 50))
    write_table(root / VIDEO_FIGURES, pd.DataFrame(columns=list(VIDEOS_TABLE.columns)))
    write_maps(root, scenes)
    write_counterfactual(root, scenes, image_size)
    write_table(root / "outputs/dose_curve/doses.csv", pd.DataFrame(doses))
    write_table(root / "outputs/edited_scenes/edits.csv", pd.DataFrame(variants))


def write_maps(root: Path, scenes: pd.DataFrame) -> None:
    """Write the heatmaps that a placebo goes by, upside down, of videos without variants."""
    for video_id, rows in scenes.groupby("video_id"):
        if (root / variant_table(str(video_id), "placebo")).is_file():
            continue
        maps = [f"outputs/variants_v3/{video_id}/placebo/{stem}.png" for stem in rows["filename"]]
        for source, path in zip(rows["attention_heatmap_path"], maps, strict=True):
            heat = read_grey(root / source)
            write_bytes(root / path, encode(np.ascontiguousarray(heat[::-1]), "png"))
        for name, paths in (("baseline", rows["attention_heatmap_path"]), ("placebo", maps)):
            write_table(
                root / variant_table(str(video_id), name),
                rows.reindex(columns=list(VARIANT_SCENES_TABLE.columns)).assign(
                    modified_attention_heatmap_path=paths, modified=True, feasible=True
                ),
            )


def write_counterfactual(root: Path, scenes: pd.DataFrame, image_size: tuple[int, int]) -> None:
    """Write what the demo's stage would: here nature scales contrast, too, but for 1 grey level."""
    folder, rows = root / "outputs/counterfactual", []
    for scene in scenes.to_dict("records"):
        original = read_rgb(root / scene["scene_image_path"])
        mask = read_mask(root / scene["keyword_mask_path"], original.shape[:2])
        original = original ^ 1
        for alpha in (0.5, 2.0):
            names = {
                name: f"{part}/{scene['video_id']}/{Path(scene['filename']).stem}.png"
                for name, part in (("original", "original"), ("edited", f"alpha_{alpha:g}"))
            }
            edited = _scaled(original, mask, "keyword", alpha**0.5, image_size)
            for name, pixels in (("original", original), ("edited", edited)):
                write_bytes(folder / names[name], encode(pixels, "png"))
            place = {name: scene[name] for name in ("video_id", "scene_number")}
            rows.append({**place, "alpha": alpha, **names, "reached": True})
    write_table(folder / "pictures.csv", pd.DataFrame(rows))


def _edit(
    root: Path,
    scene: dict[str, Any],
    image_size: tuple[int, int],
    arm: str,
    variant: str,
    alpha: float,
    contrast: float | None = None,
) -> dict[str, Any]:
    original = read_rgb(root / scene["scene_image_path"])
    mask = read_mask(root / scene["keyword_mask_path"], original.shape[:2])
    region = "background" if variant == "placebo" else "keyword"
    gain = alpha**0.5 if contrast is None else contrast
    edited = _scaled(original, mask, region, gain, image_size)
    name = f"{Path(scene['filename']).stem}.png"
    folder = root / (f"outputs/dose_curve/{arm}" if arm else "outputs/edited_scenes")
    write_bytes(folder / variant / scene["video_id"] / name, encode(edited, "png"))
    share = scene["attention_share"]
    recorded = {
        "video_id": scene["video_id"],
        "scene_number": scene["scene_number"],
        "filename": name,
        "variant": variant,
        "alpha": alpha,
        "region": region,
        "redrawn": region,
        "modified": gain != 1,
        "mean_abs_change": 0.0,
        "editor": "one editor",
        "strength": 1.0,
        "outside_psnr_db": 36.0,
        "whole_psnr_db": 47.0,
        "whole_ssim_raw": 0.99,
        "guide_share": share,
        "guide_dose": alpha * share / (alpha * share + 1 - share),
        "guide_achieved": gain * share / (gain * share + 1 - share),
        "reached": alpha < 2,
    }
    return {"arm": arm, "feasible": True, **recorded} if arm else recorded


def _scaled(
    original: Pixels, mask: np.ndarray, region: Any, gain: float, image_size: tuple[int, int]
) -> Pixels:
    weight = feathered_region(mask, region, FEATHER_PX, image_size)
    centre = original[weight > 0].mean(0)
    return add_change(original, ((gain - 1) * (original - centre)).astype(np.float32), weight)

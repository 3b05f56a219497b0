"""`manifest.json`: what was made, from which data, with which params."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.heatmaps.params import VariantParams

MANIFEST = "outputs/variants_v3/manifest.json"


def write_manifest(
    path: Path,
    videos: Mapping[str, Mapping[str, Any]],
    params: VariantParams,
    image_size: tuple[int, int],
    data_version: str,
) -> None:
    """Write the manifest.

    Args:
        path: to write.
        videos: {video_id: {"keyword": …, "scenes": number}}.
        params: section `variant`.
        image_size: (height, width) of the maps.
        data_version: digest of the scene table.
    """
    content = {
        "data_version": data_version,
        "image_size": list(image_size),
        "params": recorded_params(params),
        "variants": definitions(params),
        "videos": dict(videos),
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def recorded_params(params: VariantParams) -> dict[str, Any]:
    """Return the params as the manifest holds them: those that change more than pictures."""
    return params.model_dump(mode="json", exclude={"sample_videos"})


def read_variants(path: Path) -> list[str]:
    """Return the names of the variants that were made, in order.

    Raises:
        InputError: there is no such manifest.
    """
    if not path.is_file():
        raise InputError(f"{path}: there are no variants. Run `dvc repro variant`.")
    return list(json.loads(path.read_text(encoding="utf-8"))["variants"])


def definitions(params: VariantParams) -> dict[str, dict[str, Any]]:
    """Return {variant: window, region and factor}; alpha is null where it differs by scene."""
    boost = params.alpha if params.target_share is None else None
    scales = params.placebo == "scale"
    seven = {
        "baseline": (None, None, 1.0),
        "early_boost": ("early", "keyword", boost),
        "middle_boost": ("middle", "keyword", boost),
        "late_boost": ("late", "keyword", boost),
        "full_boost": ("all", "keyword", boost),
        "reduction": ("middle", "keyword", params.reduction_alpha),
        "placebo": ("all", "background", params.placebo_alpha if scales else 1.0),
    }
    extra = {
        name: (variant.window, variant.region, variant.alpha)
        for name, variant in params.extra.items()
    }
    return {
        name: {"window": window, "region": region, "alpha": alpha}
        for name, (window, region, alpha) in {**seven, **extra}.items()
    }

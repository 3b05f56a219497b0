"""`manifest.json`: what was made, from which data, with which params."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.ground.damage import read_json, reading
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.heatmaps.params import Variant, VariantParams


def write_manifest(
    path: Path,
    videos: Mapping[str, Mapping[str, Any]],
    params: VariantParams,
    image_size: tuple[int, int],
    data_version: str,
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest.

    The videos are {video_id: {"keyword": …, "scenes": number}}, the data's version is the digest of
    the scene table; what is `further` to be in it stands last.
    """
    content = {
        "data_version": data_version,
        "image_size": list(image_size),
        "params": recorded_params(params),
        "variants": {name: variant._asdict() for name, variant in params.variants.items()},
        "videos": dict(videos),
        **(further or {}),
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def recorded_params(params: VariantParams) -> dict[str, Any]:
    """Return the params as the manifest holds them: those that change more than pictures."""
    return params.model_dump(mode="json", exclude={"sample_videos"})


def read_variants(path: Path) -> dict[str, Variant]:
    """Return the variants that were made, in order.

    Raises:
        InputError: there is no such manifest, it is damaged, or another version wrote it.
    """
    if not path.is_file():
        raise InputError(f"{path}: there are no variants. Run `dvc repro variant`.")
    manifest = read_json(path, "variant")
    with reading(path, "variant"):
        return {name: Variant(**made) for name, made in manifest["variants"].items()}

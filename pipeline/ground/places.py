"""What a data root is known by, for code that is given a scene table and nothing else."""

from __future__ import annotations

from pathlib import Path

MARKER = "params.yaml"
SCENES = "data/valid_scenes.csv"
"""The scene table, the scenes that hold the contract: `schemas.valid_scenes`."""
WITHOUT_PRODUCT = "data/scenes_without_product.csv"
"""Beside it, sound scenes that do not show the product: `schemas.scenes_without_product`."""


def root_above(table: Path) -> Path:
    """Return the nearest folder above a table that holds a params.yaml, else the current one."""
    for folder in table.absolute().parents:
        if (folder / MARKER).is_file():
            return folder
    return Path.cwd()

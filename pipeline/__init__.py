"""Gazeshift: controlled attention stimuli from short vertical video ads.

Each stage of `dvc.yaml` is the folder of the same name in `pipeline/stages/`. The names below are
the public API; they are imported when they are first used, so that `import pipeline` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "VideoSceneDataModuleV3": "pipeline.learning.datamodule",
    "VideoSceneDatasetV3": "pipeline.learning.dataset",
    "VideoVariantGeneratorV3": "pipeline.stages.variant.generator",
    "visualize_variant_comparison": "pipeline.stages.variant.comparison",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")

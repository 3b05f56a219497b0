"""`visualize_variant_comparison`: a video's variants beside each other, as a plot in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.figures.style import style_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stages.variant.generator import VideoVariantGeneratorV3


def visualize_variant_comparison(
    variants: Mapping[str, pd.DataFrame],
    video_id: str | int,
    keyword: str,
    generator: VideoVariantGeneratorV3,
) -> None:
    """Plot each variant's alignment scores, over the scenes and as means with their deviations.

    The plot is pyplot's current figure: a notebook shows it, a script calls `plt.show()` or
    `plt.savefig(…)`.

    Args:
        variants: {variant: table}, as `create_all_variants_for_video` returns them.
        video_id: for the title.
        keyword: for the title.
        generator: the one that made them.
    """
    import matplotlib.pyplot as plt

    statistics = generator.compute_variant_statistics(variants)
    colours = [style_of(variant).colour for variant in variants]
    _, (profiles, means) = plt.subplots(1, 2, figsize=(18, 6), layout="constrained")
    for variant, table in variants.items():
        style = style_of(variant)
        profiles.plot(
            table["scene_number"],
            statistics[variant]["temporal_profile"],
            marker="o",
            label=variant,
            color=style.colour,
            linestyle=style.dashes,
        )
    profiles.set(xlabel="scene", ylabel="alignment score", title=f"Video {video_id} ({keyword})")
    profiles.legend()
    means.bar(
        list(variants),
        [statistics[variant]["mean_alignment"] for variant in variants],
        yerr=[statistics[variant]["std_alignment"] for variant in variants],
        color=colours,
        capsize=5,
    )
    means.set(ylabel="mean alignment score", title="Mean over the scenes")
    means.tick_params(axis="x", rotation=45)

"""Section `evaluate` of params.yaml: who judges whom, and what an edit must reach."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.attention.models import MODELS, OBSERVERS, is_watched
from pipeline.editing.params import Part
from pipeline.ground.artefacts import COUNTERFACTUAL
from pipeline.ground.params import Section

Share = Annotated[float, Field(gt=0, lt=1)]


class Bounds(BaseModel):
    """What a figure must reach, with all of its interval where it has one.

    A yes-or-no figure counts as 1 or 0. Without either bound there is no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: float | None = None
    """The least that passes."""
    max: float | None = None
    """The most that passes."""

    @property
    def is_limit(self) -> bool:
        """Whether it holds a figure to anything."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


FIGURES: dict[str, tuple[str, Bounds | None]] = {
    "identity_psnr_db": ("identity", Bounds(min=45)),
    "outside_max_abs_diff": ("specificity", Bounds(max=0)),
    "raw_background_psnr_db": ("specificity", Bounds(min=32)),
    "feasible_fraction": ("dose", Bounds(min=0.85)),
    "dose_median_rel_error": ("dose", Bounds(max=0.12)),
    "dose_within_15pct": ("dose", Bounds(min=0.75)),
    "dose_spearman_mean": ("dose", Bounds(min=0.95)),
    "dose_logit_slope": ("dose", Bounds(min=0.85, max=1.15)),
    "control_only_slope": ("control", Bounds(min=0.8)),
    "control_shuffle_loss_increase": ("control", Bounds(min=0.1)),
    "placebo_tost_pass": ("placebo", Bounds(min=1)),
    "sham_tost_pass": ("placebo", Bounds(min=1)),
    "placebo_change_ratio": ("placebo", Bounds(min=0.5, max=2)),
    "integrity_ssim_median": ("integrity", Bounds(min=0.8)),
    "guide_judge_correlation": ("dose", None),
    "transfer_people_of_natural": ("transfer", Bounds(min=0.35)),
    "transfer_panel_of_natural": ("transfer", Bounds(min=0.7)),
    "delta_e_of_natural": ("transfer", Bounds(max=1.1)),
    "video_effect_kept": ("video", Bounds(min=0.8)),
    "video_placebo_tost_pass": ("video", Bounds(min=1)),
    "video_baseline_tost_pass": ("video", Bounds(min=1)),
    "video_warping_error_ratio": ("video", Bounds()),
    "video_outside_max_abs_diff": ("video", Bounds(max=0)),
    "video_outside_psnr_db": ("video", Bounds(min=45)),
    "video_change_warping_ratio": ("video", Bounds()),
    "video_dose_slope": ("video", Bounds()),
    "robustness_least": ("robustness", Bounds()),
    "integrity_ssim_p10": ("integrity", Bounds()),
    "broken_fraction": ("integrity", Bounds()),
    "dose_log_error_median": ("dose", Bounds()),
    "dose_log_error_p90": ("dose", Bounds()),
}
"""The figures in metrics.json that a gate may hold to account: the proof that each belongs to, and
the least that the demo must reach."""

PROOF_OF = {name: proof for name, (proof, _) in FIGURES.items()}
DEMO_GATE = {name: bounds for name, (_, bounds) in FIGURES.items() if bounds is not None}


class EvaluateParams(Section):
    """Who judges the edits, and what they must reach."""

    name: ClassVar[str] = "evaluate"

    judge: str = ""
    """Attention model that says where people look in a scene: as `edit.guide`, and never what that
    one sees. There is no default."""
    videos: Part = "test"
    """Whose scenes prove it; `val` while params are tuned."""
    panel: tuple[str, ...] = (
        "people_a",
        "people_b",
        "spectral_residual",
        "fine_grained",
        "centre_surround",
        "itti_koch",
        "graph_based",
        "histogram_contrast",
    )
    """Attention models, by name or Python file, that took no part and are asked what they see of
    an edit. Those that judge or guide, or cannot be had here, are left out, and named in
    metrics.json."""
    counterfactual: str | None = "outputs/counterfactual"
    """Folder of scenes as nature would have changed them, the yardstick of the panel and of the
    price: the demo draws it; null where there is none, or a folder of your own below models/."""
    least_share: Share = 0.02
    """Scenes on whose product the judge sees less are reported apart."""
    most_share: Share = 0.9
    """Likewise where it sees more."""
    integrity_alphas: tuple[float, float] = (0.5, 1.5)
    """Least and largest dose at which the product must still be itself."""
    equivalence_bound: Share = 0.03
    """Placebo and sham edit may move the share by no more than this: the smallest effect that would
    matter, as a part of what full_boost does (`equivalence_bound_of_boost`)."""
    strict_equivalence_bound: Share = 0.015
    """… and are reported against this as well."""
    least_videos: Annotated[int, Field(ge=2)] = 10
    """With fewer, equivalence is not shown, whatever the interval."""
    control_draws: Annotated[int, Field(ge=1)] = 4
    """Noises and timesteps per scene of the control check."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the resampling behind the intervals, and of the control check's noise."""
    gate: dict[str, Bounds] = Field(default=DEMO_GATE, min_length=1)
    """What must be reached, by the name of the figure; what is not named here is only reported."""

    @model_validator(mode="after")
    def _known_figures(self) -> Self:
        unknown = sorted(set(self.gate) - set(PROOF_OF))
        if unknown:
            raise ValueError(f"gate.{unknown[0]}: no such figure; known are {', '.join(PROOF_OF)}")
        strangers = sorted(
            name
            for name in {*self.panel} - {*MODELS, *OBSERVERS}
            if not (name.endswith(".py") and is_watched(name))
        )
        if strangers:
            names = ", ".join(MODELS | OBSERVERS)
            raise ValueError(
                f"panel: {strangers[0]} is no attention model's name, nor a Python file below "
                f"models/; known: {names}"
            )
        place = Path(self.counterfactual or COUNTERFACTUAL)
        if place != Path(COUNTERFACTUAL) and place.parts[0] != "models":
            raise ValueError(
                f"counterfactual: {place} must lie below models/, which the stage depends on: "
                "anywhere else DVC would not see it change"
            )
        if self.least_share >= self.most_share:
            raise ValueError("least_share must be below most_share")
        return self

"""Section `variant` of params.yaml: which variants there are, and how their heatmaps are made."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, NamedTuple, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.ground.params import Section
from pipeline.heatmaps.dose import Region

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=0, allow_inf_nan=False)]
WindowName: TypeAlias = Literal["early", "middle", "late", "all"]
Window: TypeAlias = WindowName | tuple[Fraction, Fraction]

Kind: TypeAlias = Literal["unchanged", "scale", "redistribute"]
"""What a variant does to a heatmap inside its window: leave it, multiply a region's attention by
alpha, or move attention within the background."""

_VARIANT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Variant(NamedTuple):
    """How a variant is defined, for whatever video; `manifest.json` holds it in these words."""

    kind: Kind
    window: Window | None
    region: Region | None
    alpha: float | None
    """The factor; None: per scene the one that gives `variant.target_share`."""
    meaning: str
    twin: str = ""
    """The variant that a placebo is to change as much as, and with whose strength it is redrawn."""


class ExtraVariant(BaseModel):
    """A variant of the user's own, defined by window, region and factor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: Window = "all"
    """`early`, `middle`, `late`, `all`, or [start, end] as fractions of the video's scenes."""
    region: Region = "keyword"
    """Whose attention is multiplied: the keyword's, or everything else's."""
    alpha: Factor
    """The factor."""

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> Self:
        if isinstance(self.window, tuple) and self.window[0] >= self.window[1]:
            raise ValueError(f"window {list(self.window)} must be [start, end] with start < end")
        return self


class VariantParams(Section):
    """Which variants there are, and how their heatmaps are made."""

    name: ClassVar[str] = "variant"

    alpha: Factor = 1.5
    """Factor on attention in the keyword region of the four boosts; the total stays, so it is the
    odds of attention on the product that are multiplied."""
    reduction_alpha: Factor = 0.5
    """The same factor for `reduction`."""
    target_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Instead of `alpha`: the share that each boosted scene is to have; its factor is solved."""
    on_clip: Literal["cap", "solve"] = "cap"
    """Where values meet 1: `cap` falls short of the dose, `solve` finds the factor for it."""
    placebo: Literal["redistribute", "scale"] = "redistribute"
    """`redistribute` within the background, or the method's older definition, `scale`."""
    placebo_match: bool = True
    """Make the placebo change the map as much as full_boost does; else use `placebo_alpha`."""
    placebo_alpha: Factor = 1.2
    """Factor on the background where `placebo` is `scale` or `placebo_match` is false."""
    windows: Literal["thirds", "halves"] | tuple[Fraction, Fraction, Fraction] = "thirds"
    """Windows early, middle, late: `thirds`; `halves` (the first, the central and the last half, so
    they overlap); or three fractions of the video's scenes that add up to 1."""
    temporal_smoothing: Annotated[float, Field(ge=0, le=100)] = 0
    """Sigma, in scenes, of a Gaussian over neighbouring scenes' factors; 0 is off."""
    keywords: Literal["first", "union"] | Annotated[int, Field(ge=0)] = "first"
    """Whose mask is the region: the first keyword's, all of them, or keyword_list[N]'s."""
    extra: dict[str, ExtraVariant] = Field(default_factory=dict)
    """Further variants: `{name: {window, region, alpha}}`; null is none."""
    format: Literal["jpg", "png"] = "jpg"
    """File type of the maps; png is lossless, about twice the size and slower to write."""
    quality: Annotated[int, Field(ge=50, le=100)] = 98
    """JPEG quality; below 95 the file's share strays from the planned one (docs/decisions)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Chooses the half of the background that the placebo raises, scene by scene."""
    sample_videos: Literal["all"] | Annotated[int, Field(ge=0)] = 4
    """How many videos get pictures: under reports/variant/figures and in MLflow."""

    @field_validator("extra", mode="before")
    @classmethod
    def _null_is_none(cls, extra: object) -> object:
        # To an empty mapping `dvc exp run -S variant.extra={…}` adds nothing, null it replaces.
        return {} if extra is None else extra

    @field_validator("extra")
    @classmethod
    def _names_are_path_safe(cls, extra: dict[str, ExtraVariant]) -> dict[str, ExtraVariant]:
        for name in extra:
            if name in SEVEN:
                raise ValueError(f"{name!r} is one of the seven variants; choose another name")
            if _VARIANT_NAME.fullmatch(name) is None:
                raise ValueError(
                    f"{name!r} becomes a folder's name: use lower-case letters, digits and '_', "
                    "beginning with a letter, at most 64"
                )
        return extra

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if isinstance(self.windows, tuple) and abs(sum(self.windows) - 1) > 1e-6:
            raise ValueError(
                f"windows: three fractions must add up to 1, found {sum(self.windows):g}"
            )
        if self.placebo == "redistribute" and not self.placebo_match and self.placebo_alpha < 1:
            raise ValueError(
                f"placebo_alpha: redistribute raises half of the background, so it must be >= 1, "
                f"found {self.placebo_alpha:g}; use >= 1, or placebo: scale"
            )
        return self

    @property
    def variants(self) -> dict[str, Variant]:
        """All variants, in the order of tables and pictures: here they are defined."""
        boost = self.alpha if self.target_share is None else None
        more, less = (f"{word} attention on the product in" for word in ("more", "less"))
        moved = "attention moved within the background, the product's share kept"
        scaled = "attention on the background multiplied, so the product's share falls or rises"
        seven = {
            "baseline": Variant("unchanged", None, None, 1.0, "the scene as it is"),
            "early_boost": Variant("scale", "early", "keyword", boost, f"{more} the first third"),
            "middle_boost": Variant(
                "scale", "middle", "keyword", boost, f"{more} the middle third"
            ),
            "late_boost": Variant("scale", "late", "keyword", boost, f"{more} the last third"),
            "full_boost": Variant("scale", "all", "keyword", boost, f"{more} every scene"),
            "reduction": Variant(
                "scale", "middle", "keyword", self.reduction_alpha, f"{less} the middle third"
            ),
            "placebo": Variant("redistribute", "all", "background", 1.0, moved, "full_boost")
            if self.placebo == "redistribute"
            else Variant("scale", "all", "background", self.placebo_alpha, scaled, "full_boost"),
        }
        extra = {
            name: Variant("scale", own.window, own.region, own.alpha, "a variant of your own")
            for name, own in self.extra.items()
        }
        return seven | extra

    def map_params(self) -> dict[str, object]:
        """Return what a map depends on besides what is asked of it, as JSON holds it."""
        return self.model_dump(mode="json", include={"on_clip", "format", "quality"})


SEVEN = tuple(VariantParams().variants)
"""The variants that every video has."""

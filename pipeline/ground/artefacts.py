"""Every file and folder that a stage makes, or that a person gives: the one place that names it.

Paths are relative to the data root. What makes an item is told where to write it, so that a new
path here changes no item's code.
"""

from __future__ import annotations

from pipeline.ground.places import SCENES as SCENES
from pipeline.ground.places import WITHOUT_PRODUCT as WITHOUT_PRODUCT

# What people give.
VIDEOS = "data/videos"
KEYWORDS = "data/keywords.csv"
FIXATIONS = "data/fixations"
CORPUS = "data/CORPUS.md"
"""The note that comes with the demo's data alone."""
IMPORT = "data/import"
"""Where people put cuts, masks and heatmaps that they have already."""

CUTS = "data/video_scene_cuts"
"""The scenes' images."""
CUTS_CSV = f"{CUTS}/scenes.csv"
"""Which scenes were cut, from when to when, and how large: `schemas.scenes`."""
MASKS = "keyword_masks"
HEATMAPS = "attention_heatmap"

REJECTED = "reports/validation/rejected_scenes.csv"
"""Every scene that was refused: `schemas.rejected_scenes`."""
VALIDATION_SUMMARY = "reports/validation/summary.json"
DATA_DOCS = "reports/validation/data_docs"

ENCODED = "outputs/encoded"

TRAINING = "outputs/training_v3"
CONTROLNET = f"{TRAINING}/controlnet"
TRAIN_METRICS = "reports/train/metrics.json"
TRAIN_HEADLINE = "reports/train/headline.json"
TRAIN_CURVE = "reports/train/curve.csv"

DOSE_CONTROLNET = "outputs/dose_controlnet"
DISTIL_METRICS = "reports/distil/metrics.json"
DISTIL_HEADLINE = "reports/distil/headline.json"
DISTIL_CURVE = "reports/distil/curve.csv"

PREDICTOR = "outputs/attention_model"
PREDICTOR_METRICS = "reports/attention_model/metrics.json"
PREDICTOR_HEADLINE = "reports/attention_model/headline.json"
PREDICTOR_SCORES = "reports/attention_model/scenes.csv"
PREDICTOR_CURVE = "reports/attention_model/curve.csv"

VARIANTS = "outputs/variants_v3"
VARIANT_MANIFEST = f"{VARIANTS}/manifest.json"
VARIANT_SHARES = "reports/variant/shares.csv"
VARIANT_METRICS = "reports/variant/metrics.json"
VARIANT_HEADLINE = "reports/variant/headline.json"
VARIANT_FIGURES = "reports/variant/figures"

EDITED = "outputs/edited_scenes"
EDITS = f"{EDITED}/edits.csv"
"""`schemas.edits.EDITS_TABLE`."""
DOSE_CURVE = "outputs/dose_curve"
DOSES = f"{DOSE_CURVE}/doses.csv"
"""`schemas.edits.DOSES_TABLE`."""

RENDERED = "outputs/videos"
VIDEO_FIGURES = "reports/render/videos.csv"
"""`schemas.videos.VIDEOS_TABLE`."""

COUNTERFACTUAL = "outputs/counterfactual"
"""The demo's scenes with another vividness of their product, drawn: the yardstick of the proof."""
COUNTERFACTUAL_PICTURES = f"{COUNTERFACTUAL}/pictures.csv"
"""`schemas.counterfactual.COUNTERFACTUAL_TABLE`."""

EVALUATION = "reports/evaluation"
METRICS = f"{EVALUATION}/metrics.json"
HEADLINE = f"{EVALUATION}/headline.json"
"""Of the figures of a stage the few that `dvc exp show` lists; so are all headlines."""
GATE = f"{EVALUATION}/gate.json"
JUDGED = f"{EVALUATION}/scenes.csv"
JUDGED_PARQUET = f"{EVALUATION}/scenes.parquet"
JUDGED_CURVE = f"{EVALUATION}/dose_curve.csv"
CONTROL_LOSSES = f"{EVALUATION}/control.csv"
CHANGES = f"{EVALUATION}/changes.csv"
TRANSFER = f"{EVALUATION}/transfer.csv"
"""`schemas.transfer.TRANSFER_TABLE`."""
ROBUSTNESS = f"{EVALUATION}/robustness.csv"
"""`schemas.robustness.ROBUSTNESS_TABLE`."""
FRAMES = f"{EVALUATION}/frames.csv"
"""`schemas.frames.FRAMES_TABLE`."""
PROOF_FIGURES = f"{EVALUATION}/figures"

PAGE = "reports/index.html"


def refused_by(stage: str) -> str:
    """Return the report of what an ingest stage refused: `schemas.rejected_scenes`."""
    return f"reports/ingest/{stage}.csv"


def record_of(stage: str) -> str:
    """Return the record of a stage's items, which is an out beside its others."""
    return f"reports/records/{stage}.jsonl"


OUTS: dict[str, tuple[str, ...]] = {
    "scene_cuts": (CUTS, refused_by("scene_cuts")),
    "keyword_masks": (MASKS, refused_by("keyword_masks")),
    "attention_heatmap": (HEATMAPS, refused_by("attention_heatmap")),
    "validate": (SCENES, WITHOUT_PRODUCT, REJECTED, VALIDATION_SUMMARY, DATA_DOCS),
    "encode": (ENCODED,),
    "train": (TRAINING, TRAIN_METRICS, TRAIN_HEADLINE, TRAIN_CURVE),
    "attention_model": (
        PREDICTOR,
        PREDICTOR_METRICS,
        PREDICTOR_HEADLINE,
        PREDICTOR_SCORES,
        PREDICTOR_CURVE,
    ),
    "distil": (DOSE_CONTROLNET, DISTIL_METRICS, DISTIL_HEADLINE, DISTIL_CURVE),
    "variant": (VARIANTS, VARIANT_SHARES, VARIANT_METRICS, VARIANT_HEADLINE, VARIANT_FIGURES),
    "edit": (EDITED,),
    "dose_curve": (DOSE_CURVE,),
    "counterfactual": (COUNTERFACTUAL,),
    "render": (RENDERED, VIDEO_FIGURES),
    "evaluate": (
        METRICS,
        HEADLINE,
        GATE,
        JUDGED,
        JUDGED_PARQUET,
        JUDGED_CURVE,
        CONTROL_LOSSES,
        CHANGES,
        TRANSFER,
        ROBUSTNESS,
        FRAMES,
        PROOF_FIGURES,
    ),
    "report": (PAGE,),
}
"""The outs of each stage as in dvc.yaml, but for the record that each has."""


def stage_of(path: str) -> str:
    """Return the stage in whose outs a file lies, by its path relative to the root.

    Raises:
        ValueError: it lies in none.
    """
    makers = {
        out: stage
        for stage, outs in OUTS.items()
        for out in outs
        if f"{path}/".startswith(f"{out}/")
    }
    if not makers:
        raise ValueError(f"{path} lies in no stage's outs")
    return makers[max(makers, key=len)]


def variant_table(video_id: str, variant: str) -> str:
    """Return the table of a variant of a video: `schemas.variant_scenes`."""
    return f"{VARIANTS}/{video_id}/{variant}_scenes.csv"


def edited_scene(variant: str, video_id: str, filename: str, arm: str = "") -> str:
    """Return an edited scene: of a variant, or of a dose of one of the dose curve's arms."""
    return f"{f'{DOSE_CURVE}/{arm}' if arm else EDITED}/{variant}/{video_id}/{filename}"


def rendered_video(variant: str, video_id: str) -> str:
    """Return the video that an arm's edits were put into."""
    return f"{RENDERED}/{variant}/{video_id}.mp4"

"""The proof in a reader's words: what each figure is, what it must reach, what was reached."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

from pipeline.attention.models import OBSERVERS
from pipeline.figures.style import ARMS
from pipeline.proof.params import PROOF_OF

PROOFS = {
    "control": (
        "The model reads its control",
        "If the ControlNet ignored how much is asked, another scene's dose would serve it as well. "
        "So the loss that it was trained for is compared: with the scene's own control, with "
        "another scene's, with one that asks for nothing. And the dose is asked of it alone.",
    ),
    "identity": (
        "Asked for nothing, it changes nothing",
        "A sham edit goes the whole way, inversion, redraw and compositing, under the unchanged "
        "heatmap. Whatever it changes is the method's own footprint.",
    ),
    "specificity": (
        "Nothing else changed",
        "Outside the redrawn region every pixel must be the original's. What the model did there "
        "before the original's pixels were put back is shown as well.",
    ),
    "integrity": (
        "The product is still itself",
        "A dose bought with noise or blur is worthless, so the product's structure is compared "
        "with the original's.",
    ),
    "dose": (
        "The dose that was asked for was achieved",
        "Each scene is redrawn at a grid of doses. The judge, who took no part in the editing, "
        "says what share of attention the product has now. Scenes whose dose could not be reached "
        "stay in every figure.",
    ),
    "transfer": (
        "Other observers see it as they see nature's own changes",
        "Observers who took no part, some of them learned from people's gaze, look at the edits. "
        "What they see per unit of what the judge sees is held against the counterfactual: the "
        "same scene with another vividness of the product and no edit at all. So is the price in "
        "colour.",
    ),
    "robustness": (
        "The effect survives the way to the viewer",
        "Compression, a moved crop, another size: edited pictures and their originals are "
        "degraded in the same way, and the judge and the observers of people look at both again.",
    ),
    "video": (
        "The effect lasts for the whole scene, in videos that differ by the edit alone",
        "An edit is made of one frame of its scene and carried to the others. The judge looks at "
        "up to six other frames of each scene, as a player shows them, with the product's mask "
        "carried there, and at the same frames of the baseline, encoded alike and not edited.",
    ),
    "placebo": (
        "The placebo left attention on the product as it was, within the bound",
        "The placebo redraws the background at the strength of the boost, and its change is then "
        "faded until the picture changed no more than under the boost. Two one-sided tests per "
        "video must show that the product's mean share moved by less than the bound, for the "
        "placebo and for the sham edit; the share of a single scene may move more.",
    ),
}
"""Title and meaning of each proof, in the order in which they are read."""


class _Figure(NamedTuple):
    label: str
    unit: str
    """`percent`, `points`, `db`, `number`, `levels` or `yes`."""
    meaning: str


FIGURES = {
    "control_shuffle_loss_increase": _Figure(
        "Loss with another scene's dose",
        "percent",
        "how much it rises in the region; 0 if the control is not read",
    ),
    "control_zero_loss_increase": _Figure(
        "Loss with a control that asks for nothing", "percent", "how much it rises in the region"
    ),
    "control_only_slope": _Figure(
        "Slope of the dose, ControlNet alone",
        "number",
        "guidance by the attention model's gradient off, calibrated at its own strength; 1 follows "
        "the dose, 0 ignores it",
    ),
    "gradient_only_slope": _Figure(
        "Slope of the dose, gradient alone", "number", "the ControlNet's residuals off"
    ),
    "identity_psnr_db": _Figure(
        "Sham edit against the round trip",
        "db",
        "whole frame before compositing, against the autoencoder's own round trip",
    ),
    "sham_psnr_db": _Figure(
        "Sham edit against the original", "db", "after compositing; over 50 dB no eye sees it"
    ),
    "outside_max_abs_diff": _Figure(
        "Largest difference outside the region",
        "levels",
        "of 255 grey levels, over all scenes and edits",
    ),
    "raw_background_psnr_db": _Figure(
        "Background before compositing", "db", "what the model itself did outside the region"
    ),
    "feasible_fraction": _Figure(
        "Feasible doses", "percent", "of scenes × doses, decided before any edit"
    ),
    "dose_median_rel_error": _Figure(
        "Median error of the dose", "percent", "relative to the share that was asked for"
    ),
    "dose_within_15pct": _Figure(
        "Within ±15 % of the dose", "percent", "of all feasible scenes × doses"
    ),
    "dose_spearman_mean": _Figure(
        "Rank correlation of dose and share", "number", "within a scene, mean; 1 is monotone"
    ),
    "dose_logit_slope": _Figure(
        "Slope of the dose", "number", "logit(share) on log(alpha); 1 is exact"
    ),
    "unreached_fraction": _Figure(
        "Unreached doses", "percent", "calibration stopped before the picture would break"
    ),
    "guide_judge_correlation": _Figure(
        "Agreement of guide and judge",
        "number",
        "correlation of their shares: near 1, success with this judge is no surprise",
    ),
    "placebo_tost_pass": _Figure(
        "Placebo is equivalent to no change", "yes", "two one-sided tests at 5 %"
    ),
    "placebo_mean_change": _Figure("Placebo's change of the share", "points", "mean over videos"),
    "sham_tost_pass": _Figure(
        "Sham edit is equivalent to no change", "yes", "two one-sided tests at 5 %"
    ),
    "sham_mean_change": _Figure("Sham edit's change of the share", "points", "mean over videos"),
    "placebo_change_ratio": _Figure(
        "Placebo's pixel change over the boost's",
        "number",
        "near 1 as it is made: faded to the boost's",
    ),
    "integrity_ssim_median": _Figure(
        "Structure similarity of the product", "number", "median; 1 is unchanged"
    ),
    "integrity_texture_ratio_median": _Figure(
        "Texture of the product", "number", "energy against the original's; above 1 is noise"
    ),
    "integrity_ssim_p10": _Figure(
        "Structure in colour, the worst tenth",
        "number",
        "SSIM of red, green and blue in the product at the largest and least dose: 10th percentile",
    ),
    "broken_fraction": _Figure(
        "Broken products", "percent", "burnt out, turned in hue or torn as nature never shows"
    ),
    "dose_log_error_median": _Figure(
        "Median error of the dose in log odds", "percent", "of log(alpha), feasible scenes"
    ),
    "dose_log_error_p90": _Figure(
        "… and its 90th percentile", "percent", "nine in ten doses are nearer than this"
    ),
    "transfer_people_of_natural": _Figure(
        "Transfer to people, over nature's",
        "number",
        "observers learned from people's gaze; 1 is what they see where nature did it, 0 nothing",
    ),
    "transfer_people_of_natural_plain": _Figure(
        "… of contrast scaled, no model", "number", "what the edit has to beat"
    ),
    "transfer_people_of_natural_control_only": _Figure(
        "… of the ControlNet alone", "number", "gradient guidance off"
    ),
    "transfer_panel_of_natural": _Figure(
        "Transfer to the whole panel, over nature's", "number", "mean of each observer's ratio"
    ),
    "transfer_panel_of_natural_plain": _Figure("… of contrast scaled", "number", "no model"),
    "transfer_panel_of_natural_control_only": _Figure(
        "… of the ControlNet alone", "number", "gradient guidance off"
    ),
    "delta_e_of_natural": _Figure(
        "Price in colour, over nature's",
        "number",
        "CIEDE2000 in the product per unit of the judge's log odds; below 1 is less than nature's",
    ),
    "delta_e_of_natural_plain": _Figure("… of contrast scaled", "number", "no model"),
    "delta_e_of_natural_control_only": _Figure("… of the ControlNet alone", "number", "likewise"),
    "video_effect_kept": _Figure(
        "Effect that other frames show",
        "percent",
        "of the change of log odds that the judge sees in the edited image",
    ),
    "video_effect_kept_standing": _Figure(
        "… with full_boost's change not carried",
        "percent",
        "left where it was made: what carrying it adds",
    ),
    "video_carrying_adds": _Figure(
        "What carrying full_boost's change adds", "percent", "of the effect, on the same frames"
    ),
    "video_dose_slope": _Figure(
        "Slope of the dose in those frames", "number", "of log odds on log(alpha); 1 is the dose"
    ),
    "video_still_dose_slope": _Figure(
        "… in the edited images of the same scenes", "number", "likewise"
    ),
    "video_placebo_tost_pass": _Figure(
        "Placebo as a video within the bound", "yes", "attention on the product stays as it was"
    ),
    "video_placebo_mean_change": _Figure(
        "… its mean change", "points", "of the judge's share, over videos"
    ),
    "video_baseline_tost_pass": _Figure(
        "Encoding alone within the bound", "yes", "the baseline against the source"
    ),
    "video_baseline_mean_change": _Figure(
        "… its mean change", "points", "of the judge's share, over videos"
    ),
    "video_warping_error_ratio": _Figure(
        "Flicker of full_boost over the source's",
        "number",
        "along the source's optical flow; it grows with the product's contrast, in nature, too",
    ),
    "video_change_warping_ratio": _Figure(
        "… of the change alone", "number", "in the region: edited minus source, over the source's"
    ),
    "video_outside_max_abs_diff": _Figure(
        "Largest change outside the moving region", "levels", "before encoding, of any video"
    ),
    "video_outside_psnr_db": _Figure(
        "PSNR outside it after encoding", "db", "against the source, the least of all videos"
    ),
    "robustness_least": _Figure(
        "Effect that is left after the worst of these",
        "percent",
        "of the change of log odds that the judge sees without it",
    ),
}
"""Figures of the evaluation's metrics.json that the page shows, in order."""

DEGRADED = {
    "jpeg": "JPEG, quality 50",
    "h264": "H.264, crf 28",
    "shift": "moved by 8 and 5 px of 480",
    "half": "half the size and back",
    "blur": "blur, sigma 1.5 px of 480",
}
"""What the page calls each degradation."""

# Arms that tell look from attention: of the one attention is not to move, of the other the look.
_CELLS = ("null_edit", "background")
_ENDS = {"value": "", "interval": "_ci95"}

_UNCHECKED = {
    "control_zero_loss_increase": "control",
    "gradient_only_slope": "control",
    "sham_psnr_db": "identity",
    "unreached_fraction": "dose",
    "placebo_mean_change": "placebo",
    "video_still_dose_slope": "video",
    "video_carrying_adds": "video",
    "video_effect_kept_standing": "video",
    "video_placebo_mean_change": "video",
    "video_baseline_mean_change": "video",
    "sham_mean_change": "placebo",
    "integrity_texture_ratio_median": "integrity",
    **{
        f"{name}_of_natural_{arm}": "transfer"
        for name in ("transfer_people", "transfer_panel", "delta_e")
        for arm in ("plain", "control_only")
    },
}
"""Figures that no gate can check, beside those of `PROOF_OF`."""


def proof_section(metrics: Mapping[str, Any], gate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page's proof from metrics.json and gate.json: verdict, proofs, figures."""
    checks = {check["metric"]: check for check in gate["checks"]}
    proof_of = PROOF_OF | _UNCHECKED
    sections = []
    for proof, (title, meaning) in PROOFS.items():
        figures = [
            {
                "name": name,
                **figure._asdict(),
                "value": metrics[name],
                "interval": metrics.get(f"{name}_ci95") or metrics.get(f"{name}_ci90"),
                "nothing": metrics.get(f"{name}_do_nothing"),
                "must": checks[name]["must"] if name in checks else None,
                "pass": checks[name]["pass"] if name in checks else None,
            }
            for name, figure in FIGURES.items()
            if proof_of[name] == proof and name in metrics
        ]
        # Of videos there is nothing to show where none was rendered.
        if figures:
            words = {"proof": proof, "title": title, "meaning": meaning}
            sections.append({**words, "figures": figures})
    return {
        "pass": gate["pass"],
        "verdict": gate["verdict"],
        "checks": len(checks),
        "failed": [PROOFS[proof][0] for proof in gate["failed"]],
        "proofs": sections,
        "panel": _panel(metrics.get("arms", {})),
        "cells": _cells(metrics.get("arms", {})),
        "robustness": _robustness(metrics),
        **{name: metrics.get(name) for name in ("n_scenes", "n_videos", "judge")},
        "guide_judge": metrics.get("guide_judge_correlation"),
    }


def _panel(arms: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each arm, nature's last: transfer to people and to the panel, and price."""
    labels = {arm: label for arm, (label, _) in ARMS.items() if arm not in _CELLS}
    labels["counterfactual"] = "nature: another vividness"
    kept = ("dose_reached", "delta_e_per_log_odds", "colour_ssim_p10", "broken_fraction")
    rows = []
    for arm, label in labels.items():
        if arm not in arms:
            continue
        figures = arms[arm]
        seen = {
            name.removeprefix("transfer_"): value
            for name, value in figures.items()
            if name.startswith("transfer_") and not name.endswith("_ci95") and value is not None
        }
        people = [value for name, value in seen.items() if name in OBSERVERS]
        rows.append(
            {
                "label": label,
                "people": fmean(people) if people else None,
                "panel": fmean(seen.values()) if seen else None,
                **{name: figures.get(name) for name in kept},
            }
        )
    return rows


def _cells(arms: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each arm that changed the product's look, attention on it, or both."""
    kept = ("delta_e", "judge_moved", "people_moved")
    return [
        {"label": ARMS[arm][0], **{name: arms[arm].get(name) for name in kept}}
        for arm in ("full", *_CELLS)
        if arm in arms
    ]


def _robustness(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each degradation: the part of the effect that judge and people still see."""
    observers = {"judge": "robustness", "people": "robustness_people"}
    return [
        {
            "label": label,
            **{
                who: {end: metrics.get(f"{start}_{name}{suffix}") for end, suffix in _ENDS.items()}
                for who, start in observers.items()
            },
        }
        for name, label in DEGRADED.items()
        if f"robustness_{name}" in metrics
    ]

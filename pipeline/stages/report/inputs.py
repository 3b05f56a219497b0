"""What the page is made of, read from the reports and tables; a missing one is None or empty."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.figures.style import ARMS, TESTED, WRONG_CONTROLS, style_of
from pipeline.ground.artefacts import (
    CHANGES,
    CONTROL_LOSSES,
    GATE,
    JUDGED,
    JUDGED_CURVE,
    METRICS,
    REJECTED,
    VARIANT_MANIFEST,
    VIDEO_FIGURES,
    stage_of,
)
from pipeline.ground.damage import read_json, reading
from pipeline.ground.errors import InputError
from pipeline.ground.tables import read_table
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.report.proof import proof_section
from schemas.edits import EDITS_TABLE, VARIANTS_ARM
from schemas.rejected_scenes import REMEDIES
from schemas.scenes import CUTS_TABLE
from schemas.videos import VIDEOS_TABLE

if TYPE_CHECKING:
    import pandas as pd

MAX_REFUSED = 400
"""Refusals on the page; the table on disk has them all."""

_DTYPES = EDITS_TABLE.dtypes | CUTS_TABLE.dtypes | VIDEOS_TABLE.dtypes
_DTYPES |= dict.fromkeys(
    (
        "share", "original_share", "judge_dose", "ssim", "dose", "low", "high", "scenes", "change",
        "true", "shuffled", "zero", "step", "train_loss", "val_loss",
    ),
    "float64",
)  # fmt: skip
_WRONG_CONTROLS = (
    ("another scene's dose", "shuffled", "shuffle"),
    ("nothing asked", "zero", "zero"),
)
"""Label, column of control.csv and figure of each."""


def read_figures(root: Path, name: str) -> dict[str, Any] | None:
    """Return an out that is a file of JSON, None where there is none."""
    return read_json(root / name, stage_of(name)) if (root / name).is_file() else None


def read_rows(root: Path, name: str, *needed: str) -> pd.DataFrame:
    """Return an out that is a table with the needed columns, an empty one where there is none."""
    import pandas as pd

    if not (root / name).is_file():
        return pd.DataFrame()
    with reading(root / name, stage_of(name)):
        table = read_table(root / name, _DTYPES)
        if missing := set(needed) - set(table):
            raise KeyError(min(missing))
        return table


def read_legend(root: Path) -> list[dict[str, Any]]:
    """Return each variant with its colour and meaning; none where none were made."""
    manifest = read_figures(root, VARIANT_MANIFEST) or {"variants": {}}
    with reading(root / VARIANT_MANIFEST, "variant"):
        variants = [
            (name, {"meaning": variant["meaning"], "alpha": variant["alpha"]})
            for name, variant in manifest["variants"].items()
        ]
    return [{"name": name, **style_of(name)._asdict(), **variant} for name, variant in variants]


def read_judged(root: Path) -> pd.DataFrame:
    """Return what the judge saw of each scene and variant."""
    table = read_rows(root, JUDGED, "arm")
    return table if table.empty else table[table["arm"] == VARIANTS_ARM]


def read_rendered(root: Path) -> pd.DataFrame:
    """Return a row per video and arm that was rendered."""
    return read_rows(root, VIDEO_FIGURES, *VIDEOS_TABLE.columns)


def read_proof(root: Path, bound: float) -> dict[str, Any] | None:
    """Return the proof with its curves, None where nothing was evaluated.

    `bound` is `evaluate.equivalence_bound`.
    """
    metrics, gate = read_figures(root, METRICS), read_figures(root, GATE)
    if metrics is None or gate is None:
        return None
    for name in (CONTROL_LOSSES, CHANGES):
        if not (root / name).is_file():
            raise InputError(f"{root / name} is missing. Run `dvc repro evaluate`.")
    return _proof(root, bound, metrics, gate)


def _proof(
    root: Path, bound: float, metrics: dict[str, Any], gate: dict[str, Any]
) -> dict[str, Any]:
    control = read_rows(root, CONTROL_LOSSES, "true", "shuffled", "zero")
    changes = read_rows(root, CHANGES, "test", "change")
    tested = {name: rows for name in TESTED if len(rows := changes[changes["test"] == name])}
    with reading(root / METRICS, "evaluate"):
        section = proof_section(metrics, gate)
        passed = {name: metrics[f"{name}_tost_pass"] for name in tested}
    tests = {
        name: {
            "label": label,
            "colour": colour,
            "changes": tested[name]["change"].round(6).tolist(),
            "mean": metrics.get(f"{name}_mean_change"),
            "interval": metrics.get(f"{name}_mean_change_ci90"),
            "pass": passed[name],
        }
        for name, (label, colour) in TESTED.items()
        if name in tested
    }
    return {
        **section,
        "bound": bound,
        "arms": [[arm, label, *style] for arm, (label, style) in ARMS.items()],
        "curve": json.loads(read_rows(root, JUDGED_CURVE).to_json(orient="records")),
        "tests": tests,
        "increases": {
            label: {
                "colour": colour,
                "values": (control[column] / control["true"] - 1).round(5).tolist(),
                "mean": metrics.get(f"control_{wrong}_loss_increase"),
                "interval": metrics.get(f"control_{wrong}_loss_increase_ci95"),
            }
            for (label, column, wrong), colour in zip(_WRONG_CONTROLS, WRONG_CONTROLS, strict=True)
        },
    }


def read_refused(root: Path) -> dict[str, Any] | None:
    """Return the refusals by reason, None where validate has not run."""
    path = root / REJECTED
    if not path.is_file():
        return None
    refusals = read_rejections(path)
    counts = Counter(one.reason for one in refusals)
    return {
        "total": len(refusals),
        "table": REJECTED,
        "reasons": [
            {
                "reason": reason,
                "remedy": REMEDIES[reason],
                "count": count,
                "shown": [
                    {"video": video_id, "scene": number, "file": file, "found": found}
                    for video_id, number, file, why, found in refusals[:MAX_REFUSED]
                    if why is reason
                ],
            }
            for reason, count in counts.most_common()
        ],
    }

"""What the proof comes to: its figures, the gate's verdict, and the files that hold them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.diffusion.controlnet import weights_digest
from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    CHANGES,
    CONTROL_LOSSES,
    FRAMES,
    GATE,
    HEADLINE,
    JUDGED,
    JUDGED_CURVE,
    JUDGED_PARQUET,
    METRICS,
    PROOF_FIGURES,
    ROBUSTNESS,
    TRANSFER,
)
from pipeline.ground.files import write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.workspace import Workspace
from pipeline.proof.gate import edited_with, proved_on, verdict
from pipeline.proof.params import PROOF_OF, EvaluateParams
from pipeline.stages.evaluate.figures import SCENE
from pipeline.stages.evaluate.robustness import robustness_figures
from pipeline.stages.evaluate.scene_table import chosen_scenes
from pipeline.stages.evaluate.transfer import NATURAL, to_be_seen
from pipeline.tracking.store import commit
from schemas.edits import VARIANTS_ARM

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.proof.statistics import Equivalence

TABLES = (
    JUDGED,
    JUDGED_PARQUET,
    JUDGED_CURVE,
    CONTROL_LOSSES,
    CHANGES,
    TRANSFER,
    ROBUSTNESS,
    FRAMES,
)
"""As `Summary.write` writes them."""
_HEADLINE = ("dose_median_rel_error", "integrity_ssim_median")


class Summary:
    """The figures of a run and the files that hold them."""

    def __init__(
        self,
        workspace: Workspace,
        params: EvaluateParams,
        judged: pd.DataFrame,
        control: list[dict[str, Any]],
        transfer: pd.DataFrame,
        robustness: pd.DataFrame,
        frames: pd.DataFrame,
        rendered: pd.DataFrame,
        left_out: dict[str, str],
        started_s: float,
    ) -> None:
        import pandas as pd

        from pipeline.stages.evaluate.curves import dose_curve, variant_figures
        from pipeline.stages.evaluate.over_time import over_time
        from pipeline.stages.evaluate.proofs import prove
        from pipeline.stages.evaluate.transfer import arm_figures

        sources = chosen_scenes(workspace, params)["heatmap_source"]
        predicted = int((sources == "predicted").sum())
        table = judged[judged["arm"] != NATURAL].drop(columns=["look", "original_look"])
        self.params = params
        self.table = table
        self.transfer = transfer
        self.robustness = robustness
        self.frames = frames
        self.control = pd.DataFrame(control)
        self.figures, self.tests = prove(table, self.control, params, transfer)
        self.figures |= robustness_figures(robustness, params.seed)
        gate, tests = params.gate, self.tests
        if len(rendered):
            figures, of_videos = over_time(frames, rendered, params)
            self.figures, tests = self.figures | figures, tests | of_videos
        else:
            # Of scenes that were not cut from videos there are none to hold to anything.
            gate = {name: bounds for name, bounds in gate.items() if PROOF_OF[name] != "video"}
        self.curve = dose_curve(table, params.seed)
        self.metrics = {
            **self.figures,
            "variants": variant_figures(table, params.seed),
            "arms": arm_figures(transfer, to_be_seen(judged), params.seed),
            "panel_left_out": left_out,
            "n_counterfactual_scenes": _scenes_of(judged[judged["arm"] == NATURAL]),
            "n_predicted_scenes_left_out": predicted,
            "judge": params.judge,
            "commit": commit(workspace),
            "started": _time(started_s),
            "ended": _time(time.time()),
        }
        notes = {f"{name}_tost_pass": test.verdict for name, test in tests.items()}
        self.gate = {
            "model": weights_digest(workspace.path(EditParams.load(workspace).controlnet)),
            **edited_with(workspace, table.loc[table["arm"] == VARIANTS_ARM, "editor"].iloc[0]),
            "proved_on": proved_on(workspace),
            **verdict(self.figures, gate, notes),
        }
        self.words = self.gate["verdict"]

    def write(self, outs: StageOuts) -> list[str]:
        """Write all outs to the staging folder; return their paths."""
        import pandas as pd

        from pipeline.ground.tables import write_table

        staging = outs.staging
        figures = {name: self.figures[name] for name in _HEADLINE}
        change = self.metrics["variants"].get("full_boost", {}).get("mean_change")
        figures |= {"gate_pass": self.gate["pass"], "full_boost": {"mean_change": change}}
        contents = ((METRICS, self.metrics), (HEADLINE, figures), (GATE, self.gate))
        for name, content in contents:
            write_text(staging / name, json.dumps(content, indent=1, allow_nan=False) + "\n")
        changes = pd.DataFrame(self._changes())
        csv, parquet, curve, control, per_video, transfer, robustness, frames = (
            staging / path for path in TABLES
        )
        for path, table in (
            (csv, self.table),
            (curve, pd.DataFrame(self.curve)),
            (control, self.control),
            (per_video, changes),
            (transfer, self.transfer),
            (robustness, self.robustness),
            (frames, self.frames),
        ):
            write_table(path, table)
        self.table.to_parquet(parquet, index=False)
        return [METRICS, HEADLINE, GATE, *TABLES, *self._draw(outs, changes)]

    def _changes(self) -> list[dict[str, Any]]:
        """Return the per-video means behind the equivalence tests."""
        from pipeline.stages.evaluate.proofs import tested_rows, video_changes

        return [
            {"test": name, "video_id": video, "change": change}
            for name, rows in tested_rows(self.table).items()
            for video, change in video_changes(rows).items()
        ]

    def _draw(self, outs: StageOuts, changes: pd.DataFrame) -> list[str]:
        from pipeline.figures.plots import draw_control, draw_dose_curve, draw_equivalence

        names = [f"{PROOF_FIGURES}/{name}.png" for name in ("dose_curve", "equivalence", "control")]
        curve, equivalence, control = (outs.staging / name for name in names)
        draw_dose_curve(curve, self.curve)
        rows = [
            _tested(name, test, changes[changes["test"] == name])
            for name, test in self.tests.items()
        ]
        draw_equivalence(equivalence, rows, self.params.equivalence_bound)
        increases = {
            label: (self.control[column] / self.control["true"] - 1).tolist()
            for label, column in (
                ("another scene's\ndose", "shuffled"),
                ("nothing asked", "zero"),
            )
        }
        draw_control(control, increases)
        return names


def _scenes_of(rows: pd.DataFrame) -> int:
    return len(rows[SCENE].drop_duplicates())


def _tested(name: str, test: Equivalence, changes: pd.DataFrame) -> dict[str, Any]:
    low, high = test.interval or (None, None)
    return {
        "test": name,
        "changes": changes["change"].tolist(),
        "mean": test.mean,
        "low": low,
        "high": high,
        "passed": test.passed,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

"""The gate: the figures against what they must reach, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.ground.artefacts import GATE, SCENES, VARIANT_MANIFEST, VIDEO_FIGURES
from pipeline.ground.damage import read_json, reading
from pipeline.ground.files import digest, file_digest, tree_digest
from pipeline.ground.params import load_image_size, read_params
from pipeline.ground.record import is_of_present_code
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.manifest import recorded_params
from pipeline.heatmaps.params import VariantParams
from pipeline.proof.params import PROOF_OF, Bounds, EvaluateParams

# Stages whose outs the proof is made of.
_PROVING = ("edit", "dose_curve", "render", "evaluate")


def edited_with(workspace: Workspace, editor: str) -> dict[str, Any]:
    """Return what `gate.json` names edits by: their editor's key, and what that leaves out."""
    return {
        "editor": editor,
        "image_size": list(load_image_size(workspace)),
        "maps": VariantParams.load(workspace).map_params(),
    }


def proved_on(workspace: Workspace) -> dict[str, str]:
    """Return digests of what a proof is about: files ("" for none) and sections of params."""
    params = read_params(workspace)
    sections = {
        name: digest(json.dumps(params.get(name))) for name in ("evaluate", "dose_curve", "render")
    }
    files = {
        "scenes": SCENES,
        "variants": VARIANT_MANIFEST,
        "videos": VIDEO_FIGURES,
        "judge": EvaluateParams.load(workspace).judge,
    }
    return {name: _digest(workspace, path) for name, path in files.items()} | sections


def _digest(workspace: Workspace, name: str) -> str:
    path = workspace.path(name)
    if name and path.is_dir():
        return tree_digest(path, filter(Path.is_file, path.iterdir()))
    return file_digest(path) if path.is_file() else ""


def outdated(workspace: Workspace, gate: Mapping[str, Any]) -> list[str]:
    """Return what has changed since `gate.json` was written, in words."""
    words = {
        "scenes": SCENES,
        "variants": "the variants",
        "videos": "the videos",
        "judge": "evaluate.judge",
        "evaluate": "section evaluate of params.yaml",
        "dose_curve": "section dose_curve of params.yaml",
        "render": "section render of params.yaml",
    }
    with reading(workspace.path(GATE), "evaluate"):
        known = dict(gate.get("proved_on", {}))
    changed = [words[name] for name, now in proved_on(workspace).items() if known.get(name) != now]
    changed += [
        f"the code of {stage}" for stage in _PROVING if not is_of_present_code(workspace, stage)
    ]
    manifest = workspace.path(VARIANT_MANIFEST)
    if "the variants" not in changed and manifest.is_file():
        made_with = read_json(manifest, "variant").get("params")
        if made_with != recorded_params(VariantParams.load(workspace)):
            changed.append("section variant of params.yaml")
    return changed


def verdict(
    metrics: Mapping[str, Any], gate: Mapping[str, Bounds], notes: Mapping[str, str]
) -> dict[str, Any]:
    """Return what `gate.json` holds, of figures, what they must reach, and words about them.

    That is `pass`; `verdict`, one sentence; `failed`, the proofs that failed; `checks`, one entry
    per figure with `proof`, `metric`, `value`, `interval`, `must`, `pass` and `words`. A figure
    that has an interval must reach its limits with the whole of it: what another draw of as many
    videos might well have missed is not shown. A figure that could not be had is None, and fails,
    and so does one whose interval could not: of a single video. A figure without a limit is no
    check.
    """
    checks = [
        _check(name, metrics, bounds, notes.get(name, ""))
        for name, bounds in gate.items()
        if bounds.is_limit
    ]
    failures = [check for check in checks if not check["pass"]]
    failed = list(dict.fromkeys(check["proof"] for check in failures))
    if failures:
        words = "; ".join(f"{check['proof']}: {check['words']}" for check in failures)
        sentence = f"FAIL. {len(failures)} of {len(checks)} figures miss: {words}."
    else:
        sentence = f"PASS. All {len(checks)} figures are reached."
    return {"pass": not failures, "verdict": sentence, "failed": failed, "checks": checks}


def _check(name: str, metrics: Mapping[str, Any], bounds: Bounds, note: str) -> dict[str, Any]:
    value, key = metrics.get(name), f"{name}_ci95"
    interval = metrics.get(key)
    unsure = key in metrics and interval is None
    missed = None if unsure else _missed_by(value, interval, bounds)
    shown = _shown(value)
    if interval:
        shown += f" [{interval[0]:.4g}, {interval[1]:.4g}]"
    words = f"{name} {shown}, must be {_must(name, bounds)}"
    if unsure and value is not None:
        words += " (there is no interval: of one video, or of resamples that say nothing)"
    elif missed and not isinstance(value, bool):
        words += f" (misses by {missed:.3g})"
    return {
        "proof": PROOF_OF[name],
        "metric": name,
        "value": value,
        "interval": interval,
        "must": _must(name, bounds),
        "pass": missed == 0,
        "words": f"{words}: {note}" if note else words,
    }


def _missed_by(value: Any, interval: Sequence[float] | None, bounds: Bounds) -> float | None:
    """Return how far the interval reaches beyond the bounds; 0 inside, None without a value."""
    if value is None:
        return None
    low, high = interval or (value, value)
    below = bounds.min - low if bounds.min is not None else 0.0
    above = high - bounds.max if bounds.max is not None else 0.0
    return max(float(below), float(above), 0.0)


def _must(name: str, bounds: Bounds) -> str:
    if name.endswith("_pass"):
        return "yes"
    if bounds.max is None:
        return f"at least {bounds.min:g}"
    if bounds.min is None:
        return f"at most {bounds.max:g}"
    return f"{bounds.min:g} to {bounds.max:g}"


def _shown(value: Any) -> str:
    if value is None:
        return "could not be measured"
    if isinstance(value, bool):
        return "is yes" if value else "is no"
    return f"is {value:.4g}"

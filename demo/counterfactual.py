"""Stage `counterfactual`: what the drawn world shows where a product is more, or less, vivid.

`python -m demo.counterfactual` draws the scenes of the dose curve's videos again, each at its
image's moment, all equal but the product's vividness. That is searched until a simulated viewer
looks at the product as much as the dose asks (`demo/viewers.py`, the kind of map that the judge
has). No edit is in it: it is what nature does to a scene, and so the yardstick of what other
observers, and people, can be expected to see of an edit (docs/method.md).

A scene is known again by its image. One that is not of the corpus, or that no redraw resembles, is
left out: of own data, all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demo.commands import run
from demo.drawing import draw_scene
from demo.make_corpus import (
    FRAMES_PER_S,
    HEIGHT,
    MOST_REDRAWS,
    WIDTH,
    VideoPlan,
    sample_ad_style,
    sample_corpus_scene,
)
from demo.products import PRODUCT_CLASSES
from demo.scenes import SceneSpec
from demo.viewers import attention_map, attention_share
from pipeline.editing.calibration import REACHED
from pipeline.ground.artefacts import (
    COUNTERFACTUAL,
    COUNTERFACTUAL_PICTURES,
    CUTS_CSV,
    SCENES,
)
from pipeline.ground.code import Key, summary_key
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, write_bytes
from pipeline.ground.outs import StageOuts
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.tables import write_table
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import requested_share
from pipeline.heatmaps.params import VariantParams
from pipeline.pictures.reading import ImageRefused, Pixels, encode, read_rgb
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.table import mask_paths, read_scenes
from pipeline.stages.dose_curve.params import DoseCurveParams
from schemas.counterfactual import COUNTERFACTUAL_TABLE

LOG = logging.getLogger(__name__)

STAGE = "counterfactual"
LEAST, MOST = 0.02, 1.0
"""Bounds of vividness: a product cannot be seen with less, and the world knows no more."""
_HALVINGS = 8
# Relative error of the share at which the search ends: an eighth of what counts as reached.
_NEAR = REACHED / 8
# Mean absolute difference, in grey levels, of a drawing and its image in the video: H.264 and JPEG
# make 1 to 2, another drawing of the same ad 20 and more.
_ALIKE = 6.0
_SIZE = (HEIGHT, WIDTH)
_SUMMARY = "summary"
_MAKERS = ("demo.counterfactual",)


class Job(NamedTuple):
    """A scene of the table, and the doses to draw it at. Paths are absolute."""

    item: str
    video_id: str
    number: int
    """From 0, as the corpus counts."""
    product: str
    frames: int
    moment_s: float
    """Of its image, from the scene's start."""
    image: Path
    masks: tuple[Path, ...]
    stem: str
    alphas: tuple[float, ...]
    folder: Path
    """The pictures are written below it."""


class Outcome(NamedTuple):
    """The rows of a scene's table, none where it is not of this corpus; or why it failed."""

    job: Job
    rows: list[dict[str, Any]]
    failure: str = ""


def main(workspace: Workspace) -> None:
    """Draw the counterfactuals; what has been drawn before is not drawn again.

    Raises:
        InputError: a scene's files are missing or unreadable.
    """
    params = DoseCurveParams.load(workspace)
    with StageOuts(workspace, STAGE) as outs:
        planned = list(_jobs(workspace, params, outs.staging / COUNTERFACTUAL))
        plan = {job.item: key for job, key in planned}
        plan[_SUMMARY] = summary_key(plan, _MAKERS)
        todo = outs.begin(plan, dict.fromkeys(plan.keys() - {_SUMMARY}, list[dict[str, Any]]))
        jobs = [job for job, _ in planned if job.item in todo]
        failures = []
        for job, rows, failure in each(redrawn, jobs, ComputeParams.load(workspace), "draw again"):
            if failure:
                failures.append(failure)
            else:
                paths = dict.fromkeys(row[name] for row in rows for name in ("original", "edited"))
                outs.accept(job.item, [f"{COUNTERFACTUAL}/{path}" for path in paths], rows)
        if failures:
            raise InputError(f"{min(failures)}. Run `dvc repro validate`. What was drawn is kept.")
        found = {item: rows for item, rows in outs.results() if item != _SUMMARY}
        if _SUMMARY in todo:
            table = [row for rows in found.values() for row in rows]
            columns = list(COUNTERFACTUAL_TABLE.columns)
            write_table(
                outs.staging / COUNTERFACTUAL_PICTURES, pd.DataFrame(table, columns=columns)
            )
            outs.accept(_SUMMARY, [COUNTERFACTUAL_PICTURES])
    _tell(found)


def _tell(found: dict[str, list[dict[str, Any]]]) -> None:
    rows = [row for own in found.values() for row in own]
    left_out = sum(not own for own in found.values())
    reached = sum(row["reached"] for row in rows)
    LOG.info(
        "counterfactual: %d scenes, %d of them not of the drawn world and left out; vividness "
        "reaches %d of %d doses.",
        len(found),
        left_out,
        reached,
        len(rows),
    )


def _jobs(workspace: Workspace, params: DoseCurveParams, folder: Path) -> Iterator[tuple[Job, Key]]:
    """Yield the scenes of the dose curve's videos with what each one's drawings depend on."""
    keywords = VariantParams.load(workspace).keywords
    scenes = read_scenes(workspace.path(SCENES))
    if params.videos != "all":
        scenes = scenes[scenes["split"] == params.videos]
    # Imported cuts may come without times; the drawn ones have them.
    times = workspace.path(CUTS_CSV)
    known = read_cuts(times) if times.is_file() else []
    cuts = {(cut.video_id, cut.scene_number): cut for cut in known}
    for row in scenes.to_dict("records"):
        cut = cuts.get((row["video_id"], row["scene_number"]))
        seconds = (cut.start_s, cut.image_time_s, cut.end_s) if cut else (None, None, None)
        start_s, moment_s, end_s = (0.0 if time is None else float(time) for time in seconds)
        stem = Path(row["filename"]).stem
        job = Job(
            item=f"scene {stem}",
            video_id=row["video_id"],
            number=int(row["scene_number"]) - 1,
            product=row["keyword"],
            frames=round((end_s - start_s) * FRAMES_PER_S),
            moment_s=moment_s - start_s,
            image=workspace.path(row["scene_image_path"]),
            masks=tuple(workspace.path(path) for path in mask_paths(row, keywords)),
            stem=stem,
            alphas=params.ablation_alphas,
            folder=folder,
        )
        yield job, Key(digest(row["digest"], str((job.item, *job[1:6], job.alphas))), _MAKERS)


def redrawn(job: Job) -> Outcome:
    """Draw one scene at its doses, in a worker process."""
    try:
        return Outcome(job, _redrawn(job))
    except (ImageRefused, FileNotFoundError) as error:
        return Outcome(job, [], str(error))


def _redrawn(job: Job) -> list[dict[str, Any]]:
    known = _recognised(job)
    if known is None:
        return []
    scene, redraw = known
    assert scene.product is not None
    mask = keyword_mask(job.masks, _SIZE)
    vividness = scene.product.vividness
    original = drawn(scene, vividness, job.moment_s)
    share = attention_share(attention_map(original), mask)
    rows = []
    for alpha in job.alphas:
        dose = float(requested_share(share, alpha))
        found, picture, achieved = searched(scene, mask, job.moment_s, share, dose)
        names = {
            "original": f"original/{job.video_id}/{job.stem}.png",
            "edited": f"alpha_{alpha:g}/{job.video_id}/{job.stem}.png",
        }
        for name, pixels in (("original", original), ("edited", picture)):
            write_bytes(job.folder / names[name], encode(pixels, "png"))
        rows.append(
            {
                "video_id": job.video_id,
                "scene_number": job.number + 1,
                "alpha": alpha,
                **names,
                "reached": abs(achieved - dose) <= REACHED * dose,
                "original_vividness": vividness,
                "vividness": found,
                "viewers_share": share,
                "viewers_dose": dose,
                "viewers_achieved": achieved,
                "redraw": redraw,
            }
        )
    return rows


def _recognised(job: Job) -> tuple[SceneSpec, int] | None:
    """Return the drawing that the scene's image shows, and which redraw it is; None of none."""
    if job.product not in PRODUCT_CLASSES or not job.video_id.isdecimal() or not job.masks:
        return None
    image = read_rgb(job.image)
    if image.shape[:2] != _SIZE:
        return None
    frames = (*[0] * job.number, job.frames)
    plan = VideoPlan(job.video_id, job.product, frames)
    style = sample_ad_style(plan.rng(0), plan.product_class)
    for redraw in range(MOST_REDRAWS + 1):
        scene = sample_corpus_scene(plan, style, job.number, redraw)
        assert scene.product is not None
        difference = drawn(scene, scene.product.vividness, job.moment_s).astype(float) - image
        if np.abs(difference).mean() <= _ALIKE:
            return scene, redraw
    return None


def searched(
    scene: SceneSpec, mask: NDArray[np.bool_], moment_s: float, share: float, dose: float
) -> tuple[float, Pixels, float]:
    """Return the vividness at which viewers see the dose, the picture, and the share they see.

    By bisection between the scene's own vividness and the end of vividness in the dose's direction;
    where that falls short, it is the end. The nearest try counts.

    Args:
        scene: as it was drawn; it shows a product.
        mask: H×W, the product.
        moment_s: from the scene's start.
        share: that viewers see of the scene as it was.
        dose: the share that they should see.
    """
    assert scene.product is not None
    rises = dose > share
    near, far = scene.product.vividness, MOST if rises else LEAST
    tries: list[tuple[float, Pixels, float]] = []
    vividness = far
    for _ in range(_HALVINGS + 1):
        picture = drawn(scene, vividness, moment_s)
        seen = attention_share(attention_map(picture), mask)
        tries.append((vividness, picture, seen))
        beyond = seen >= dose if rises else seen <= dose
        if abs(seen - dose) <= _NEAR * dose or (len(tries) == 1 and not beyond):
            break
        near, far = (near, vividness) if beyond else (vividness, far)
        vividness = (near + far) / 2
    return min(tries, key=lambda one: abs(one[2] - dose))


def drawn(scene: SceneSpec, vividness: float, moment_s: float) -> Pixels:
    """Return the scene at a moment, its product this vivid, all else equal."""
    assert scene.product is not None
    changed = replace(scene, product=replace(scene.product, vividness=vividness))
    return np.asarray(draw_scene(changed, moment_s, _SIZE), np.uint8)


def command(arguments: Sequence[str] | None = None) -> int:
    """Run the stage; return the exit status."""
    return run(main, "demo.counterfactual", __doc__, arguments)


if __name__ == "__main__":
    raise SystemExit(command())

"""How fast a video's edited variants are made, against the straightforward way.

The straightforward way: for every variant of every scene, one at a time, load nothing twice but do
everything again: encode and invert the scene, then calibrate and redraw. The stage's way: a scene
is inverted once, what several variants share is made once, and redraws go in batches. Both use the
same models, params and calibration, without a cache from earlier runs, and so make the same edits.

    python benchmarks/edit.py --scenes 3 --rounds 1

needs a repository in which the stages before `edit` have run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from pipeline.editing.cache import TensorCache
from pipeline.editing.editor import SceneEditor
from pipeline.editing.loading import EditModels, load_models, make_editor
from pipeline.editing.params import EditParams
from pipeline.editing.scene_edits import SceneTask, edit_scenes
from pipeline.editing.tasks import chosen_videos, variant_tasks
from pipeline.ground.artefacts import SCENES
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import VariantParams
from pipeline.scenes.table import read_scenes


def main() -> None:
    """Take turns, report the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=9, help="of the first test video")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    workspace = Workspace.find()
    params = EditParams.load(workspace)
    variants = VariantParams.load(workspace)
    image_size = load_image_size(workspace)
    video = chosen_videos(read_scenes(workspace.path(SCENES)), params)[0]
    made, keywords = variants.variants, variants.keywords
    tasks = list(variant_tasks(workspace, video, made, keywords, params))[: options.scenes]
    models = load_models(workspace, params)

    def together(folder: Path) -> None:
        edit_scenes(tasks, _editor(models, params, folder), image_size, folder / "edits")

    def one_by_one(folder: Path) -> None:
        for number, task in enumerate(_single_tasks(tasks)):
            here = folder / str(number)
            edit_scenes([task], _editor(models, params, here), image_size, here / "edits")

    ratios = []
    for number in range(options.rounds):
        seconds = {way.__name__: _seconds(way) for way in (together, one_by_one)}
        ratios.append(seconds["one_by_one"] / seconds["together"])
        sys.stdout.write(
            f"round {number + 1}: {len(tasks)} scenes, {len(variants.variants)} variants: "
            f"together {seconds['together']:.1f} s, one by one {seconds['one_by_one']:.1f} s\n"
        )
    sys.stdout.write(f"median ratio {median(ratios):.1f}\n")


def _editor(models: EditModels, params: EditParams, folder: Path) -> SceneEditor:
    """Return an editor with an empty cache."""
    return make_editor(models, params, TensorCache(folder / "cache", params.cache_gb))


def _single_tasks(tasks: Sequence[SceneTask]) -> list[SceneTask]:
    """Return one task per scene and variant; a placebo brings the twin whose strength it takes.

    A scene that its variant leaves as it is costs an inversion and a redraw all the same: only who
    compares first can know that nothing was asked.
    """
    single = []
    for task in tasks:
        by_name = {wish.name: wish for wish in task.wishes}
        for wish in task.wishes:
            wanted = wish if wish.modified else wish._replace(modified=True)
            twin = (by_name[wish.twin],) if wish.twin else ()
            single.append(task._replace(wishes=(*twin, wanted)))
    return single


def _seconds(way: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        way(Path(folder))
        return time.perf_counter() - start


if __name__ == "__main__":
    main()

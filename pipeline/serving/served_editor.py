"""The editor of single scenes: what the stages `variant` and `edit` do, on files of a request."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, NamedTuple

import torch

from pipeline.editing.loading import load_models, make_editor
from pipeline.editing.params import EditParams
from pipeline.editing.prepare import chunks
from pipeline.editing.scene_edits import SceneTask, Wish, edit_scenes
from pipeline.ground.files import digest, write_bytes
from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import share_of_sums
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import recipes
from pipeline.heatmaps.rendering import MapFiles, render_scene
from pipeline.pictures.reading import read_rgb
from pipeline.pictures.resizing import resize
from pipeline.pictures.tensors import tensor_of
from pipeline.scenes.masks import keyword_mask
from pipeline.serving.edit_requests import EditRequest, as_text
from pipeline.serving.memory_cache import MemoryCache
from schemas.variant_scenes import Planned

ANSWER_FIELDS = {
    "edited_image": "string",
    "requested_share": "double",
    "planned_share": "double",
    "guide_share_before": "double",
    "guide_share_after": "double",
    "reached": "boolean",
    "feasible": "boolean",
}
"""The fields of `EditAnswer` and MLflow's types for them."""

_BOOST, _UNCHANGED = "full_boost", "baseline"


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class EditAnswer(NamedTuple):
    """What became of a request; shares are of attention on the product, in [0, 1].

    Attributes:
        edited_image: a PNG of the image's own size.
        requested_share: what alpha asks of the heatmap.
        planned_share: what the modified heatmap has.
        guide_share_before: what the guide sees in the image; None where it sees no attention.
        guide_share_after: … and in the edited image, as edits are made: at `image_size`.
        reached: whether the guide sees its own dose, within 5 % of the share.
        feasible: whether the modified heatmap has the share, near enough (DESIGN's 10 %).
    """

    edited_image: bytes
    requested_share: float
    planned_share: float
    guide_share_before: float | None
    guide_share_after: float | None
    reached: bool
    feasible: bool


def as_rows(answers: Sequence[EditAnswer]) -> list[dict[str, Any]]:
    """Return answers as JSON carries them."""
    return [one._asdict() | {"edited_image": as_text(one.edited_image)} for one in answers]


class ServedEditor:
    """Edits scenes, one call at a time, however many threads call.

    Args:
        workspace: a data root with models and params, as `pack_editor` writes it; only read.
        cache_gb: for what was made of scenes: one that is asked for again at another alpha need not
            be inverted again.

    Raises:
        InputError: a model is missing or unreadable.
        ParamsError: the params are no params of ours.
    """

    def __init__(self, workspace: Workspace, cache_gb: float = 1.0) -> None:
        params = EditParams.load(workspace)
        self.image_size = load_image_size(workspace)
        self._variants = VariantParams.load(workspace)
        models = load_models(workspace, params)
        self._editor = make_editor(models, params, MemoryCache(cache_gb))
        self._one_at_a_time = Lock()
        self._stopped: Callable[[], bool] = lambda: False
        backbone = models.backbone
        for part in (backbone.unet, backbone.vae.encoder, backbone.vae.decoder):
            part.register_forward_pre_hook(self._go_on)

    def edit(
        self, requests: Sequence[EditRequest], stopped: Callable[[], bool] = lambda: False
    ) -> list[EditAnswer]:
        """Edit scenes; a batch of them at once.

        Args:
            requests: any number.
            stopped: is asked before each step of a model whether nobody waits any more.

        Raises:
            Stopped: so it was.
        """
        answers: list[EditAnswer] = []
        size = self._editor.params.batch_size
        with self._one_at_a_time:
            self._stopped = stopped
            for batch in chunks(requests, size):
                self._go_on()
                try:
                    with TemporaryDirectory(prefix="gazeshift-edit-") as folder:
                        answers += self._edit(batch, Path(folder))
                finally:
                    self._editor.cache.prune()
        return answers

    def _go_on(self, *_: object) -> None:
        if self._stopped():
            raise Stopped

    def _edit(self, requests: Sequence[EditRequest], folder: Path) -> list[EditAnswer]:
        tasks, doses = [], []
        for number, request in enumerate(requests):
            task, dose = self._planned(request, folder / f"request_{number}", number)
            tasks.append(task)
            doses.append(dose)
        records = edit_scenes(tasks, self._editor, self.image_size, folder)
        answers = []
        for task, dose, (record,) in zip(tasks, doses, records, strict=True):
            share = None if dose.modified else self._guide_share(task)
            answers.append(
                EditAnswer(
                    (folder / _BOOST / task.video_id / f"{task.stem}.png").read_bytes(),
                    dose.requested_share,
                    dose.planned_share,
                    record.get("guide_share", share),
                    record.get("guide_achieved", share),
                    record.get("reached", dose.alpha == 1),
                    dose.feasible,
                )
            )
        return answers

    def _planned(
        self, request: EditRequest, folder: Path, number: int
    ) -> tuple[SceneTask, Planned]:
        """Write a request's files and its modified heatmap: it is a video of one scene."""
        files = {name: folder / name for name in ("image", "mask", "heatmap")}
        for name, path in files.items():
            write_bytes(path, getattr(request, name))
        asked = {"alpha": request.alpha, "target_share": None}
        variants = self._variants.model_copy(update=asked)
        targets = {name: folder / f"{name}.{variants.format}" for name in (_BOOST, _UNCHANGED)}
        scene = MapFiles("request", number, files["heatmap"], (files["mask"],))
        plan = recipes(variants, 1)
        dose = render_scene(scene, 0, plan, targets, variants, self.image_size)[_BOOST]
        redrawn = self._editor.params.region
        wish = Wish(_BOOST, targets[_BOOST], "keyword", redrawn, request.alpha, dose.modified)
        task = SceneTask(
            video_id="request",
            scene_number=number,
            stem=f"request_{number}",
            image=files["image"],
            masks=(files["mask"],),
            heatmap=targets[_UNCHANGED],
            keyword=request.keyword,
            digest=digest(request.image, request.mask),
            wishes=(wish,),
        )
        return task, dose

    @torch.no_grad()
    def _guide_share(self, task: SceneTask) -> float | None:
        """Return the share that the guide sees in a scene which is not edited."""
        image = resize(read_rgb(task.image), self.image_size)
        mask = torch.from_numpy(keyword_mask(task.masks, self.image_size))
        device = next(self._editor.denoiser.backbone.unet.parameters()).device
        attention = self._editor.guide.maps(tensor_of(image[None]).to(device))[0].double().cpu()
        share = float(share_of_sums(attention[mask].sum(), attention.sum()))
        return None if math.isnan(share) else share

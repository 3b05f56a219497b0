"""Stage `encode`: scenes and keywords through the frozen models, once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field
from tqdm import tqdm

from pipeline.ground.artefacts import ENCODED, SCENES
from pipeline.ground.files import digest, file_digest, write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import ModelParams, Section, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.scenes.split import TRAIN

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.diffusion.backbone import Backbone
    from pipeline.scenes.corpus import Corpus
    from pipeline.scenes.pixels import ScenePixels

LOG = logging.getLogger(__name__)

CODE_VERSION = "3"
_SUMMARY = "summary"


class EncodeParams(Section):
    """How the frozen models are called."""

    name: ClassVar[str] = "encode"

    batch_size: Annotated[int, Field(ge=1, le=1024)] = 16
    """Scenes of one video that the autoencoder takes at once."""
    flip: bool = False
    """Encode the train split's scenes a second time, flipped left to right: twice as many to train
    on. For data sets of hundreds of scenes; without `train.use_encoded` it has no effect."""


def main(workspace: Workspace) -> None:
    """Encode every valid scene and every distinct keyword that is not encoded yet.

    Raises:
        InputError: the backbone, the scene table or a scene's file is missing or unreadable.
    """
    import torch

    from pipeline.diffusion.backbone import load_backbone
    from pipeline.learning.shards import NO_KEYWORD, text_buckets
    from pipeline.scenes.corpus import Corpus
    from pipeline.scenes.table import read_validated_scenes

    params = EncodeParams.load(workspace)
    size = load_image_size(workspace)
    scenes = read_validated_scenes(workspace.path(SCENES))
    corpus = Corpus(scenes)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = load_backbone(ModelParams.load(workspace).backbone, workspace.root, device=device)
    backbone.check_size(size)
    made_with = digest(backbone.digest, str(size), str(params.batch_size), CODE_VERSION)
    buckets = text_buckets([NO_KEYWORD, *scenes["keyword"].unique()])
    splits = scenes.groupby("video_id")["split"].first()
    flipped = {video for video in corpus.videos if params.flip and splits[video] == TRAIN}
    plan = {
        f"video {video}": digest(made_with, str(video in flipped), *corpus.rows(video)["digest"])
        for video in corpus.videos
    }
    plan |= {f"texts {name}": digest(made_with, *texts) for name, texts in buckets.items()}
    plan[_SUMMARY] = digest(file_digest(workspace.path(SCENES)), *plan.values())
    with StageOuts(workspace, "encode") as outs, torch.inference_mode():
        todo = outs.begin(plan)
        for name in [name for name in buckets if f"texts {name}" in todo]:
            _accept_texts(outs, name, buckets[name], backbone)
        videos = [video for video in corpus.videos if f"video {video}" in todo]
        for video, pixels in _decoded(corpus, videos, workspace, size):
            _accept_video(outs, video, pixels, backbone, params.batch_size, video in flipped)
        if _SUMMARY in todo:
            _accept_summary(outs, scenes, backbone.digest, size, params.flip)
    LOG.info("encode: %d videos, %d of them in this run.", len(corpus.videos), len(videos))


def _decoded(
    corpus: Corpus, videos: Sequence[str], workspace: Workspace, size: tuple[int, int]
) -> Iterator[tuple[str, list[ScenePixels]]]:
    """Yield each video's scenes; the next video's are read meanwhile."""
    from pipeline.scenes.pixels import read_scene

    total = sum(len(corpus.rows(video)) for video in videos)
    with (
        ThreadPoolExecutor() as pool,
        tqdm(total=total, desc="encode", unit=" scene", disable=not videos) as progress,
    ):

        def begin(video: str) -> list[Future[ScenePixels]]:
            rows = corpus.rows(video).to_dict("records")
            return [pool.submit(read_scene, row, workspace.root, size) for row in rows]

        upcoming = begin(videos[0]) if videos else []
        for video, following in zip_longest(videos, videos[1:]):
            current, upcoming = upcoming, begin(following) if following else []
            yield video, [future.result() for future in current]
            progress.update(len(current))


def _accept_video(
    outs: StageOuts,
    video: str,
    scenes: Sequence[ScenePixels],
    backbone: Backbone,
    batch_size: int,
    flip: bool,
) -> None:
    import numpy as np
    import torch

    from pipeline.learning.shards import as_half, shard_name, write_shard

    pixels = torch.from_numpy(np.stack([scene.image for scene in scenes]))
    images = pixels.movedim(-1, 1).to(backbone.vae.device).float() / 127.5 - 1

    def encoded(images: torch.Tensor) -> torch.Tensor:
        batches = [backbone.encode_images(batch) for batch in images.split(batch_size)]
        return as_half(torch.cat(batches))

    controls = np.stack([np.stack([scene.mask, scene.heatmap]) for scene in scenes])
    path = f"{ENCODED}/{shard_name(video)}"
    # An autoencoder's latents of a flipped picture are not its flipped latents.
    flipped = encoded(images.flip(-1)) if flip else None
    write_shard(outs.staging / path, encoded(images), torch.from_numpy(controls), flipped)
    outs.accept(f"video {video}", [path], file_digest(outs.staging / path))


def _accept_texts(outs: StageOuts, name: str, texts: Sequence[str], backbone: Backbone) -> None:
    from pipeline.learning.shards import as_half, texts_name, write_texts

    # One by one: an embedding must not depend, not even in its rounding, on the texts beside it.
    embeddings = {text: as_half(backbone.encode_texts([text])[0]) for text in texts}
    path = f"{ENCODED}/{texts_name(name)}"
    write_texts(outs.staging / path, embeddings)
    outs.accept(f"texts {name}", [path], file_digest(outs.staging / path))


def _accept_summary(
    outs: StageOuts, scenes: pd.DataFrame, backbone: str, size: tuple[int, int], flip: bool
) -> None:
    """Write the index and the manifest, which has the hash of every other file."""
    from pipeline.ground.tables import write_table
    from pipeline.learning.shards import (
        FORMAT,
        INDEX,
        MANIFEST,
        shard_name,
        texts_name,
    )

    index = scenes[["video_id", "scene_number", "keyword", "split"]].copy()
    index["row"] = index.groupby("video_id").cumcount()
    staged = outs.staging / ENCODED
    write_table(staged / INDEX, index)
    named = {"video": shard_name, "texts": texts_name}
    items = ([*item.split(" ", 1), result] for item, result in outs.results() if item != _SUMMARY)
    files = {named[kind](name): result for kind, name, result in items}
    manifest = {
        "format": FORMAT,
        "backbone": backbone,
        "image_size": list(size),
        "flipped": flip,
        "files": {**files, INDEX: file_digest(staged / INDEX)},
    }
    write_text(staged / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    outs.accept(_SUMMARY, [f"{ENCODED}/{INDEX}", f"{ENCODED}/{MANIFEST}"])

"""Stage `encode`: scenes and keywords through the frozen models, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import zip_longest
from typing import TYPE_CHECKING

from tqdm import tqdm

from pipeline.ground.artefacts import ENCODED, SCENES
from pipeline.ground.code import Key, summary_key
from pipeline.ground.files import digest, file_digest
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import ModelParams, load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.scenes.split import TRAIN
from pipeline.stages.encode.params import EncodeParams

if TYPE_CHECKING:
    from pipeline.scenes.corpus import Corpus
    from pipeline.scenes.pixels import ScenePixels

LOG = logging.getLogger(__name__)

_SUMMARY = "summary"


def main(workspace: Workspace) -> None:
    """Encode every valid scene and every distinct keyword that is not encoded yet.

    Raises:
        InputError: the backbone, the scene table or a scene's file is missing or unreadable.
    """
    import torch

    from pipeline.diffusion import backbone as diffusion
    from pipeline.learning.shards import NO_KEYWORD, shard_name, text_buckets, texts_name
    from pipeline.scenes import pixels
    from pipeline.scenes.corpus import Corpus
    from pipeline.scenes.table import read_scenes
    from pipeline.stages.encode import encoding

    params = EncodeParams.load(workspace)
    size = load_image_size(workspace)
    scenes = read_scenes(workspace.path(SCENES))
    corpus = Corpus(scenes)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = diffusion.load_backbone(
        ModelParams.load(workspace).backbone, workspace.root, device=device
    )
    backbone.check_size(size)
    made_with = digest(backbone.digest, str(size), str(params.batch_size))
    makers = (encoding.__name__, pixels.__name__, diffusion.__name__)
    buckets = text_buckets([NO_KEYWORD, *scenes["keyword"].unique()])
    splits = scenes.groupby("video_id")["split"].first()
    flipped = {video for video in corpus.videos if params.flip and splits[video] == TRAIN}
    shards = {shard_name(video): video for video in corpus.videos}
    texts = {texts_name(bucket): words for bucket, words in buckets.items()}
    inputs = {
        name: (str(video in flipped), *corpus.rows(video)["digest"])
        for name, video in shards.items()
    } | texts
    plan = {name: Key(digest(made_with, *parts), makers) for name, parts in inputs.items()}
    table = file_digest(workspace.path(SCENES))
    plan[_SUMMARY] = summary_key(plan, makers, table)
    with (
        StageOuts(workspace, "encode") as outs,
        encoding.Encoder(backbone, params.batch_size) as encoder,
    ):
        todo = outs.begin(plan, dict.fromkeys(inputs, str))
        folder = outs.staging / ENCODED
        for name in [name for name in texts if name in todo]:
            encoder.write_texts(folder / name, texts[name])
            _accept(outs, name)
        todo_videos = [video for name, video in shards.items() if name in todo]
        for video, decoded in _decoded(corpus, todo_videos, workspace, size):
            shard = shard_name(video)
            encoder.write_video(folder / shard, decoded, video in flipped)
            _accept(outs, shard)
        if _SUMMARY in todo:
            files = {name: str(hashed) for name, hashed in outs.results() if name != _SUMMARY}
            written = encoding.write_index(
                folder, scenes, files, backbone.digest, size, params.flip
            )
            outs.accept(_SUMMARY, [f"{ENCODED}/{path.name}" for path in written])
    LOG.info("encode: %d videos, %d of them in this run.", len(corpus.videos), len(todo_videos))


def _accept(outs: StageOuts, name: str) -> None:
    path = f"{ENCODED}/{name}"
    outs.accept(name, [path], file_digest(outs.staging / path))


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

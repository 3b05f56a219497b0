import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scene_trees import SCENES, write_scene_tree
from stage_runs import outs_of, run_and_kill, written_at

from pipeline.diffusion.backbone import load_backbone
from pipeline.ground import artefacts
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.learning import encoded as reader
from pipeline.learning.encoded import EncodedScenes
from pipeline.learning.shards import text_place
from pipeline.pictures.reading import read_heatmap, read_mask
from pipeline.scenes.pixels import read_scene
from pipeline.scenes.split import TEST, TRAIN, VAL
from pipeline.scenes.table import read_scenes
from pipeline.stages.encode import stage as encode

SIZE = (48, 32)
LARGE = (176, 96)
VIDEOS = {"7000000000000000001": 3, "7000000000000000002": 2}


def write_params(root: Path, size: tuple[int, int] = SIZE, batch_size: int = 2) -> None:
    (root / "params.yaml").write_text(
        f"image_size: {list(size)}\nmodel: {{backbone: models/tiny}}\n"
        f"encode: {{batch_size: {batch_size}}}\n"
    )


@pytest.fixture
def workspace(workspace: Workspace, tiny_backbone: Path) -> Workspace:
    write_inputs(workspace.root, tiny_backbone)
    return workspace


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Workspace:
    """What is encoded once, for those who only read it."""
    workspace = Workspace(tmp_path_factory.mktemp("encoded"))
    write_inputs(workspace.root, tiny_backbone)
    encode.main(workspace)
    return workspace


def write_inputs(root: Path, backbone: Path) -> None:
    write_scene_tree(root, VIDEOS)
    shutil.copytree(backbone, root / "models/tiny")
    write_params(root)


def scenes_of(workspace: Workspace) -> EncodedScenes:
    return EncodedScenes(workspace.path(artefacts.ENCODED))


def run(workspace: Workspace) -> EncodedScenes:
    encode.main(workspace)
    return scenes_of(workspace)


def shards(workspace: Workspace) -> dict[str, int]:
    """When each shard was written."""
    return written_at(workspace.path(artefacts.ENCODED), "safetensors")


def latents_of(workspace: Workspace, row: int, step: int = 1) -> torch.Tensor:
    """What the autoencoder makes of a scene's image, its columns taken by `step`."""
    scene = read_scenes(workspace.path(SCENES)).to_dict("records")[row]
    pixels = read_scene(scene, workspace.root, SIZE).image[:, ::step].copy()
    images = torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 127.5 - 1
    with torch.no_grad():
        return load_backbone("models/tiny", workspace.root).encode_images(images)[0]


def test_a_sample_is_what_the_frozen_models_make_of_the_files(encoded: Workspace) -> None:
    scenes = scenes_of(encoded)
    assert len(scenes) == 5
    sample = scenes[1]
    row = scenes.table.iloc[1]
    assert (sample["video_id"], sample["scene_number"]) == (row["video_id"], 2)
    stem = f"{row['video_id']}/{row['video_id']}-Scene-002-01"
    mask = read_mask(encoded.path(f"keyword_masks/{stem}.png"), SIZE)
    heatmap = read_heatmap(encoded.path(f"attention_heatmap/{stem}.jpg"), SIZE)
    np.testing.assert_allclose(sample["control"].numpy(), np.stack([mask, heatmap]), atol=1e-6)
    with torch.no_grad():
        text = load_backbone("models/tiny", encoded.root).encode_texts([sample["keyword"]])[0]
    torch.testing.assert_close(sample["text"], text, atol=2e-3, rtol=2e-3)
    latents = latents_of(encoded, 1)
    torch.testing.assert_close(sample["latents"], latents, atol=2e-3, rtol=2e-3)
    assert sample["latents"].shape == (4, 24, 16)
    assert sample["latents"].dtype == torch.float32
    assert scenes.unconditional_text.shape == text.shape
    assert not torch.equal(scenes.unconditional_text, sample["text"])


def test_splits_are_the_tables(encoded: Workspace) -> None:
    folder = encoded.path(artefacts.ENCODED)
    sizes = [len(EncodedScenes(folder, split)) for split in ("train", "val", "test")]
    assert sum(sizes) == 5
    for split in ("train", "val", "test"):
        assert set(EncodedScenes(folder, split).table["split"]) <= {split}


def test_the_training_scenes_are_there_flipped_too_where_asked_for(workspace: Workspace) -> None:
    write_scene_tree(workspace.root, {f"700000000000000000{n}": 2 for n in (1, 4, 6)})
    plain = run(workspace)
    params = workspace.path("params.yaml")
    params.write_text(params.read_text().replace("batch_size: 2", "batch_size: 2, flip: true"))
    train = plain.table[plain.table["split"] == TRAIN].index.tolist()
    first = plain[train[0]]
    assert len(train) == 2
    assert len(run(workspace)) == 6
    folder = workspace.path(artefacts.ENCODED)
    assert len(EncodedScenes(folder, TRAIN)) == len(train)
    for part in (VAL, TEST):
        alone = EncodedScenes(folder, part)
        assert len(EncodedScenes(folder, part, flipped=True)) == len(alone)
    both = EncodedScenes(folder, TRAIN, flipped=True)
    samples = list(both)
    assert len(samples) == len(both) == 2 * len(train)
    as_it_is, turned = samples[0], samples[len(train)]
    torch.testing.assert_close(as_it_is["latents"], first["latents"])
    assert torch.equal(turned["control"], as_it_is["control"].flip(-1))
    assert turned["scene_number"] == as_it_is["scene_number"]
    latents = latents_of(workspace, train[0], step=-1)
    torch.testing.assert_close(turned["latents"], latents, atol=2e-3, rtol=2e-3)


def test_nothing_changed_encodes_nothing_and_a_new_video_only_itself(workspace: Workspace) -> None:
    run(workspace)
    before = shards(workspace)
    run(workspace)
    assert shards(workspace) == before
    write_scene_tree(workspace.root, {**VIDEOS, "7000000000000000003": 2})
    assert len(run(workspace)) == 7
    after = shards(workspace)
    assert set(after) - set(before) == {"7000000000000000003.safetensors"}
    assert {name: after[name] for name in before} == before


def test_another_size_or_backbone_encodes_anew(workspace: Workspace) -> None:
    first = run(workspace)
    first_latents = first[0]["latents"]
    write_params(workspace.root, (32, 32))
    assert run(workspace)[0]["control"].shape == (2, 32, 32)
    config = workspace.path("models/tiny/vae/config.json")
    config.write_text(config.read_text().replace('"scaling_factor": 0.5', '"scaling_factor": 1.0'))
    write_params(workspace.root)
    second = run(workspace)
    assert second.backbone != first.manifest["backbone"]
    torch.testing.assert_close(second[0]["latents"], 2 * first_latents, atol=4e-3, rtol=4e-3)


def test_a_removed_video_is_gone(workspace: Workspace) -> None:
    run(workspace)
    write_scene_tree(workspace.root, {"7000000000000000002": 2})
    assert len(run(workspace)) == 2
    assert "7000000000000000001.safetensors" not in shards(workspace)


@pytest.mark.parametrize(
    "name", ["scenes/7000000000000000001.safetensors", text_place("sneaker")[0], "index.csv"]
)
def test_a_damaged_file_is_noticed_and_made_again(workspace: Workspace, name: str) -> None:
    run(workspace)
    good = outs_of(workspace, "encode")
    path = workspace.path(f"{artefacts.ENCODED}/{name}")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="not what was written"):
        scenes_of(workspace)[0]
    path.unlink()
    run(workspace)
    assert outs_of(workspace, "encode") == good


def test_a_text_is_read_when_it_is_asked_for(encoded: Workspace, monkeypatch) -> None:
    opened = []

    def noted(path: Path, framework: str) -> Any:
        opened.append(path)
        return safe_open(path, framework)

    monkeypatch.setattr(reader, "safe_open", noted)
    scenes = scenes_of(encoded)
    assert opened == []
    text = scenes.text("sneaker")
    assert text.dtype == torch.float32
    assert torch.equal(text, scenes.text("sneaker"))
    assert opened == [scenes.folder / text_place("sneaker")[0]]


def test_few_files_stay_open_and_none_in_a_pickled_copy(encoded: Workspace, monkeypatch) -> None:
    monkeypatch.setattr(reader, "_OPEN_FILES", 2)
    scenes = scenes_of(encoded)
    samples = list(scenes)
    opened = list(scenes._open)
    assert len(opened) == 2
    copy = pickle.loads(pickle.dumps(scenes))
    assert not copy._open
    for sample, again in zip(samples, copy, strict=True):
        assert torch.equal(sample["text"], again["text"])
        assert torch.equal(sample["latents"], again["latents"])


def test_a_missing_scene_is_named(workspace: Workspace) -> None:
    workspace.path(read_scenes(workspace.path(SCENES))["scene_image_path"][0]).unlink()
    with pytest.raises(InputError, match=r"Scene-001-01.*dvc repro validate"):
        encode.main(workspace)


def test_the_number_of_threads_and_the_batch_change_no_bit(workspace: Workspace) -> None:
    write_scene_tree(workspace.root, VIDEOS, LARGE, LARGE)
    before = torch.get_num_threads()
    written = []
    try:
        for threads, batch_size in ((1, 16), (3, 16), (5, 1)):
            torch.set_num_threads(threads)
            shutil.rmtree(workspace.path(artefacts.ENCODED), ignore_errors=True)
            write_params(workspace.root, LARGE, batch_size)
            encode.main(workspace)
            written.append(outs_of(workspace, "encode"))
    finally:
        torch.set_num_threads(before)
    assert written[0] == written[1] == written[2]


def test_killed_in_the_middle_it_goes_on_to_the_same_files(
    workspace: Workspace, tmp_path: Path, tiny_backbone: Path
) -> None:
    videos = {f"70000000000000000{n:02}": 2 for n in range(40)}
    write_scene_tree(workspace.root, videos)
    made = workspace.path(f"{artefacts.ENCODED}/scenes")
    run_and_kill("encode", workspace.root, lambda: len([*made.glob("*.safetensors")]) >= 3)
    kept = shards(workspace)
    assert 3 <= len([name for name in kept if name.startswith("7")]) < 40
    assert len(run(workspace)) == 80
    assert {name: shards(workspace)[name] for name in kept} == kept
    fresh = Workspace(tmp_path / "fresh")
    write_inputs(fresh.root, tiny_backbone)
    write_scene_tree(fresh.root, videos)
    run(fresh)
    assert outs_of(fresh, "encode") == outs_of(workspace, "encode")

from pathlib import Path

import numpy as np
import pytest
import torch
from scene_trees import write_scene_tree
from tiny_backbone import save_tiny_backbone

from pipeline.attention.models import load_attention_model
from pipeline.diffusion.backbone import Backbone, load_backbone
from pipeline.editing.cache import TensorCache
from pipeline.learning.ladders import (
    KINDS,
    LadderMaker,
    LadderScene,
    ladder_scene,
    read_ladders,
)

SIZE = (48, 32)
FACTORS = (0.5, 1.0, 2.0)
PRODUCT, BACKGROUND, HALVES = range(len(KINDS))


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    folder = tmp_path_factory.mktemp("root")
    save_tiny_backbone(folder / "tiny")
    return load_backbone("tiny", folder)


def a_scene() -> LadderScene:
    random = np.random.default_rng(0)
    image = random.integers(90, 110, (*SIZE, 3), np.uint8)
    mask = np.zeros(SIZE, bool)
    mask[18:30, 10:22] = True
    image[mask] = 150
    image[4:8, 4:8] = 170
    return LadderScene(image, mask, np.full(SIZE, 0.3, np.float32), "mug", 1)


@pytest.fixture(scope="module")
def made(backbone: Backbone) -> dict[str, torch.Tensor]:
    guide = load_attention_model("centre_surround", Path())
    return LadderMaker(backbone, guide, FACTORS, 2.0, SIZE)(a_scene())


def test_more_contrast_of_the_product_draws_more_attention_to_it(made) -> None:
    less, same, more = made["shifts"][PRODUCT].tolist()
    assert less < -0.2 < same == 0 < 0.2 < more


def test_less_contrast_of_the_background_does_so_too(made) -> None:
    less, same, more = made["shifts"][BACKGROUND].tolist()
    assert less < same == 0 < more
    # The last rung's background is the dull one.
    dull = made["latents"][BACKGROUND, -1].float()
    vivid = made["latents"][BACKGROUND, 0].float()
    outside = made["weights"][BACKGROUND, 0] == 1
    assert dull[:, outside].std() < vivid[:, outside].std()


def test_all_ladders_hold_the_scene_itself(made) -> None:
    product, background, halves = made["latents"][:, FACTORS.index(1)]
    assert torch.equal(product, background)
    assert torch.equal(product, halves)


def test_a_ladder_says_where_attention_moves_and_where_the_picture_may_change(made) -> None:
    mask = torch.from_numpy(a_scene().mask)
    assert torch.equal(made["moves"][PRODUCT], mask.float())
    background = made["moves"][BACKGROUND]
    assert (background[mask] == 0).all()
    assert background[0, 0] == -1
    halves = made["moves"][HALVES]
    assert (halves[mask] == 0).all()
    assert set(halves[0].unique().tolist() + halves[-1].unique().tolist()) <= {-0.5, 0.5}
    assert made["weights"].shape == (3, 1, 24, 16)
    assert made["weights"][PRODUCT, 0, 12, 8] == 1
    assert made["weights"][PRODUCT, 0, 0, 0] == 0


def test_they_are_made_once_and_kept_by_all_that_they_depend_on(backbone, tmp_path: Path) -> None:
    table = write_scene_tree(tmp_path, {"7000000000000000001": 2})
    rows = table.to_dict("records")
    guide = load_attention_model("centre_surround", Path())
    cache = TensorCache(tmp_path / "cache", 1)
    maker = LadderMaker(backbone, guide, FACTORS, 2.0, SIZE)
    made = read_ladders(rows, maker, tmp_path, 0, cache)
    kept = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert len(made) == len(kept) == 2
    again = read_ladders(rows, maker, tmp_path, 0, cache)
    assert all(torch.equal(made[1][name], values) for name, values in again[1].items())
    assert sorted((tmp_path / "cache").rglob("*.safetensors")) == kept
    read_ladders(rows, LadderMaker(backbone, guide, (0.5, 1.0), 2.0, SIZE), tmp_path, 0, cache)
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 4


def test_a_scenes_halves_depend_on_its_name_and_the_seed(tmp_path: Path) -> None:
    table = write_scene_tree(tmp_path, {"7000000000000000001": 2})
    rows = table.to_dict("records")
    seeds = [ladder_scene(row, tmp_path, SIZE, seed).seed for row in rows for seed in (0, 1)]
    assert len(set(seeds)) == 4
    scene = ladder_scene(rows[0], tmp_path, SIZE, 0)
    assert scene.image.shape == (*SIZE, 3)
    assert 0 < scene.mask.mean() < 1

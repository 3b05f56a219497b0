import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from scene_trees import SCENES, write_scene_tree

from pipeline import VideoSceneDataModuleV3, VideoSceneDatasetV3
from pipeline.ground.errors import InputError
from pipeline.learning.datamodule import choose_parts
from pipeline.pictures.reading import read_heatmap, read_mask
from schemas.valid_scenes import FIRST_COLUMNS

SIZE = (48, 32)
VIDEOS = [f"70000000000000000{n:02}" for n in range(10)]
UNSPLIT = dict.fromkeys(VIDEOS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scene_tree(folder, dict.fromkeys(VIDEOS, 2))
    return folder


def scenes(root: Path, **options) -> VideoSceneDatasetV3:
    return VideoSceneDatasetV3(root / SCENES, image_size=SIZE, root=root, **options)


def splits(train: int, val: int, test: int) -> dict[str, str]:
    return dict(zip(VIDEOS, ["train"] * train + ["val"] * val + ["test"] * test, strict=True))


def test_a_sample_is_the_files_content(root: Path) -> None:
    sample = scenes(root, normalize_heatmap=False)[1]
    stem = f"{VIDEOS[0]}/{VIDEOS[0]}-Scene-002-01"
    mask = read_mask(root / f"keyword_masks/{stem}.png", SIZE)
    heatmap = read_heatmap(root / f"attention_heatmap/{stem}.jpg", SIZE)
    np.testing.assert_allclose(sample["control"], np.stack([mask, heatmap]), atol=1e-6)
    assert torch.equal(sample["control"], sample["control_tensor"])
    assert torch.equal(sample["background_mask"], 1 - sample["keyword_mask"])
    assert torch.equal(sample["attention_heatmap"], sample["control"][1:])
    assert sample["image"].shape == (3, *SIZE)
    assert -1 <= sample["image"].min() < sample["image"].max() <= 1
    assert sample["alignment_score"] == pytest.approx((mask * heatmap).mean(), abs=1e-6)
    assert (sample["keyword"], sample["keyword_text"]) == ("sneaker", "sneaker")
    assert (sample["video_id"], sample["scene_number"]) == (VIDEOS[0], 2)


def test_a_normalised_heatmap_spans_0_to_1(root: Path) -> None:
    heatmap = scenes(root)[0]["attention_heatmap"]
    assert (heatmap.min(), heatmap.max()) == (0, 1)


def test_seven_columns_and_absolute_paths_will_do(root: Path, tmp_path: Path) -> None:
    table = pd.read_csv(root / SCENES, dtype=str)[list(FIRST_COLUMNS)]
    for column in [name for name in FIRST_COLUMNS if name.endswith("_path")]:
        table[column] = str(root) + "/" + table[column]
    table.to_csv(tmp_path / "own.csv", index=False)
    own = VideoSceneDatasetV3(tmp_path / "own.csv", image_size=SIZE)
    assert torch.equal(own[3]["image"], scenes(root)[3]["image"])


def test_videos_and_transform(root: Path) -> None:
    part = scenes(root, video_ids=VIDEOS[2:4], transform=lambda sample: sample["video_id"])
    assert [part[n] for n in range(len(part))] == [VIDEOS[2]] * 2 + [VIDEOS[3]] * 2


def test_scripts_of_v3_run(root: Path) -> None:
    ids = [int(video_id) for video_id in VIDEOS]
    assert len(scenes(root, video_ids=np.array(ids[:3]))) == 6
    assert list(scenes(root, video_ids=ids[:1]).scenes_df["video_id"].unique()) == VIDEOS[:1]
    module = VideoSceneDataModuleV3(
        root / SCENES, ids[:2], ids[2:3], image_size=SIZE, num_workers=0, root=root
    )
    assert (len(module.train_dataset), len(module.val_dataset)) == (4, 2)
    batch = next(iter(module.train_dataloader()))
    assert batch["control_tensor"].shape == (4, 2, *SIZE)


@pytest.mark.parametrize(
    ("video_ids", "says"),
    [
        (["7"], "no scenes of 1 of 1 videos, such as '7'"),
        ([7.1e18], "a float has lost the last of 19 digits".replace("a float", "A float")),
        (VIDEOS[0], "must be a list"),
    ],
    ids=["unknown", "float", "text"],
)
def test_ids_that_name_no_video_are_an_error(root: Path, video_ids, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scenes(root, video_ids=video_ids)


def test_ids_that_the_table_lacks_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(scenes(root, video_ids=[VIDEOS[0], "7"])) == 2
    assert "no scenes of 1 of 2 videos, such as '7'" in caplog.text


def test_headers_may_have_blanks_around_them(root: Path, tmp_path: Path) -> None:
    header, rows = (root / SCENES).read_text().split("\n", 1)
    (tmp_path / "own.csv").write_text(header.replace(",", " , ") + "\n" + rows)
    own = VideoSceneDatasetV3(tmp_path / "own.csv", image_size=SIZE, root=root)
    assert own.table.equals(scenes(root).table)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_scene_tree(tmp_path, {VIDEOS[0]: 1})
    mask = f"keyword_masks/{VIDEOS[0]}/{VIDEOS[0]}-Scene-001-01.png"
    (tmp_path / mask).unlink()
    with pytest.raises(InputError, match=r"Scene-001-01\.png.*dvc repro validate"):
        scenes(tmp_path)[0]


def test_the_column_split_decides_and_test_videos_are_left_out() -> None:
    assert choose_parts(splits(5, 2, 3), None, None, 0.8, 0) == (VIDEOS[:5], VIDEOS[5:7])
    parts = choose_parts(splits(7, 0, 3), None, None, 0.8, 0)
    assert sorted([*parts.train, *parts.val]) == VIDEOS[:7]
    assert len(parts.val) == 1


def test_a_blank_split_is_neither_side(root: Path, tmp_path: Path) -> None:
    table = pd.read_csv(root / SCENES, dtype=str)
    parts = dict(zip(VIDEOS, ["train"] * 4 + ["val"] * 2 + ["test"] * 3 + [""], strict=True))
    table["split"] = table["video_id"].map(parts)
    table.to_csv(tmp_path / "own.csv", index=False)
    module = VideoSceneDataModuleV3(tmp_path / "own.csv", root=root)
    module.setup()
    assert module.scenes.splits == parts
    sides = (module.train_dataset, module.val_dataset)
    assert [list(side.table["video_id"].unique()) for side in sides] == [VIDEOS[:4], VIDEOS[4:6]]


def test_named_videos_win() -> None:
    split = splits(5, 2, 3)
    assert choose_parts(split, VIDEOS[8:], VIDEOS[:1], 0.8, 0) == (VIDEOS[8:], VIDEOS[:1])
    assert choose_parts(split, None, VIDEOS[:1], 0.8, 0) == (VIDEOS[1:5], VIDEOS[:1])
    assert choose_parts(UNSPLIT, VIDEOS[:9], None, 0.8, 0) == (VIDEOS[:9], VIDEOS[9:])


@pytest.mark.parametrize(("fraction", "num_val"), [(0.8, 2), (0.99, 1), (0.01, 9)])
def test_the_ranking_leaves_a_video_on_each_side(fraction: float, num_val: int) -> None:
    parts = choose_parts(UNSPLIT, None, None, fraction, 0)
    assert sorted([*parts.train, *parts.val]) == VIDEOS
    assert len(parts.val) == num_val
    assert parts == choose_parts(dict.fromkeys(VIDEOS[::-1]), None, None, fraction, 0)


def test_another_seed_ranks_otherwise() -> None:
    assert len({tuple(choose_parts(UNSPLIT, None, None, 0.5, s).val) for s in range(4)}) > 1


@pytest.mark.parametrize(
    ("train", "val", "text"),
    [
        (["7"], None, "no video '7'"),
        (VIDEOS[:2], VIDEOS[1:], "training and for validation"),
        (VIDEOS, None, "at least one"),
    ],
    ids=["unknown", "both", "nothing_left"],
)
def test_wrong_names_are_refused(train: list[str], val: list[str] | None, text: str) -> None:
    with pytest.raises(InputError, match=text):
        choose_parts(UNSPLIT, train, val, 0.8, 0)


def test_workers_give_the_same_batches_as_none(root: Path) -> None:
    # A process whose OpenCV has started its threads, as most have.
    cv2.setNumThreads(4)
    cv2.resize(np.zeros((4000, 4000, 3), np.uint8), (500, 500), interpolation=cv2.INTER_AREA)

    def batches(num_workers: int) -> list[dict]:
        module = VideoSceneDataModuleV3(
            root / SCENES,
            VIDEOS[:8],
            VIDEOS[8:],
            num_workers=num_workers,
            image_size=SIZE,
            root=root,
        )
        module.setup("fit")
        return [*module.train_dataloader(), *module.val_dataloader()]

    alone, spread = batches(0), batches(2)
    assert len(alone) == len(spread) == 5
    for one, other in zip(alone, spread, strict=True):
        assert one["video_id"] == other["video_id"]
        assert torch.equal(one["image"], other["image"])
    assert alone[0]["control"].shape == (4, 2, *SIZE)


def test_importing_pipeline_imports_no_torch() -> None:
    code = "import sys, pipeline; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])

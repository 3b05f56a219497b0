import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from scene_trees import SCENES, write_scene_tree

from pipeline import VideoVariantGeneratorV3
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.algebra import attention_share
from pipeline.heatmaps.params import SEVEN
from pipeline.stages.variant import stage

VIDEOS = {"7000000000000000001": 4, "7000000000000000002": 3}
FIRST = next(iter(VIDEOS))


@pytest.fixture
def corpus(workspace: Workspace) -> Workspace:
    write_scene_tree(workspace.root, VIDEOS)
    return workspace


@pytest.fixture
def generator(corpus: Workspace) -> VideoVariantGeneratorV3:
    return VideoVariantGeneratorV3(corpus.path(SCENES), image_size=(48, 32))


SIGNATURES = {
    "__init__": ["valid_scenes_file", "boost_alpha", "reduction_alpha", "image_size"],
    "modify_attention_heatmap": [
        "attention_heatmap",
        "keyword_mask",
        "alpha",
        "modify_keyword_region",
    ],
    "create_variant_for_video": ["video_id", "variant_type", "output_dir"],
    "create_all_variants_for_video": ["video_id", "output_dir"],
    "generate_variants_for_all_videos": ["output_dir", "max_videos"],
    "compute_variant_statistics": ["variants"],
    "save_variant_manifest": ["all_variants", "output_path"],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_names_and_arguments_are_those_that_existing_users_call(name: str) -> None:
    parameters = list(inspect.signature(getattr(VideoVariantGeneratorV3, name)).parameters)[1:]
    # What comes after these when one makes a generator is new.
    assert (parameters[:4] if name == "__init__" else parameters) == SIGNATURES[name]


def test_the_files_are_those_of_the_stage(corpus, generator, tmp_path, monkeypatch) -> None:
    corpus.path("params.yaml").write_text("image_size: [48, 32]\n")
    monkeypatch.setattr(stage, "_track", lambda *arguments: None)
    stage.main(corpus)
    made = corpus.path("outputs/variants_v3")
    by_stage = {path.relative_to(made): path.read_bytes() for path in made.rglob("*.*")}
    made.rename(corpus.path("outputs/by_stage"))
    generator.generate_variants_for_all_videos(made)
    by_api = {path.relative_to(made): path.read_bytes() for path in made.rglob("*.*")}
    assert by_api == by_stage


def test_statistics_measured_on_the_files_equal_those_that_were_written(corpus, generator) -> None:
    output = corpus.path("outputs/api")
    tables = generator.create_all_variants_for_video(FIRST, output)
    assert list(tables) == list(SEVEN)
    assert tables["placebo"]["modified"].all()
    assert tables["placebo"]["video_id"].tolist() == [FIRST] * 4
    written = json.loads((output / FIRST / "statistics.json").read_text())
    assert generator.compute_variant_statistics(tables) == written
    for name, table in tables.items():
        assert written[name]["share_temporal_profile"] == pytest.approx(table["planned_share"])


def test_one_variant_alone_and_a_few_videos(corpus, generator, tmp_path) -> None:
    table = generator.create_variant_for_video(FIRST, "placebo", tmp_path / "one")
    assert table["placebo_change_ratio"].to_numpy() == pytest.approx(1)
    assert [path.name for path in (tmp_path / "one" / FIRST).iterdir() if path.is_dir()] == [
        "placebo"
    ]
    made = generator.generate_variants_for_all_videos(tmp_path / "few", max_videos=1)
    assert list(made) == [FIRST]
    manifest = json.loads((tmp_path / "few/manifest.json").read_text())
    assert manifest["videos"] == {FIRST: {"keyword": "sneaker", "scenes": 4}}


def test_seven_columns_and_absolute_paths_will_do(corpus, tmp_path) -> None:
    table = write_scene_tree(corpus.root, VIDEOS).iloc[:, :7]
    for column in ("scene_image_path", "keyword_mask_path", "attention_heatmap_path"):
        table[column] = [str(corpus.path(path)) for path in table[column]]
    table.to_csv(tmp_path / "seven.csv", index=False)
    generator = VideoVariantGeneratorV3(tmp_path / "seven.csv", image_size=(48, 32))
    made = generator.create_variant_for_video(FIRST, "full_boost", tmp_path / "out")
    assert (made["planned_share"] > made["requested_share"] * 0.8).all()


def test_arrays_in_arrays_out(generator) -> None:
    heatmap = np.full((2, 4, 4), 0.25, np.float32)
    mask = np.zeros((4, 4))
    mask[:2] = 1
    boosted = generator.modify_attention_heatmap(heatmap, mask, 3.0)
    assert attention_share(boosted, mask) == pytest.approx([0.75, 0.75])
    other = generator.modify_attention_heatmap(heatmap, mask, 3.0, modify_keyword_region=False)
    assert attention_share(other, mask) == pytest.approx([0.25, 0.25])
    with pytest.raises(ValueError, match="finite and >= 0"):
        generator.modify_attention_heatmap(heatmap, mask, -1)


def test_what_does_not_exist_is_named(corpus, generator, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scenes of a video 'nope'"):
        generator.create_all_variants_for_video("nope", tmp_path)
    with pytest.raises(ValueError, match="no variant 'boost'; known are: baseline"):
        generator.create_variant_for_video(FIRST, "boost", tmp_path)

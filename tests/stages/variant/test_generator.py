import inspect
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scene_trees import SCENES, write_scene_tree

from pipeline import VideoVariantGeneratorV3, visualize_variant_comparison
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
    manifests = [json.loads(files.pop(Path("manifest.json"))) for files in (by_api, by_stage)]
    assert by_api == by_stage
    for video in manifests[0]["videos"].values():
        assert video.pop("num_scenes") == video["scenes"]
        assert video.pop("variants") == list(SEVEN)
    assert manifests[0] == manifests[1] | {
        "num_videos": 2,
        "num_variants_per_video": 7,
        "variant_types": list(SEVEN),
        "boost_alpha": 1.5,
        "reduction_alpha": 0.5,
    }


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
    assert list(manifest["videos"]) == [FIRST]


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


def test_scripts_of_v3_run(generator, tmp_path) -> None:
    assert (generator.boost_alpha, generator.reduction_alpha) == (1.5, 0.5)
    scenes = generator.scenes_df[generator.scenes_df["video_id"] == FIRST]
    windows = generator.define_temporal_windows(scenes)
    assert windows == {"early": (0, 1), "middle": (1, 2), "late": (2, 4)}
    halves = generator.define_temporal_windows(scenes.iloc[:3], window_type="halves")
    assert halves == {"first_half": (0, 1), "second_half": (1, 3)}
    with pytest.raises(ValueError, match="no windows 'fifths'; known are 'thirds' and 'halves'"):
        generator.define_temporal_windows(scenes, "fifths")
    tables = generator.create_all_variants_for_video(int(FIRST), tmp_path)
    modified = tables["middle_boost"]["modified"].to_numpy().nonzero()[0]
    assert modified.tolist() == list(range(*windows["middle"]))
    visualize_variant_comparison(tables, FIRST, "sneaker", generator)
    profiles, means = plt.gcf().axes
    plt.close()
    assert [line.get_label() for line in profiles.lines] == list(SEVEN)
    expected = generator.compute_variant_statistics(tables)["full_boost"]["mean_alignment"]
    assert means.patches[4].get_height() == pytest.approx(expected)


def test_a_soft_mask_weighs_the_factor(generator) -> None:
    heatmap = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    mask = np.array([[0.5, 0], [1, 0]])
    changed = generator.modify_attention_heatmap(heatmap, mask, 2.0)
    assert changed == pytest.approx(np.array([[0.15, 0.2], [0.6, 0.4]]) / 1.35)
    opposite = generator.modify_attention_heatmap(heatmap, 1 - mask, 2.0, False)
    assert opposite == pytest.approx(changed)
    near = np.where(mask == 1, 1 - 1e-9, mask.round())
    hard = generator.modify_attention_heatmap(heatmap, mask.round(), 2.0)
    assert generator.modify_attention_heatmap(heatmap, near, 2.0) == pytest.approx(hard)
    with pytest.raises(ValueError, match="threshold masks at half of their range"):
        generator.modify_attention_heatmap(heatmap, mask * 255, 2.0)


def test_a_bad_file_leaves_out_its_video_alone(corpus, generator, tmp_path, caplog) -> None:
    second = list(VIDEOS)[1]
    corpus.path(f"attention_heatmap/{second}/{second}-Scene-002-01.jpg").write_bytes(b"no")
    assert list(generator.generate_variants_for_all_videos(tmp_path)) == [FIRST]
    assert f"video {second} is left out: {second} scene 2" in caplog.text
    corpus.path(f"attention_heatmap/{FIRST}/{FIRST}-Scene-001-01.jpg").unlink()
    with pytest.raises(InputError, match="none of 2 videos could be made"):
        generator.generate_variants_for_all_videos(tmp_path)


def test_what_does_not_exist_is_named(corpus, generator, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scenes of a video 'nope'"):
        generator.create_all_variants_for_video("nope", tmp_path)
    with pytest.raises(ValueError, match="no variant 'boost'; known are: baseline"):
        generator.create_variant_for_video(FIRST, "boost", tmp_path)

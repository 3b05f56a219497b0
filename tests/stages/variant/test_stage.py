import csv
import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from scene_trees import SCENES, hide_product, write_scene_tree
from stage_runs import outs_of

from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import SEVEN
from pipeline.pictures.reading import read_grey
from pipeline.stages.variant import stage as variant
from schemas.variant_scenes import VARIANT_SCENES_TABLE

VIDEOS = {"7000000000000000001": 4, "7000000000000000002": 3}
FIRST = next(iter(VIDEOS))
PARAMS = "image_size: [48, 32]\ncompute: {{n_jobs: 1}}\nvariant: {{sample_videos: 1, {0}}}\n"


@pytest.fixture(autouse=True)
def _untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is about files; what goes to MLflow is tested where that is the point."""
    monkeypatch.setattr(variant, "_track", lambda *arguments: None)


@pytest.fixture
def corpus(workspace: Workspace) -> Workspace:
    write_scene_tree(workspace.root, VIDEOS)
    return workspace


def run(workspace: Workspace, options: str = "") -> dict[str, bytes]:
    """Run the stage; return all files of its outs."""
    workspace.path("params.yaml").write_text(PARAMS.format(options))
    variant.main(workspace)
    return outs_of(workspace, "variant")


def rows(workspace: Workspace, name: str, video: str = FIRST) -> list[dict[str, str]]:
    path = workspace.path(f"outputs/variants_v3/{video}/{name}_scenes.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_tree_is_the_one_of_the_design(corpus) -> None:
    files = run(corpus)
    expected = {
        "outputs/variants_v3/manifest.json",
        "reports/variant/shares.csv",
        "reports/variant/metrics.json",
        "reports/variant/headline.json",
        f"reports/variant/figures/{FIRST}-shares.png",
        f"reports/variant/figures/{FIRST}-scenes.png",
    }
    for video, num_scenes in VIDEOS.items():
        folder = f"outputs/variants_v3/{video}"
        expected.add(f"{folder}/statistics.json")
        for name in SEVEN:
            expected.add(f"{folder}/{name}_scenes.csv")
            expected |= {
                f"{folder}/{name}/attention_heatmap/{video}-Scene-{number:03d}-01.jpg"
                for number in range(1, num_scenes + 1)
            }
    assert set(files) == expected


def test_tables_hold_every_scene_and_exactly_the_columns(corpus) -> None:
    run(corpus)
    with corpus.path(SCENES).open(newline="") as file:
        source = [row for row in csv.DictReader(file) if row["video_id"] == FIRST]
    for name in SEVEN:
        table = rows(corpus, name)
        assert ",".join(table[0]) == (
            f"{','.join(source[0])},modified_attention_heatmap_path,variant,alpha,region,modified,"
            "requested_share,planned_share,clipped_fraction,reachable_share,feasible,"
            "placebo_factor,placebo_change_ratio"
        )
        assert [{key: row[key] for key in source[0]} for row in table] == source
        assert {row["variant"] for row in table} == {name}
        assert "nan" not in str(table).lower()
        for row in table:
            assert read_grey(corpus.path(row["modified_attention_heatmap_path"])).shape == (48, 32)


def test_a_window_of_four_scenes(corpus) -> None:
    run(corpus)
    changed = {name: [row["modified"] for row in rows(corpus, name)] for name in SEVEN}
    assert changed == {
        "baseline": ["False"] * 4,
        "early_boost": ["True", "False", "False", "False"],
        "middle_boost": ["False", "True", "False", "False"],
        "late_boost": ["False", "False", "True", "True"],
        "full_boost": ["True"] * 4,
        "reduction": ["False", "True", "False", "False"],
        "placebo": ["True"] * 4,
    }
    baseline = corpus.path(rows(corpus, "baseline")[0]["modified_attention_heatmap_path"])
    late = corpus.path(rows(corpus, "late_boost")[0]["modified_attention_heatmap_path"])
    assert os.path.samefile(baseline, late)


def test_a_scene_without_the_product_stays_in_its_video(corpus) -> None:
    """The windows are those of the whole ad, and no figure is of a product that is not there."""
    whole = run(corpus)
    shown = rows(corpus, "full_boost")
    statistics = f"outputs/variants_v3/{FIRST}/statistics.json"
    hide_product(corpus.root, FIRST, 2)
    files = run(corpus)
    assert set(files) == set(whole)
    maps = {path for path in files if path.endswith(".jpg")}
    assert {path for path in maps if files[path] != whole[path]} == {
        f"outputs/variants_v3/{FIRST}/{name}/attention_heatmap/{FIRST}-Scene-002-01.jpg"
        for name in ("middle_boost", "full_boost", "reduction", "placebo")
    }
    for name in SEVEN:
        row = rows(corpus, name)[1]
        assert (row["scene_number"], row["modified"], row["keyword_mask_path"]) == (
            "2",
            "False",
            "",
        )
        assert (row["alpha"], row["planned_share"], row["feasible"]) == ("1", "", "True")
    table = VARIANT_SCENES_TABLE.read(
        corpus.path(f"outputs/variants_v3/{FIRST}/full_boost_scenes.csv")
    )
    assert table["scene_number"].tolist() == [1, 2, 3, 4]
    found = json.loads(files[statistics])["full_boost"]
    others = [float(shown[place]["planned_share"]) for place in (0, 2, 3)]
    assert found["mean_share"] == pytest.approx(sum(others) / 3, rel=1e-6)
    assert found["share_temporal_profile"][1] is found["temporal_profile"][1] is None
    # What is not there is asked for nothing and lowers no mean.
    metrics = json.loads(files["reports/variant/metrics.json"])
    assert (metrics["scenes"], metrics["videos"]) == (7, 2)
    assert json.loads(files["outputs/variants_v3/manifest.json"])["videos"][FIRST]["scenes"] == 4


def test_videos_without_such_scenes_stay_as_they_were_made(corpus) -> None:
    run(corpus)
    (other,) = rows(corpus, "placebo", list(VIDEOS)[1])[:1]
    untouched = corpus.path(other["modified_attention_heatmap_path"])
    before = untouched.stat().st_mtime_ns
    hide_product(corpus.root, FIRST, 2)
    run(corpus)
    assert untouched.stat().st_mtime_ns == before


def test_where_links_fail_the_same_files_are_copies(corpus, monkeypatch) -> None:
    linked = run(corpus)
    for folder in (corpus.state, corpus.path("outputs"), corpus.path("reports")):
        shutil.rmtree(folder)
    monkeypatch.setattr(os, "link", no_link)
    assert run(corpus) == linked
    maps = list(corpus.path("outputs/variants_v3").rglob("*.jpg"))
    assert len(maps) == 7 * 7
    assert {path.stat().st_nlink for path in maps} == {1}


def no_link(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(source))


def test_the_manifest_says_what_was_made_from_what(corpus) -> None:
    run(corpus, "extra: {opening: {window: [0, 0.25], alpha: 2}}")
    manifest = json.loads(corpus.path("outputs/variants_v3/manifest.json").read_text())
    assert manifest["videos"][FIRST] == {"keyword": "sneaker", "scenes": 4}
    assert list(manifest["variants"]) == [*SEVEN, "opening"]
    assert manifest["variants"]["reduction"] == {
        "kind": "scale",
        "window": "middle",
        "region": "keyword",
        "alpha": 0.5,
        "meaning": "less attention on the product in the middle third",
        "twin": "",
    }
    assert manifest["params"]["alpha"] == 1.5
    assert len(manifest["data_version"]) == 32


def test_options_change_the_outs(corpus) -> None:
    usual = run(corpus)
    for options in (
        "windows: halves",
        "temporal_smoothing: 1",
        "target_share: 0.3, on_clip: solve",
        "placebo: scale",
        "placebo_match: false",
        "keywords: union",
        "keywords: 1",
    ):
        other = run(corpus, options)
        assert set(usual) == set(other), options
        if "union" not in options:  # these scenes have one keyword
            shares = "reports/variant/shares.csv"
            assert usual[shares] != other[shares], options


def test_a_changed_plan_ends_as_a_fresh_run_does(corpus, tmp_path) -> None:
    def fresh(options: str) -> dict[str, bytes]:
        other = Workspace(tmp_path / f"fresh{len(list(tmp_path.iterdir()))}")
        other.root.mkdir()
        write_scene_tree(other.root, VIDEOS)
        shutil.copy(corpus.path(SCENES), other.path(SCENES))
        return run(other, options)

    first = run(corpus, "alpha: 1.5")
    assert run(corpus, "alpha: 2") == fresh("alpha: 2") != first
    assert run(corpus, "alpha: 1.5") == fresh("alpha: 1.5") == first
    assert run(corpus, "format: png") == fresh("format: png")
    assert run(corpus, "alpha: 1.5") == first
    lines = corpus.path(SCENES).read_text().splitlines(keepends=True)
    corpus.path(SCENES).write_text("".join(lines[:2] + lines[3:]))  # without scene 2
    smaller = run(corpus, "alpha: 1.5")
    assert smaller == fresh("alpha: 1.5")
    assert not any("Scene-002" in path and FIRST in path for path in smaller)


def test_more_pictures_change_no_variant(corpus) -> None:
    """So that nothing after the stage runs again."""
    few = run(corpus)
    text = corpus.path("params.yaml").read_text()
    corpus.path("params.yaml").write_text(text.replace("sample_videos: 1", "sample_videos: all"))
    variant.main(corpus)
    many = outs_of(corpus, "variant")
    assert len(many) == len(few) + 2
    assert {path: content for path, content in many.items() if path in few} == few


def test_only_what_changed_is_made_again(corpus) -> None:
    run(corpus)
    (other,) = rows(corpus, "placebo", list(VIDEOS)[1])[:1]
    untouched = corpus.path(other["modified_attention_heatmap_path"])
    before = untouched.stat().st_mtime_ns
    text = corpus.path(SCENES).read_text().replace(f"{FIRST},1,sneaker", f"{FIRST},1,boot")
    corpus.path(SCENES).write_text(text)
    run(corpus)
    assert rows(corpus, "placebo")[0]["keyword"] == "boot"
    assert untouched.stat().st_mtime_ns == before


def test_a_scene_that_broke_since_validation_is_named_and_the_rest_is_kept(corpus) -> None:
    other = list(VIDEOS)[1]
    corpus.path(f"attention_heatmap/{FIRST}/{FIRST}-Scene-002-01.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=rf"{FIRST} scene 2: .*the file is empty.*dvc repro"):
        run(corpus)
    assert len(rows(corpus, "placebo", other)) == 3
    assert not corpus.path("outputs/variants_v3/manifest.json").exists()

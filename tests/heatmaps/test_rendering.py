import math
import os
from pathlib import Path

import numpy as np
import pytest
from heatmaps.array_reference import reachable_share
from scene_trees import draw_scene

from pipeline.heatmaps.algebra import alignment_score, attention_share, modify_heatmap
from pipeline.heatmaps.dose import feasible, requested_share
from pipeline.heatmaps.params import VariantParams
from pipeline.heatmaps.recipes import recipes
from pipeline.heatmaps.rendering import MapFiles, render_scene
from pipeline.pictures.reading import ImageRefused, encode, read_heatmap, read_mask, to_levels
from schemas.variant_scenes import Planned

SIZE = (64, 48)
MIDDLE = 1  # of three scenes, where every variant but the early and late boosts is active


@pytest.fixture
def scene(tmp_path: Path) -> MapFiles:
    _, mask, heatmap = draw_scene("7", 1, (120, 90))
    (tmp_path / "mask.png").write_bytes(encode(mask, "png"))
    (tmp_path / "heatmap.jpg").write_bytes(encode(heatmap, "jpg"))
    return MapFiles("7", 1, tmp_path / "heatmap.jpg", (tmp_path / "mask.png",))


def render(scene: MapFiles, position: int = MIDDLE, **values) -> tuple[dict[str, Planned], dict]:
    params = VariantParams(**values)
    folder = scene.heatmap.parent / "out"
    targets = {name: folder / f"{name}.{params.format}" for name in params.variants}
    return render_scene(scene, position, recipes(params, 3), targets, params, SIZE), targets


def test_each_distinct_map_is_written_once(scene) -> None:
    measured, files = render(scene)
    inodes = {name: os.stat(path).st_ino for name, path in files.items()}
    assert inodes["full_boost"] == inodes["middle_boost"]
    assert inodes["baseline"] == inodes["early_boost"] == inodes["late_boost"]
    assert len(set(inodes.values())) == 4
    assert [name for name, row in measured.items() if row.modified] == [
        "middle_boost",
        "full_boost",
        "reduction",
        "placebo",
    ]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(("variant", "alpha"), [("full_boost", 1.5), ("reduction", 0.5)])
def test_the_map_is_the_algebras_and_the_figures_are_the_files(
    scene, suffix, variant, alpha
) -> None:
    measured, files = render(scene, format=suffix)
    row = measured[variant]
    source, mask = read_heatmap(scene.heatmap, SIZE), read_mask(scene.masks[0], SIZE)
    change = modify_heatmap(source, mask, alpha)
    written = read_heatmap(files[variant], SIZE)
    share = attention_share(source, mask)
    assert np.abs(written - change.heatmap).max() <= (0.5 / 255 + 1e-6 if suffix == "png" else 0.03)
    assert row.alpha == alpha
    assert row.requested_share == pytest.approx(requested_share(share, alpha))
    assert row.planned_share == pytest.approx(attention_share(written, mask))
    assert row.alignment == pytest.approx(alignment_score(written, mask))
    assert row.reachable_share == pytest.approx(reachable_share(source, mask, alpha))
    assert row.clipped_fraction == pytest.approx(change.clipped_fraction)
    assert row.feasible == feasible(row.planned_share, row.requested_share, share)


def test_the_placebo_changes_as_much_as_full_boost_and_leaves_the_share(scene) -> None:
    measured, files = render(scene, format="png")
    row = measured["placebo"]
    source, mask = read_heatmap(scene.heatmap, SIZE), read_mask(scene.masks[0], SIZE)
    placebo, boost = (read_heatmap(files[name], SIZE) for name in ("placebo", "full_boost"))
    assert np.array_equal(placebo[mask], source[mask])
    ratio = np.abs(placebo - source).sum() / np.abs(boost - source).sum()
    assert ratio == pytest.approx(row.placebo_change_ratio, abs=0.02) == 1
    assert row.placebo_factor > 1
    assert row.planned_share == pytest.approx(measured["baseline"].planned_share, abs=0.002)
    assert row.requested_share == pytest.approx(attention_share(source, mask))
    assert row.region == "background"


def test_placebos_differ_from_scene_to_scene_and_by_seed(scene) -> None:
    def placebo(video: str, number: int, seed: int) -> bytes:
        _, files = render(scene._replace(video_id=video, scene_number=number), seed=seed)
        return files["placebo"].read_bytes()

    first = placebo("7", 1, 0)
    assert placebo("7", 1, 0) == first
    assert placebo("7", 2, 0) != first
    assert placebo("8", 1, 0) != first
    assert placebo("7", 1, 1) != first


def test_the_older_placebo_is_reported_as_the_reduction_that_it_is(scene) -> None:
    row = render(scene, placebo="scale", placebo_alpha=2)[0]["placebo"]
    share = render(scene)[0]["baseline"].requested_share
    assert row.requested_share == pytest.approx(requested_share(share, 0.5))
    assert row.planned_share < share
    assert math.isnan(row.placebo_factor)


def test_solve_gives_the_share_that_cap_falls_short_of(scene) -> None:
    capped = render(scene, alpha=5)[0]["full_boost"]
    solved = render(scene, alpha=5, on_clip="solve")[0]["full_boost"]
    assert capped.planned_share < capped.requested_share - 0.01
    assert solved.planned_share == pytest.approx(solved.requested_share, abs=0.003)
    assert (capped.feasible, solved.feasible) == (False, True)


def test_a_target_share_is_what_the_file_has(scene) -> None:
    row = render(scene, target_share=0.25, on_clip="solve", quality=100)[0]["full_boost"]
    assert row.requested_share == pytest.approx(0.25)
    assert row.planned_share == pytest.approx(0.25, abs=0.002)


def test_a_scene_without_the_keyword_stays_as_it_is(scene) -> None:
    measured, files = render(scene._replace(masks=()), target_share=0.3)
    for row in measured.values():
        assert not row.modified
        assert row.feasible  # nothing is asked of it
        assert row.alpha == 1
        shares = (row.planned_share, row.requested_share, row.reachable_share, row.alignment)
        assert all(map(math.isnan, shares))
    assert os.stat(files["full_boost"]).st_ino == os.stat(files["baseline"]).st_ino


def test_a_map_without_attention_has_no_share(scene) -> None:
    scene.heatmap.write_bytes(encode(np.zeros((120, 90), np.uint8), "jpg"))
    row = render(scene)[0]["full_boost"]
    assert not row.modified
    assert math.isnan(row.planned_share)
    assert row.alignment == 0


def test_both_masks_make_the_region(scene) -> None:
    second = np.zeros((120, 90), np.uint8)
    second[:20] = 255
    path = scene.heatmap.with_name("second.png")
    path.write_bytes(encode(second, "png"))
    both = render(scene._replace(masks=(*scene.masks, path)), format="png")[0]["baseline"]
    source = read_heatmap(scene.heatmap, SIZE)
    mask = read_mask(scene.masks[0], SIZE) | read_mask(path, SIZE)
    assert both.planned_share == pytest.approx(attention_share(source, mask))


def test_the_baseline_goes_through_the_same_codec(scene) -> None:
    _, files = render(scene)
    expected = encode(to_levels(read_heatmap(scene.heatmap, SIZE)), "jpg", VariantParams().quality)
    assert files["baseline"].read_bytes() == expected


def test_an_unreadable_heatmap_is_refused(scene) -> None:
    scene.heatmap.write_bytes(b"no image")
    with pytest.raises(ImageRefused, match="not a readable"):
        render(scene)

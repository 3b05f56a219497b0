"""The product's mask in other frames than the scene's image: as it was drawn there."""

from fractions import Fraction

import numpy as np
import pytest
from films import Film, set_params, square, write_film

from pipeline.ground.artefacts import CUTS_CSV
from pipeline.ground.workspace import Workspace
from pipeline.scenes.cuts import CutScene, read_cuts
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.video.decoding import open_video
from pipeline.video.tracking import Mask, Tracked, sampled, track


def tracked(
    workspace: Workspace, film: Film, turns: int = 0, **masks: Mask
) -> tuple[list[CutScene], list[Tracked]]:
    """Cut a film into scenes, and track the square in the second one."""
    set_params(workspace)
    path = workspace.path("data/videos/v.mp4")
    write_film(path, film)
    scene_cuts.main(workspace)
    scenes = read_cuts(workspace.path(CUTS_CSV))
    at = masks.get("mask", np.rot90(square(image_frame(scenes[1])), turns))
    with open_video(path) as video:
        return scenes, list(track(video, scenes, {2: at}, 5, workspace.root))


def image_frame(scene: CutScene) -> int:
    assert scene.image_time_s is not None
    assert scene.start_s is not None
    return round(25 * (scene.image_time_s - scene.start_s))


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (-90, -1)])
def test_the_square_is_found_where_it_was_drawn(
    workspace: Workspace, rotation: int, turns: int
) -> None:
    scenes, found = tracked(workspace, Film(rotation=rotation), turns)
    assert {one.scene_number for one in found} == {2}
    frames = [one.frame - 12 for one in found]
    assert len(frames) == len(set(frames)) == 5
    assert image_frame(scenes[1]) not in frames
    for one, frame in zip(found, frames, strict=True):
        assert one.time_s == pytest.approx((12 + frame) / 25)
        assert overlap(one.mask, np.rot90(square(frame), turns)) > 0.85
    standing = np.rot90(square(image_frame(scenes[1])), turns)
    assert min(overlap(standing, np.rot90(square(frame), turns)) for frame in frames) < 0.7


def test_without_a_product_there_is_nothing_to_follow(workspace: Workspace) -> None:
    _, found = tracked(workspace, Film(), mask=np.zeros((96, 64), bool))
    assert found == []


@pytest.mark.parametrize(
    ("frames", "anchor", "count", "expected"),
    [
        (60, 30, 6, [5, 15, 25, 35, 45, 55]),
        (60, 25, 6, [5, 15, 35, 45, 55]),
        (3, 1, 6, [0, 2]),
        (1, 0, 6, []),
    ],
)
def test_frames_are_spread_evenly_and_the_images_own_is_none(
    frames: int, anchor: int, count: int, expected: list[int]
) -> None:
    starts = [Fraction(n, 25) for n in range(frames)]
    assert sampled(starts, Fraction(frames, 25), anchor, count) == expected


def test_where_frames_last_longer_fewer_are_taken() -> None:
    starts = [Fraction(n) for n in (0, 1, 2, 8)]
    assert sampled(starts, Fraction(10), 0, 5) == [1, 2, 3]

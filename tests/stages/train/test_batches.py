import itertools

import pytest
import torch
from tiny_scenes import TinyScenes

from pipeline.stages.train.batches import ShuffledBatches, fixed_sample, generator_for


def test_every_scene_comes_once_before_any_comes_again() -> None:
    batches = list(ShuffledBatches(10, 4, 5))
    places = list(itertools.chain.from_iterable(batches))
    assert [len(batch) for batch in batches] == [4] * 5
    assert sorted(places[:10]) == sorted(places[10:]) == list(range(10))
    assert places[:10] != places[10:]


def test_a_run_that_resumes_gets_the_batches_it_would_have_had() -> None:
    whole = list(ShuffledBatches(7, 3, 9, seed=5))
    assert list(ShuffledBatches(7, 3, 9, first=4, seed=5)) == whole[4:]
    assert list(ShuffledBatches(7, 3, 9, seed=6)) != whole


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_what_one_would_see(world_size: int) -> None:
    parts = [
        list(ShuffledBatches(11, 2, 4, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    together = [list(itertools.chain(*batch)) for batch in zip(*parts, strict=True)]
    assert together == list(ShuffledBatches(11, 2 * world_size, 4))


def test_data_smaller_than_a_batch_are_repeated() -> None:
    (batch,) = ShuffledBatches(2, 5, 1)
    assert sorted(batch) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])


def test_generators_depend_on_every_number() -> None:
    draws = {
        torch.rand(1, generator=generator_for(*numbers)).item()
        for numbers in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(draws) == 4
    assert torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(1, 2))
    )


def sampled(scenes: TinyScenes, count: int) -> list[tuple[str, int]]:
    return [(scene["video_id"], scene["scene_number"]) for scene in fixed_sample(scenes, count)]


def test_the_sample_is_decided_by_the_scenes_names_alone() -> None:
    chosen = sampled(TinyScenes(20), 5)
    assert [(int(video[1:]), number) for video, number in chosen] == [
        (0, 1),
        (2, 2),
        (3, 2),
        (9, 1),
        (9, 2),
    ]
    backwards = TinyScenes(20)
    backwards.table = backwards.table[::-1].reset_index(drop=True)
    assert sampled(backwards, 5) == chosen[::-1]


def test_a_scene_that_comes_takes_at_most_one_place() -> None:
    before, after = (set(sampled(TinyScenes(count), 5)) for count in (20, 21))
    assert len(before - after) <= 1


def test_of_fewer_scenes_all_are_taken_in_their_order() -> None:
    table = TinyScenes(3).table
    assert sampled(TinyScenes(3), 5) == list(table.itertuples(index=False, name=None))
    assert sampled(TinyScenes(0), 5) == []

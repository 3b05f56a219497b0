import itertools

import pytest

from pipeline.stages.train.batches import ShuffledBatches


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

from tiny_scenes import TinyScenes

from pipeline.learning.training_scenes import fixed_sample


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

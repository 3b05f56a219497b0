"""The split: a stable hash of the id."""

from collections import Counter

from pipeline.scenes.split import split_of


def test_known_ids_never_move() -> None:
    ids = ("7000000000000000001", "7000000000000000002", "7000000000000000003", "ad")
    assert [split_of(video_id) for video_id in ids] == ["train", "train", "train", "train"]


def test_parts_have_their_sizes() -> None:
    counts = Counter(split_of(str(7 * 10**18 + number)) for number in range(20_000))
    assert abs(counts["train"] - 14_000) < 300
    assert abs(counts["val"] - 2_000) < 200
    assert abs(counts["test"] - 4_000) < 250

"""Encoding: scenes by themselves, the same packets in every file, what the files say."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from films import play, write_film

from pipeline.video.decoding import UPRIGHT
from pipeline.video.encoding import Format, SegmentDecoder, SegmentEncoder, Settings, Writers
from pipeline.video.planes import Colours, Planes

FORMAT = Format(
    (32, 48), Fraction(1, 600), Fraction(25), Fraction(1), UPRIGHT, Colours(False, 1, 1, 1)
)
SETTINGS = Settings(12, "veryfast", False)


def frames(seed: int, count: int = 9) -> list[Planes]:
    rng = np.random.default_rng(seed)
    small = [rng.integers(40, 200, size, np.uint8) for size in ((4, 6), (4, 6), (4, 6))]
    y, u, v = (
        np.kron(part, np.ones((n, n), np.uint8)) for part, n in zip(small, (8, 4, 4), strict=True)
    )
    return [Planes(np.roll(y, number, axis=1), u, v) for number in range(count)]


def packets_of(encoder: SegmentEncoder, planes: list[Planes], first: int = 0) -> list:
    made = []
    for number, one in enumerate(planes):
        made += encoder.encode(one, first + 24 * number, 24)
    return made + encoder.finish()


def test_scenes_do_not_know_of_each_other() -> None:
    alone = packets_of(SegmentEncoder(FORMAT, SETTINGS), frames(1))
    again = packets_of(SegmentEncoder(FORMAT, SETTINGS), frames(1))
    assert [bytes(packet) for packet in alone] == [bytes(packet) for packet in again]
    assert [packet.is_keyframe for packet in alone] == [True] + [False] * 8
    assert all(packet.pts == packet.dts and packet.duration == 24 for packet in alone)


@pytest.mark.parametrize("lossless", [True, False])
def test_what_a_player_sees_is_what_was_encoded(lossless: bool) -> None:
    encoder = SegmentEncoder(FORMAT, SETTINGS._replace(lossless=lossless))
    decoder = SegmentDecoder(encoder)
    packets = packets_of(encoder, frames(2))
    found = list(decoder.decode(packets, last=True))
    assert len(found) == 9
    for wanted, seen in zip(frames(2), found, strict=True):
        off = np.abs(wanted.y.astype(int) - seen.y)
        assert off.max() == 0 if lossless else off.mean() < 2


def test_files_share_packets_and_each_has_the_sound(tmp_path: Path) -> None:
    from films import Film

    write_film(tmp_path / "source.mp4", Film(shots=(12,), sound_s=0.4))
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with Writers(paths, tmp_path / "source.mp4", FORMAT, SETTINGS) as writers:
        for seed, files in ((1, [0, 1]), (2, [0]), (3, [1])):
            encoder = SegmentEncoder(FORMAT, SETTINGS)
            start = 0 if seed == 1 else 9 * 24
            writers.write(files, packets_of(encoder, frames(seed), start), encoder.header)
    one, other = map(play, paths)
    assert one.times == other.times == [24 * number for number in range(18)]
    assert all(np.array_equal(a, b) for a, b in zip(one.lumas[:9], other.lumas[:9], strict=True))
    assert not np.array_equal(one.lumas[-1], other.lumas[-1])
    assert one.sound == other.sound == play(tmp_path / "source.mp4").sound
    assert (one.stream["matrix"], one.stream["range"]) == (1, 1)


def test_a_file_that_cannot_be_written_is_no_damaged_video(tmp_path: Path) -> None:
    write_film(tmp_path / "source.mp4")
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(OSError, match=r"a\.mp4") as error:
        Writers([tmp_path / "a.mp4"], tmp_path / "source.mp4", FORMAT, SETTINGS).__enter__()
    assert type(error.value).__module__ == "builtins"

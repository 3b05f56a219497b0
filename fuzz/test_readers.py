"""What a reader does with any bytes: it reads them, or refuses them as it says it does.

`make fuzz` changes the small files of `corpus/` at random, for minutes; what hypothesis finds it
shrinks, and prints how to try again. A find belongs in a test of the reader, its file in `corpus/`.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.gaze.checks import COLUMNS, Clip
from pipeline.gaze.options import Options
from pipeline.gaze.reading import read_gaze
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.errors import InputError
from pipeline.ground.tables import read_table
from pipeline.heatmaps.fixations import fixation_map, time_within
from pipeline.pictures.reading import (
    ImageRefused,
    grey_and_comment,
    grey_pixels,
    probe_rgb,
    rgb_pixels,
    stored_size,
)
from pipeline.scenes.keywords import read_keywords
from pipeline.serving.server import Refused, Server
from pipeline.stages.keyword_masks.outlines import (
    AnnotationUnreadable,
    draw_outlines,
    outlines_at,
    read_annotation,
)
from schemas.fixations import FIXATIONS_TABLE

CORPUS = Path(__file__).parent / "corpus"
FUZZED = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "2000")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SIZE = (24, 16)
SERVER = Server(SimpleNamespace(image_size=SIZE))

# What breaks readers: ends of numbers, quotes, line ends, no UTF-8, deep nesting, JPEG's marks.
PIECES = [
    *(b"", b"\0", b"\xff", b"\xff\xd9", b"\xff\xda", b'"', b"\r\n", b",", b"-1", b"1e999", b"NaN"),
    *(b"9" * 30, b"[" * 2000, b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"null", b"{}", b"=1"),
    *(b"../", b"true", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"a" * 300),
]


@st.composite
def changed(draw: st.DrawFn, kind: str) -> bytes:
    """A file of the corpus with up to eight pieces cut out, put in or repeated."""
    files = sorted((CORPUS / kind).iterdir())
    content = draw(st.sampled_from(files)).read_bytes()
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 4, 16, 1000])))
        new = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        content = content[:start] + new + content[end:]
    return content


def fuzzed(kind: str) -> Callable:
    return lambda test: FUZZED(given(content=changed(kind))(test))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file"


@pytest.mark.parametrize(
    "reader", [rgb_pixels, grey_pixels, grey_and_comment, probe_rgb, stored_size]
)
@fuzzed("pictures")
def test_pictures(reader: Callable[[bytes], object], content: bytes) -> None:
    with suppress(ImageRefused):
        reader(content)


@fuzzed("tables")
def test_tables(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with suppress(InputError):
        read_keywords(file)
    with suppress(ValueError):
        read_table(file, {})


@fuzzed("outlines")
def test_outlines(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        annotation = read_annotation(file, "v1")
    except AnnotationUnreadable:
        return
    for time_s in (0.0, 0.5, 1e9):
        for polygons in outlines_at(annotation, time_s).values():
            draw_outlines(polygons, SIZE)


@fuzzed("fixations")
def test_fixations(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    try:
        table = read_checked(file, FIXATIONS_TABLE)
    except ContractBroken:
        return
    columns = ("onset_s", "duration_s", "x_px", "y_px")
    onsets, durations, x, y = (table[name].to_numpy(float) for name in columns)
    heatmap = fixation_map(x, y, time_within(onsets, durations, 0, 1), SIZE, 3.0)
    assert np.isfinite(heatmap).all()


@fuzzed("exports")
def test_exports(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with suppress(InputError):
        gaze = read_gaze(file, Options(viewer="P"), {"v": Clip(*SIZE[::-1], 1.0)})
        assert np.isfinite(gaze.fixations[list(COLUMNS)].to_numpy(float)).all()


@fuzzed("bodies")
def test_bodies(content: bytes) -> None:
    with suppress(Refused):
        SERVER._asked(content)

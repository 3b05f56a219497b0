"""Exports of one recording in many programs' forms come to the same fixations, or are refused."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from gaze_exports import (
    CLIPS,
    EXPORTS,
    FIT,
    FIXATIONS,
    VIEWERS,
    Export,
    begaze,
    eyelink,
    gazepoint,
    neon,
    on_screen,
    pupil_core,
    table,
    tobii,
    webgazer,
)

from pipeline.gaze.checks import COLUMNS, check_fixations
from pipeline.gaze.options import told_options
from pipeline.gaze.reading import Gaze, read_gaze
from pipeline.ground.errors import InputError

FRAME = {"coordinates": "frame-px"}
OWN = ["viewer", "onset_s", "duration_s", "x_px", "y_px"]


def read(tmp_path: Path, name: str, content: bytes, **said: object) -> Gaze:
    path = tmp_path / name
    path.write_bytes(content)
    if starts := said.get("starts"):
        said["starts"] = tmp_path / "starts.csv"
        said["starts"].write_text(starts)
    return read_gaze(path, told_options(said, pixels_per_degree=35), CLIPS)


def own_rows(viewers=VIEWERS) -> list[tuple]:
    return [(viewer, *fixation) for viewer in viewers for fixation in FIXATIONS]


def is_truth(fixations: pd.DataFrame, viewers=VIEWERS, s: float = 0.02, px: float = 1.5) -> None:
    found = fixations.sort_values(["viewer", "onset_s"])
    assert found["viewer"].tolist() == [viewer for viewer in sorted(viewers) for _ in FIXATIONS]
    assert set(found["video_id"]) == {"ad1"}
    differences = np.abs(found[list(COLUMNS)].to_numpy(float) - np.array(FIXATIONS * len(viewers)))
    assert (differences <= [s, s + 0.02, px, px]).all(), found


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_comes_to_the_fixations_that_were_made(tmp_path: Path, name: str) -> None:
    export: Export = EXPORTS[name]
    gaze = read(tmp_path, export.name, export.content, **export.options)
    is_truth(gaze.fixations, export.viewers)
    check_fixations(gaze.fixations, CLIPS["ad1"])
    account = "\n".join(gaze.account)
    for said in ("viewer", "video", "x, y", "counted from"):
        assert said in account


UNITS = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}


@pytest.mark.parametrize("clock", UNITS)
@pytest.mark.parametrize("length", UNITS)
def test_units_that_no_header_names_follow_from_what_is_possible(tmp_path, clock, length) -> None:
    rows = [(v, t * UNITS[clock], d * UNITS[length], x, y) for v, t, d, x, y in own_rows()]
    mapped = [f"{name}={name}" for name in ("viewer", "onset", "duration", "x", "y")]
    said = {"map": mapped, "video": "ad1", "origin": "recorded", **FRAME}
    gaze = read(tmp_path, "f.csv", table("viewer,onset,duration,x,y", rows), **said)
    is_truth(gaze.fixations)
    account = "\n".join(gaze.account)
    assert f"'duration' in {length}, no other unit is possible" in account
    assert f"'onset' in {clock}, no other unit is possible" in account


FORMS = {
    "tabs, UTF-16": ("\t", "utf-16", False),
    "semicolons, decimal commas": (";", "utf-8", True),
    "bars, UTF-16 without a mark": ("|", "utf-16-le", False),
    "commas, a mark before": (",", "utf-8-sig", False),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_delimiter_encoding_and_decimal_sign_is_read(tmp_path: Path, form: str) -> None:
    sign, encoding, has_commas = FORMS[form]
    text = table(sign.join(OWN), own_rows(), sign).decode()
    text = text.replace(".", ",") if has_commas else text
    is_truth(read(tmp_path, "f.txt", text.encode(encoding), video="ad1").fixations, px=0, s=0)


def test_a_named_encoding_is_read_and_an_unknown_one_never_guessed(tmp_path: Path) -> None:
    content = table(",".join(OWN), own_rows(), encoding="cp1252")
    with pytest.raises(InputError, match=r"is not UTF-8: .*--encoding cp1252"):
        read(tmp_path, "f.csv", content, video="ad1")
    is_truth(read(tmp_path, "f.csv", content, video="ad1", encoding="cp1252").fixations)


GENERIC = table("who,t,d,x,y", own_rows())
ONE = table("who,t,d,x,y", own_rows()[:1])
MAP = {"map": ["viewer=who", "onset=t", "duration=d", "x=x", "y=y"], "video": "ad1"}
TIMED = {**MAP, "origin": "recorded"}
SCREEN = table("who,t,d,x,y", [(v, t, d, *on_screen(x, y)) for v, t, d, x, y in own_rows()])
THOUSANDS = b"who;t;d;x;y\nA;1,500;300;540;960\nA;2,500;250;270;480\n"
MIXED = b"who;t;d;x;y\nA;0.5;0,3;540;960\nA;1.5;0,3;540;960\n"
CLASH = GENERIC.replace(b"who,t,d", b"who,t,d_ms")
RAW_PUPIL = "section id,recording id,fixation id,start timestamp [ns],end timestamp [ns],"
RAW_PUPIL += "duration [ms],fixation x [px],fixation y [px],azimuth [deg]"
OPEN = {
    "an unknown header": ("f.csv", GENERIC, {"video": "ad1"}, "'who', 't', 'd'.*--map onset="),
    "no such column": ("f.csv", GENERIC, {"map": ["x=X"]}, "--map x=X: .* no such column"),
    "origin": ("f.csv", GENERIC, {**MAP, **FRAME}, "when the video began is open.*--origin"),
    "positions": ("f.csv", GENERIC, TIMED, "positions in what is open .x from 270 to 810"),
    "place on the screen": ("f.csv", SCREEN, {**TIMED, "coordinates": "screen-px"}, "--video-at"),
    "size of the screen": ("f.csv", gazepoint(), {}, "fractions of the screen.*--screen"),
    "shape of the place": (
        *("f.csv", SCREEN),
        {**TIMED, "coordinates": "screen-px", "video_at": "0,0,1920,1080"},
        "1920x1080, has not the shape of its frame, 1080x1920",
    ),
    "pixels as fractions": (
        *("f.csv", GENERIC, {**TIMED, "coordinates": "frame-fraction"}),
        "cannot be fractions of the frame",
    ),
    "fractions as pixels": (
        *("f.csv", neon(), {"video": "ad1", "origin": "first", **FRAME}),
        "cannot be pixels of the frame",
    ),
    "one fixation's clock": ("f.csv", ONE, {**TIMED, **FRAME}, "unit is open .too few"),
    "a header that is wrong": (
        *(
            "f.csv",
            CLASH,
            {**TIMED, **FRAME, "map": [*MAP["map"], "duration=d_ms"]},
        ),
        "'d_ms' should be in ms, but half last up to 0.3: possible in s alone",
    ),
    "both eyes": ("b.txt", begaze(), FIT, "of both eyes.*--eye left"),
    "which video": ("e.xls", eyelink(), {**FIT, "origin": "recorded"}, "which video was watched"),
    "a trial's clock": (
        *("e.xls", eyelink(), {**FIT, "video": "ad1"}),
        r"first row is at 0\.500 s of the recording's or the trial's clock",
    ),
    "several videos": (
        *("t.tsv", tobii().decode("utf-16").replace("ad1.mp4", "Intro", 40).encode()),
        *({**FIT, "video": "ad1"}, "names Intro, ad1.mp4. Say which one it is: --rename NAME=ad1"),
    ),
    "another video": ("t.tsv", tobii(), {**FIT, "rename": ["ad1.mp4=ad9"]}, "no video 'ad9'"),
    "names of other videos": (
        *("t.tsv", tobii().decode("utf-16").replace("ad1.mp4", "Ad 1").encode(), FIT),
        "no video is called Ad 1; known are ad1, ad2. .*--rename",
    ),
    "thousands or decimals": ("f.csv", THOUSANDS, {**TIMED, **FRAME}, "thousands, or decimals"),
    "two decimal signs": ("f.csv", MIXED, {**TIMED, **FRAME}, "decimal points .0.5. and commas"),
    "decimal commas among commas": (
        *("f.csv", b"who,t,d,x,y\nA,0,5,0,3,540,960\nA,1,5,0,3,540,960\n", TIMED),
        "Are decimal commas among commas",
    ),
    "a column twice": ("f.csv", b"who,t,t,x,y\nA,0.5,0.3,540,960\n", TIMED, "'t' is there twice"),
    "no number": ("f.csv", GENERIC.replace(b"540.0", b"left"), TIMED, "column 'x': .*'left'"),
    "the world camera's picture": (
        *("f.csv", table(RAW_PUPIL, [("s", "r", 1, 10, 20, 300, 1, 2, 3)]), {}),
        "scene camera's picture. Export .* Marker Mapper",
    ),
    "areas without positions": (
        *("f.csv", b"From,To,Participant,Stimulus,AOI\n0,1,P,ad1,Logo\n", {}),
        "no positions, only areas of interest",
    ),
    "no viewer": ("ad1.csv", GENERIC, {**TIMED, "map": MAP["map"][1:]}, "no column says who"),
    "no file": ("ad1.csv", b"", {}, "is no table with a header"),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_is_open_is_refused_with_the_option_that_settles_it(tmp_path: Path, case: str) -> None:
    name, content, said, error = OPEN[case]
    with pytest.raises(InputError, match=f"(?s){error}"):
        read(tmp_path, name, content, **said)


def test_positions_from_below_in_percent_or_of_another_size_are_turned(tmp_path: Path) -> None:
    rows = [(v, t, d, x / 10.8, 100 - y / 19.2) for v, t, d, x, y in own_rows()]
    content = table("who,t,d,x,y", rows)
    gaze = read(tmp_path, "f.csv", content, **TIMED, coordinates="frame-percent", y="up")
    is_truth(gaze.fixations)
    rows = [(v, t, d, x / 2, y / 2) for v, t, d, x, y in own_rows()]
    gaze = read(tmp_path, "f.csv", table("who,t,d,x,y", rows), **TIMED, **FRAME, frame="540x960")
    is_truth(gaze.fixations)


def test_ends_will_do_for_durations_and_a_column_for_the_start(tmp_path: Path) -> None:
    rows = [(v, 7000 + 1000 * t, 7000 + 1000 * (t + d), x, y, 7000) for v, t, d, x, y in own_rows()]
    content = table("who,from_ms,to_ms,x,y,began", rows)
    mapped = ["viewer=who", "onset=from_ms", "end=to_ms", "x=x", "y=y", "start=began"]
    is_truth(read(tmp_path, "f.csv", content, map=mapped, video="ad1", **FRAME).fixations)


def test_a_viewer_may_be_called_na_and_must_be_called_something(tmp_path: Path) -> None:
    content = table(",".join(OWN), [*own_rows(("NA",)), ("", 3, 0.3, 1, 1)])
    gaze = read(tmp_path, "f.csv", content, video="ad1")
    is_truth(gaze.fixations, ("NA",))
    assert "1 rows without a viewer" in "\n".join(gaze.account)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    content = tobii().decode("utf-16").replace("\tad1.mp4\tSaccade", "\tIntro.png\tSaccade", 20)
    account = "\n".join(read(tmp_path, "t.tsv", content.encode(), **FIT).account)
    assert re.search(r"left out +\d+ rows by 'Eye movement type': Saccade \d+", account)
    lost = gazepoint() + b"1,Pause,9,0.5,0.5,9,0.3,9,1\n1,ad1,9,,0.5,9,0.3,10,1\n"
    account = "\n".join(read(tmp_path, "Ann.csv", lost, **FIT).account)
    assert "1 rows without a position" in account
    assert "1 rows of other stimuli: Pause" in account
    off = "\n".join(read(tmp_path, "A.csv", pupil_core(), **EXPORTS["Pupil Core"].options).account)
    assert "3 rows by 'on_surf': False 3" in off


def test_samples_that_scatter_more_than_a_fixation_may_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [(n * 33, *random.uniform((0, 0), (1080, 1920))) for n in range(200)]
    said = {"map": ["time=t", "x=x", "y=y"], "video": "ad1", "origin": "recorded", **FRAME}
    with pytest.raises(InputError, match=r"of the samples lie in fixations.*raise --dispersion"):
        read(tmp_path, "Ann.csv", table("t,x,y", rows), **said)


def test_a_webcams_video_is_where_its_element_was_or_told(tmp_path: Path) -> None:
    bare = webgazer().replace(b"webgazer_targets", b"other")
    with pytest.raises(InputError, match="where on it the video was is open"):
        read(tmp_path, "w.json", bare)
    is_truth(read(tmp_path, "w.json", bare, **FIT).fixations)

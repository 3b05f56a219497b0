"""Exports of one recording in the forms of many programs, after their own descriptions.

Two viewers make the same three fixations on a video of 1080x1920 pixels and 10 s, shown as large as
fits on a screen of 1920x1080.
"""

import json
from typing import NamedTuple

from pipeline.gaze.checks import Clip

FIXATIONS = ((0.5, 0.3, 540.0, 960.0), (1.0, 0.25, 270.0, 480.0), (2.0, 0.4, 810.0, 1440.0))
VIEWERS = ("Ann", "Ömer")
CLIPS = {"ad1": Clip(1080, 1920, 10.0), "ad2": Clip(1080, 1920, 10.0)}
FIT = {"screen": "1920x1080", "video_at": "fit"}
BEGAN = 1_700_000_000_000_000_000
_SCALE, _LEFT = 0.5625, 656.25


class Export(NamedTuple):
    """A file and what must be said about it; `viewers` are the names that are found."""

    name: str
    content: bytes
    options: dict[str, object]
    viewers: tuple[str, ...] = VIEWERS


def on_screen(x: float, y: float) -> tuple[float, float]:
    return _LEFT + x * _SCALE, y * _SCALE


def table(header: str, rows: list[tuple], sign: str = ",", encoding: str = "utf-8") -> bytes:
    lines = [header, *(sign.join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def commas(content: bytes) -> bytes:
    return content.replace(b".", b",")


def tobii(rate: int = 60, unit: str = " [μs]", place: str = "DACS px") -> bytes:
    """Gaze samples, each with the eye movement that it belongs to; the clock is the recording's."""
    rows = []
    for viewer in VIEWERS:
        for number in range(3 * rate):
            time = number / rate
            now = [f for f in FIXATIONS if f[0] <= time < f[0] + f[1] - 1e-9]
            index = FIXATIONS.index(now[0]) + 1 if now else number + 100
            x, y = on_screen(*now[0][2:]) if now else ("", "")
            if now and place == "MCS norm":
                x, y = now[0][2] / 1080, now[0][3] / 1920
            kind = "Fixation" if now else "Saccade"
            clock = round((time + 70) * 1e6)
            rows.append((clock, viewer, "Rec 1", "ad1.mp4", kind, index, x, y))
    header = "\t".join(
        (
            f"Recording timestamp{unit}",
            "Participant name",
            "Recording name",
            "Presented Media name",
            "Eye movement type",
            "Eye movement type index",
            f"Fixation point X [{place}]",
            f"Fixation point Y [{place}]",
        )
    )
    return table(header, rows, "\t", "utf-16")


def eyelink() -> bytes:
    rows = [
        (
            viewer,
            3,
            number,
            1000 * f[0],
            1000 * (f[0] + f[1]),
            1000 * f[1],
            *on_screen(*f[2:]),
            "ad1.mp4",
            "RIGHT",
        )
        for viewer in VIEWERS
        for number, f in enumerate(FIXATIONS)
    ]
    header = (
        "RECORDING_SESSION_LABEL TRIAL_INDEX CURRENT_FIX_INDEX CURRENT_FIX_START CURRENT_FIX_END "
        "CURRENT_FIX_DURATION CURRENT_FIX_X CURRENT_FIX_Y VIDEO_NAME EYE_USED"
    )
    return commas(table(header.replace(" ", "\t"), rows, "\t")).replace(b",mp4", b".mp4")


def begaze() -> bytes:
    rows = [
        (
            "Trial001",
            "ad1.mp4",
            viewer,
            kind,
            eye,
            1000 * f[0],
            1000 * (f[0] + f[1]),
            1000 * f[1],
            *on_screen(*f[2:]),
        )
        for viewer in VIEWERS
        for f in FIXATIONS
        for kind, eye in (
            ("Visual Intake", "Right"),
            ("Visual Intake", "Left"),
            ("Saccade", "Left"),
        )
    ]
    header = (
        "Trial,Stimulus,Participant,Category,Eye L/R,Event Start Trial Time [ms],"
        "Event End Trial Time [ms],Event Duration [ms],Fixation Position X [px],"
        "Fixation Position Y [px]"
    )
    return table(header, rows)


def pupil_core() -> bytes:
    """Of one person; each fixation stands in every frame of the world camera that shows it."""
    rows = [
        (
            3000 + f[0],
            frame,
            number,
            3000 + f[0],
            1000 * f[1],
            0.5,
            f[2] / 1080 + shift,
            1 - f[3] / 1920,
            0,
            0,
            shift < 0.5,
        )
        for number, f in enumerate(FIXATIONS)
        for frame, shift in ((1, -0.01), (2, 0.01), (3, 2.0))
    ]
    header = (
        "world_timestamp,world_index,fixation_id,start_timestamp,duration,dispersion,norm_pos_x,"
        "norm_pos_y,x_scaled,y_scaled,on_surf"
    )
    return table(header, rows)


def neon() -> bytes:
    rows = [
        (
            "s1",
            viewer,
            number,
            BEGAN + int(f[0] * 1000000000.0),
            BEGAN + int((f[0] + f[1]) * 1000000000.0),
            round(1000 * f[1]),
            True,
            f[2] / 1080,
            f[3] / 1920,
        )
        for viewer in VIEWERS
        for number, f in enumerate(FIXATIONS)
    ]
    header = (
        "section id,recording id,fixation id,start timestamp [ns],end timestamp [ns],duration [ms],"
        "fixation detected on surface,fixation x [normalized],fixation y [normalized]"
    )
    return table(header, rows)


def gazepoint() -> bytes:
    """All gaze: the running duration and mean position of the present fixation in each sample."""
    rows = []
    for number, (onset, duration, x, y) in enumerate(FIXATIONS, start=1):
        across, down = on_screen(x, y)
        for part in (0.5, 1.0):
            time = round(onset + duration * part, 5)
            rows.append(
                (1, "ad1", time, across / 1920, down / 1080, onset, duration * part, number, 1)
            )
        rows.append((1, "ad1", time + 0.01, 0, 0, onset, duration, number, 0))
    header = (
        "MEDIA_ID,MEDIA_NAME,TIME(2026/07/13 09:21:09.801),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV"
    )
    return table(header, rows)


def imotions() -> bytes:
    rows = [(0, 60_000, "ad1", "", "", "", "", -1, -1)]
    for number, (onset, duration, x, y) in enumerate(FIXATIONS, start=1):
        start = 60_000 + 1000 * onset
        fixation = (number, start, start + 1000 * duration, 1000 * duration)
        rows += [(0, start + wait, "ad1", *fixation, *on_screen(x, y)) for wait in (0, 17, 33)]
    header = (
        "Row,Timestamp,SourceStimuliName,Fixation Index,Fixation Start,Fixation End,"
        "Fixation Duration,Fixation X,Fixation Y"
    )
    before = b"#INFO\n#Study name,Ads,\n#Respondent Name,Ann,\n#DATA,,\n"
    return before + table(header, rows)


def gazeplotter() -> bytes:
    rows = [
        row
        for viewer in VIEWERS
        for row in [
            ("ad1", viewer, 0, 500, 1, "", 0, 0),
            *(("ad1", viewer, 1000 * f[0], 1000 * f[1], 0, "", *f[2:]) for f in FIXATIONS),
        ]
    ]
    return table("stimulus,participant,timestamp,duration,eyemovementtype,AOI,x,y", rows)


def webgazer(step: float = 33.0) -> bytes:
    """Samples around each fixation's position, in pixels of the page, and where the video was."""
    trials = []
    for viewer in VIEWERS:
        samples = [
            {"x": round(_LEFT + x * _SCALE) + n % 2, "y": round(y * _SCALE), "t": t}
            for onset, duration, x, y in FIXATIONS
            for n, t in enumerate(_times(1000 * onset, 1000 * (onset + duration), step))
        ]
        box = {"left": _LEFT, "top": 0, "width": 1080 * _SCALE, "height": 1080}
        trials.append({"participant": viewer, "stimulus": ["video/ad1.mp4"]})
        trials[-1] |= {"webgazer_data": samples, "webgazer_targets": {"#video": box}}
    return json.dumps([{"trial_type": "preload"}, *trials], ensure_ascii=False).encode()


def _times(start: float, end: float, step: float) -> list[float]:
    return [start + step * n for n in range(round((end - start) / step))]


EXPORTS = {
    "Tobii, screen": Export("t.tsv", tobii(), FIT),
    "Tobii, no unit in the header": Export("t.tsv", tobii(unit=""), FIT),
    "Tobii, media": Export("t.tsv", tobii(place="MCS norm"), {}),
    "EyeLink": Export(
        "e.xls", eyelink(), {**FIT, "origin": "recorded", "map": ["video=VIDEO_NAME"]}
    ),
    "BeGaze": Export("b.txt", begaze(), {**FIT, "eye": "left"}),
    "Pupil Core": Export(
        "Ann.csv",
        pupil_core(),
        {"coordinates": "frame-fraction", "starts": "video,start\nad1.mp4,3000\nad2,3100\n"},
        ("Ann",),
    ),
    "Neon": Export(
        "n.csv",
        neon(),
        {
            "coordinates": "frame-fraction",
            "starts": "viewer,video,start\n"
            + "".join(f"{viewer},ad1,{BEGAN}\n" for viewer in VIEWERS),
        },
    ),
    "Gazepoint": Export("Ann.csv", gazepoint(), FIT, ("Ann",)),
    "iMotions": Export("Ann.csv", imotions(), {**FIT, "coordinates": "screen-px"}, ("Ann",)),
    "GazePlotter": Export("g.csv", gazeplotter(), {"coordinates": "frame-px"}),
    "WebGazer": Export("w.json", webgazer(), {}),
}

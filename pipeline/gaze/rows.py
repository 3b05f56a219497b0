"""Which rows of an export count, who looked, and at which video."""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

from pipeline.gaze.state import Reading
from pipeline.ground.errors import InputError

_SHOWN = 5
_TIMES = ("onset", "end", "duration", "time", "start")


def name_viewers(reading: Reading) -> None:
    """Fill the column `viewer`: as told, from its column, or by the file's name."""
    table, viewer = reading.table, reading.options.viewer
    if viewer:
        table["viewer"] = viewer
        reading.say("viewer", f"{viewer!r}, as told")
    elif "viewer" in table:
        blank = table["viewer"].isna()
        if blank.all():
            raise reading.refused(
                f"column {reading.quoted('viewer')}: blank throughout. Say who looked: --viewer "
                "NAME, or --map viewer=COLUMN."
            )
        reading.drop(blank, "without a viewer")
        names = reading.table["viewer"].nunique()
        reading.say("viewer", f"{reading.quoted('viewer')}: {names} names")
    elif reading.path.stem in reading.clips:
        raise reading.refused(
            "no column says who looked, and its name is a video's. Say it: --viewer NAME, or --map "
            "viewer=COLUMN."
        )
    else:
        table["viewer"] = reading.path.stem
        reading.say("viewer", f"{reading.path.stem!r}, by the file's name: no column says it")
    if "recording" not in reading.table:
        reading.table["recording"] = ""


def keep_what_counts(reading: Reading) -> None:
    """Leave out what is no fixation or sample; `first` keeps when a viewing's first row was."""
    groups = [name for name in ("viewer", "recording", "video") if name in reading.table]
    clock = "time" if "time" in reading.table else reading.clock
    viewings = reading.table.groupby(groups, observed=True, sort=False)
    reading.table["first"] = viewings[clock].transform("min")
    for name, accepted in reading.meaning.format.keep.items():
        _keep(reading, name, accepted)
    table = reading.table
    lost = table["x"].isna() | table["y"].isna()
    if reading.meaning.format.lost is not None:
        lost |= (table["x"] == reading.meaning.format.lost) & (table["y"] == table["x"])
    reading.drop(lost, "without a position")
    times = [name for name in _TIMES if name in reading.table]
    reading.drop(reading.table[times].isna().any(axis=1), "without a time")
    if "number" in reading.table:
        reading.drop(reading.table["number"].isna(), "without a fixation's number")
    _keep_one_eye(reading)
    if reading.table.empty:
        raise reading.refused("no row has a time and a position.")


def _keep(reading: Reading, name: str, accepted: tuple[str, ...]) -> None:
    """Keep the rows whose column says that they count."""
    column = reading.table[name]
    counts = column.astype("string").str.strip().str.casefold().isin(accepted).fillna(False)
    others = column[~counts].value_counts(dropna=False)
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in others[others > 0].items())
    if not counts.any():
        raise reading.refused(
            f"column {reading.quoted(name)}: no row counts; expected {accepted[0]!r}, found "
            f"{kinds}. Export fixations, or raw samples."
        )
    reading.drop(~counts.to_numpy(bool), f"by {reading.quoted(name)}: {kinds}")


def _keep_one_eye(reading: Reading) -> None:
    if "eye" not in reading.table:
        return
    eyes = reading.table["eye"].astype("string").str.strip().str.casefold().str[:1]
    eye = reading.options.eye
    if eyes.nunique() > 1 and not eye:
        raise reading.refused(
            f"column {reading.quoted('eye')}: of both eyes. Say which one counts: --eye left or "
            "--eye right."
        )
    if eye:
        reading.drop((eyes != eye[0]).fillna(True).to_numpy(bool), f"of another eye than {eye}")


def name_videos(reading: Reading) -> None:
    """Fill the column `video_id`, unless `--starts` is to say it."""
    options, table = reading.options, reading.table
    if options.video:
        _check_known(reading, options.video)
        _refuse_several(reading)
        table = reading.table
        table["video_id"] = options.video
        reading.say("video", f"{options.video!r}, as told")
    elif "video" in table:
        _name_by_column(reading)
    elif options.starts is None:
        places = (reading.path.stem, reading.path.parent.name)
        known = next((name for name in places if name in reading.clips), None)
        if known is None:
            raise reading.refused(
                "no column says which video was watched. Say it: --video VIDEO_ID, --map "
                "video=COLUMN, or --starts FILE with the time at which each began."
            )
        table["video_id"] = known
        reading.say("video", f"{known!r}, by the name of the file or its folder")
    if "video_id" in reading.table:
        reading.table["video_id"] = reading.table["video_id"].astype("category")
        _leave_out_unreadable(reading)


def _refuse_several(reading: Reading) -> None:
    """Take nothing that was shown beside the video for a part of it."""
    if "video" not in reading.table:
        return
    reading.drop(reading.table["video"].isna(), f"without a name in {reading.quoted('video')}")
    names = [str(name) for name in reading.table["video"].unique()]
    if len(names) > 1:
        raise reading.refused(
            f"--video {reading.options.video}, but column {reading.quoted('video')} names "
            f"{listed(names)}. Say which one it is: --rename NAME={reading.options.video}, without "
            "--video."
        )


def _leave_out_unreadable(reading: Reading) -> None:
    """Go on without the videos that do not play."""
    for video_id in reading.table["video_id"].unique():
        try:
            reading.clips[video_id]
        except InputError as error:
            reading.drop((reading.table["video_id"] == video_id).to_numpy(bool), str(error))
    if reading.table.empty:
        raise reading.refused("no row is of a video that plays.")


def _name_by_column(reading: Reading) -> None:
    names = reading.table["video"].astype("category")
    ids = {name: id_of(reading, str(name)) for name in names.dropna().unique()}
    found = sorted({one for one in ids.values() if one})
    others = sorted(str(name) for name, one in ids.items() if not one)
    if not found:
        raise reading.refused(
            f"column {reading.quoted('video')}: no video is called {listed(others)}; known are "
            f"{listed(sorted(reading.clips))}. Say which is which: --rename NAME=VIDEO_ID, or "
            "--video VIDEO_ID for all rows."
        )
    reading.say("video", f"{reading.quoted('video')}: {listed(found)}")
    reading.table["video_id"] = names.map(ids)
    others_said = f"of other stimuli: {listed(others) or 'none named'} (--rename NAME=VIDEO_ID)"
    reading.drop(reading.table["video_id"].isna(), others_said)


def id_of(reading: Reading, name: str) -> str | None:
    """Return the video that an export means by a name: its id, with a path or suffix or not."""
    if name in reading.options.videos:
        _check_known(reading, reading.options.videos[name])
        return reading.options.videos[name]
    # jsPsych writes a list with one name.
    bare = PureWindowsPath(re.sub(r'^\[?"?|"?\]?$', "", name.strip())).name
    candidates = (bare, bare.rpartition(".")[0])
    return next((one for one in candidates if one in reading.clips), None)


def _check_known(reading: Reading, video_id: str) -> None:
    if video_id not in reading.clips:
        raise reading.refused(
            f"there is no video {video_id!r}; known are {listed(sorted(reading.clips))}. Put it "
            "where the others are first."
        )


def listed(names: list[str]) -> str:
    """Return the first names and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

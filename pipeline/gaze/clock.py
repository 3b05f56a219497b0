"""When: units of time, and where times count from."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.gaze.checks import LONGEST_S, SHORTEST_S
from pipeline.gaze.formats import unit_in
from pipeline.gaze.options import FACTORS
from pipeline.gaze.starts import find_starts
from pipeline.gaze.state import Reading

# Seconds between samples: 2,500 Hz to 4 Hz.
_INTERVALS = (0.0004, 0.25)
# Of a viewer's time the share that fixations take.
_COVERAGE = (0.05, 1.05)


def set_durations(reading: Reading) -> None:
    """Fill `duration_s` from a column of durations."""
    if "duration" not in reading.table:
        return
    reading.drop(reading.table["duration"] <= 0, "without a duration")
    fits, seen = _possible_lengths(reading.table["duration"].to_numpy())
    unit = _unit(reading, "duration", fits, seen)
    reading.table["duration_s"] = reading.table["duration"] * FACTORS[unit]


def set_times(reading: Reading) -> None:
    """Fill `onset_s` (of samples `time_s`) in seconds of the video; `duration_s` from ends."""
    fits, seen = _possible(reading)
    unit = _unit(reading, reading.clock, fits, seen)
    for name in {"end", "start", "onset", "time"} & set(reading.meaning.columns):
        if unit_in(reading.meaning.columns[name]) not in ("", unit):
            raise reading.refused(
                f"column {reading.quoted(name)} is in another unit than "
                f"{reading.quoted(reading.clock)}, {unit}. Give them one unit."
            )
    zero, why = _zero(reading, FACTORS[unit])
    table = reading.table
    for name in {"onset", "time", "end"} & set(table):
        table[f"{name}_s"] = (table[name] - zero) * FACTORS[unit]
    if "duration_s" not in table and "end_s" in table:
        table["duration_s"] = table["end_s"] - table["onset_s"]
        reading.drop(table["duration_s"] <= 0, "without a duration")
    reading.say("", f"counted from {why}")


def _unit(reading: Reading, name: str, fits: list[str], seen: str) -> str:
    """Return the unit of a column: told, in its header, of its form, or the only possible one."""
    column, options = reading.meaning.columns[name], reading.options
    told = options.duration_unit if name == "duration" else options.time_unit
    option = "--duration-unit" if name == "duration" else "--time-unit"
    of_form = reading.meaning.format.units.get("duration" if name == "duration" else "onset", "")
    stated = told or unit_in(column) or of_form
    if stated and fits and stated not in fits:
        raise reading.refused(
            f"column {column!r} should be in {stated}, but {seen}: possible in "
            f"{' or '.join(fits)} alone. Correct the header, or say {option} {fits[0]}."
        )
    if not stated and len(fits) != 1:
        raise reading.refused(
            f"column {column!r}: its unit is open ({seen}). Say it: {option} {'|'.join(FACTORS)}."
        )
    why = "as told" if told else "by its header" if unit_in(column) else "as its form has it"
    if not stated:
        why = f"no other unit is possible: {seen}"
    reading.say(name, f"{column!r} in {stated or fits[0]}, {why}")
    return stated or fits[0]


def _possible(reading: Reading) -> tuple[list[str], str]:
    """Return the units in which the clock is possible, and what shows it."""
    table = reading.table
    if reading.clock == "time":
        return _possible_steps(reading)
    if "duration_s" not in table:
        return _possible_lengths((table["end"] - table["onset"]).to_numpy())
    viewings = table.groupby(reading.groups, observed=True)
    several = viewings.size() > 1
    span = float((viewings["onset"].max() - viewings["onset"].min())[several].sum())
    # The last fixation lies after the last onset.
    share = 1 - 1 / viewings.size()
    seconds = float((viewings["duration_s"].sum() * share)[several].sum())
    if not span:
        return [], "too few fixations to tell"
    low, high = _COVERAGE
    fits = [unit for unit, factor in FACTORS.items() if low <= seconds / span / factor <= high]
    return fits, f"fixations of {seconds:.4g} s begin over {span:.6g}"


def _possible_lengths(lengths: np.ndarray) -> tuple[list[str], str]:
    if not len(lengths):
        return [], "no row has one"
    median = float(np.median(lengths))
    fits = [unit for unit, s in FACTORS.items() if SHORTEST_S <= median * s <= LONGEST_S]
    return fits, f"half last up to {median:g}"


def _possible_steps(reading: Reading) -> tuple[list[str], str]:
    order = reading.table.sort_values([*reading.groups, "time"], kind="stable")
    steps = np.diff(order["time"].to_numpy())
    if not (steps > 0).any():
        return [], "too few samples to tell"
    step = float(np.median(steps[steps > 0]))
    low, high = _INTERVALS
    fits = [unit for unit, factor in FACTORS.items() if low <= step * factor <= high]
    return fits, f"samples are {step:g} apart"


def _zero(reading: Reading, factor: float) -> tuple[Any, str]:
    """Return when the video began, on the export's clock, and how that is known."""
    options = reading.options
    if options.starts is not None:
        return find_starts(reading, options.starts, factor), f"the starts in {options.starts}"
    if "start" in reading.table:
        return reading.table["start"], reading.quoted("start")
    origin = options.origin or reading.meaning.format.origin
    if origin == "first":
        return reading.table["first"], "each viewer's first row of a video"
    if origin == "recorded":
        return 0.0, "the video's start, as recorded"
    low = float(reading.table[reading.clock].min()) * factor
    raise reading.refused(
        f"when the video began is open: the first row is at {low:.3f} s of the recording's or the "
        "trial's clock. Say it: --origin recorded (times count from the video's start), --origin "
        "first (each viewer's first row is at its start), --map start=COLUMN, or --starts FILE."
    )


def join_rows(reading: Reading) -> None:
    """Make one row of a fixation that an export repeats in each sample or frame."""
    if "number" not in reading.table:
        return
    before, keys = len(reading.table), [*reading.groups, "number"]
    if reading.meaning.format.repeated == "mean":
        fixations = reading.table.groupby(keys, observed=True, sort=False)
        for axis in ("x", "y"):
            reading.table[axis] = fixations[axis].transform("mean")
    reading.table = reading.table.drop_duplicates(keys, keep="last").reset_index(drop=True)
    _say_joined(reading, before)


def join_samples(reading: Reading) -> None:
    """Make one row of all samples of a fixation: from the first to the last, and one sample on."""
    before, keys = len(reading.table), [*reading.groups, "number"]
    order = reading.table.sort_values([*reading.groups, "time_s"], kind="stable")
    steps = np.diff(order["time_s"].to_numpy())
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    fixations = order.groupby(keys, observed=True, sort=False)
    joined = fixations.first()
    joined["onset_s"] = fixations["time_s"].min()
    joined["duration_s"] = fixations["time_s"].max() + step - joined["onset_s"]
    for axis in ("x", "y"):
        joined[axis] = fixations[axis].mean()
    reading.table = joined.reset_index()
    _say_joined(reading, before)


def _say_joined(reading: Reading, before: int) -> None:
    if before > len(reading.table):
        number = reading.quoted("number")
        reading.say("", f"{before:,} rows of {len(reading.table):,} fixations, by {number}")

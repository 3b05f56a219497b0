"""One scene that arms modify: its edits, carried to each of its frames, encoded and measured.

The frames come once, in their order, and leave in their order. Those before the anchor wait, since
the flow is walked from the anchor outwards: in memory while they are few, else in a file.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from av import Packet

from pipeline.heatmaps.dose import Region
from pipeline.pictures.reading import Pixels
from pipeline.scenes.masks import keyword_mask
from pipeline.scenes.regions import feathered_region
from pipeline.stages.render.measures import (
    Masks,
    Stepper,
    Tally,
    largest_difference,
    samples,
    squared_error,
)
from pipeline.stages.render.tasks import SceneEdit, VideoTask
from pipeline.video.carrying import add_changes, as_mask, place
from pipeline.video.encoding import Format, SegmentDecoder, SegmentEncoder
from pipeline.video.flow import Anchor, Carried, Walk, Weight
from pipeline.video.planes import Changes, Planes, as_stored, stored_changes
from pipeline.video.spool import Spool

SOURCE = ""
"""Stands where an edit's hash stands: the frames as they are, of the arms that modify nothing."""

Write = Callable[[str, SegmentEncoder, Sequence[Packet]], None]


class Timed(NamedTuple):
    """A frame with its time and duration, in units of the source's time base."""

    planes: Planes
    pts: int
    duration: int
    anchor: bool
    """Whether the scene's image is of this one."""


class _Region(NamedTuple):
    """A region of a scene, as it lies in the anchor."""

    weight: Weight
    anchor: Anchor


class SceneRenderer:
    """Renders one scene; see `run`."""

    def __init__(self, edits: Mapping[str, SceneEdit], video: Format, task: VideoTask) -> None:
        """Take over the scene's distinct edits, by their hashes, and what the frames are."""
        self._edits = edits
        self._video = video
        self._task = task
        self._changes: dict[str, Changes] = {}
        self._regions: dict[Region, _Region] = {}
        self._encoders = {key: SegmentEncoder(video, task.settings) for key in (SOURCE, *edits)}
        self._decoders = {key: SegmentDecoder(one) for key, one in self._encoders.items()}
        self._expected: dict[str, deque[tuple[Planes, dict[Region, Masks]]]] = {
            key: deque() for key in self._encoders
        }
        self._stepper = Stepper(video.size)
        self.tallies = {key: Tally(scenes=1) for key in edits}

    def run(self, frames: Iterator[Timed], write: Write) -> None:
        """Render the scene.

        Args:
            frames: all of it, one of them its anchor.
            write: is given the packets of each edit, and of `SOURCE`, as they are finished.

        Raises:
            EditMissing: an edit's files are missing or have changed.
        """
        with Spool(self._task.folder) as waiting, Spool(self._task.folder) as flows:
            times = []
            for frame in frames:
                if frame.anchor:
                    break
                waiting.append(frame.planes.to_bytes())
                times.append((frame.pts, frame.duration))
            self._take_up(frame.planes)
            self._walk_back(waiting, flows)
            for number, (pts, duration) in enumerate(times):
                planes = Planes.from_bytes(waiting.read(number), self._video.size)
                carried = pickle.loads(flows.read(len(times) - 1 - number))
                self._frame(Timed(planes, pts, duration, False), carried, write)
        self._frame(frame, {name: one.anchor.here() for name, one in self._regions.items()}, write)
        walks = {name: Walk(one.anchor) for name, one in self._regions.items()}
        for frame in frames:
            self._frame(frame, {n: walk.step(frame.planes.y) for n, walk in walks.items()}, write)
        for key, encoder in self._encoders.items():
            self._encoded(key, encoder.finish(), write, last=True)

    def _take_up(self, anchor: Planes) -> None:
        """Read the edits and find their regions in the anchor."""
        size, matrix, colours = self._video.size, self._video.matrix, self._video.colours
        for key, edit in self._edits.items():
            change = edit.change()
            if edit.redrawn not in self._regions:
                mask = keyword_mask(edit.masks, (change.shape[0], change.shape[1]))
                weight = feathered_region(
                    mask, edit.redrawn, self._task.feather_px, self._task.image_size
                )
                weight = as_stored(weight, size, matrix)
                self._regions[edit.redrawn] = _Region(
                    weight, Anchor(anchor.y, weight, colours.black)
                )
            self._changes[key] = stored_changes(change, size, matrix, colours)

    def _walk_back(self, frames: Spool, flows: Spool) -> None:
        """Walk from the anchor to the scene's first frame; the flows are in this order."""
        walks = {name: Walk(one.anchor) for name, one in self._regions.items()}
        for number in reversed(range(len(frames))):
            planes = Planes.from_bytes(frames.read(number), self._video.size)
            flows.append(pickle.dumps({n: walk.step(planes.y) for n, walk in walks.items()}))

    def _frame(self, frame: Timed, carried: Mapping[Region, Carried], write: Write) -> None:
        """Make, measure and encode a frame of each edit, and the source's."""
        made = {SOURCE: frame.planes}
        masks: dict[Region, Masks] = {}
        cores: dict[Region, Pixels] = {}
        for name, region in self._regions.items():
            placed = place(region.weight, carried[name])
            masks[name] = placed.outside(self._video.size)
            cores[name] = self._stepper.small(placed.inside(self._video.size))
            for key in self._edits_in(name):
                made[key] = add_changes(frame.planes, self._changes[key], placed)
                tally = self.tallies[key]
                tally.frames += 1
                tally.area += placed.area
                tally.hidden += placed.hidden
                off = largest_difference(frame.planes, made[key], masks[name])
                tally.outside_max = max(tally.outside_max, off)
        steps = self._stepper.steps({key: planes.y for key, planes in made.items()}, SOURCE)
        for key, step in steps.items():
            if key != SOURCE:
                core = as_mask(cores[self._edits[key].redrawn] > 127)
                self.tallies[key].frame_steps.step(steps[SOURCE], step)
                self.tallies[key].region_steps.step(steps[SOURCE], step, core)
        for key, planes in made.items():
            self._expected[key].append((frame.planes, masks))
            packets = self._encoders[key].encode(planes, frame.pts, frame.duration)
            self._encoded(key, packets, write)

    def _edits_in(self, region: Region) -> list[str]:
        return [key for key, edit in self._edits.items() if edit.redrawn == region]

    def _encoded(
        self, key: str, packets: Sequence[Packet], write: Write, last: bool = False
    ) -> None:
        """Hand packets on, and measure what a player will see outside the regions."""
        for decoded in self._decoders[key].decode(packets, last):
            source, masks = self._expected[key].popleft()
            if key == SOURCE:
                errors = {
                    name: squared_error(source, decoded, mask) for name, mask in masks.items()
                }
                for other, edit in self._edits.items():
                    self.tallies[other].baseline_error += errors[edit.redrawn]
            else:
                outside = masks[self._edits[key].redrawn]
                self.tallies[key].error += squared_error(source, decoded, outside)
                self.tallies[key].outside += samples(outside)
        if packets:
            write(key, self._encoders[key], packets)

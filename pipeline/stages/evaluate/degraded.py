"""Degraded pictures: the judge and the observers of people look at edits as viewers get them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.attention.models import OBSERVERS
from pipeline.ground.code import Key, versions
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.pictures.degradations import DEGRADATIONS, degrade
from pipeline.pictures.reading import ImageRefused, read_rgb
from pipeline.scenes.masks import keyword_mask
from pipeline.stages.evaluate.judge import judged_share
from pipeline.stages.evaluate.panel import Look, Panel, Seen, loader

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.stages.evaluate.measure import Picture

JUDGE = "judge"
"""What the judge is called among observers."""


class DegradedLook(NamedTuple):
    """A picture that one observer is to look at after a degradation."""

    look: Look
    degradation: str


def people_and_judge(
    load_judge: Callable[[], AttentionModel], panel: Panel, root: Path
) -> dict[str, Callable[[], AttentionModel]]:
    """Return who looks at degraded pictures, by name, and what loads them in any process."""
    people = {name: loader(name, root) for name in panel.members if name in OBSERVERS}
    return {JUDGE: load_judge, **people}


def degraded_item(observer: str, degradation: str, content: str) -> str:
    """Return the name of such a look among the stage's items."""
    return f"seen by {observer} after {degradation} {content}"


def degraded_looks(
    contents: Mapping[Picture, str], observers: Mapping[str, Callable[[], AttentionModel]]
) -> dict[str, tuple[DegradedLook, Key]]:
    """Return every look at every degradation of pictures, by item, with what it depends on.

    Args:
        contents: of each picture, `content_of`; those with the same are looked at once.
        observers: of `people_and_judge`.
    """
    found = {}
    for name, load in observers.items():
        model = load()
        makers = (__name__, *model.makers)
        # What compresses is a library.
        codecs = str(versions(__name__))
        for (picture, content), degradation in product(contents.items(), DEGRADATIONS):
            item = degraded_item(name, degradation, content)
            look = Look(item, picture.edited, picture.masks, load)
            key = Key(digest(content, degradation, model.digest, codecs), makers)
            found[item] = DegradedLook(look, degradation), key
    return found


def look_degraded(job: DegradedLook) -> Seen:
    """Degrade one picture and ask one observer for it, in a worker process."""
    item, picture, masks, load = job.look
    try:
        image = read_rgb(picture)
        image, mask = degrade(image, keyword_mask(masks, image.shape[:2]), job.degradation)
        return Seen(item, judged_share(load(), image, mask))
    except (ImageRefused, FileNotFoundError, InputError) as error:
        return Seen(item, None, f"{picture}: {error}")

"""The panel: observers that took no part in an edit, each asked what it sees of every picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.ground.code import Key
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import digest, file_digest
from pipeline.pictures.reading import ImageRefused, read_rgb
from pipeline.scenes.masks import keyword_mask
from pipeline.stages.evaluate.judge import judged_share

if TYPE_CHECKING:
    from pipeline.attention.models import AttentionModel
    from pipeline.stages.evaluate.measure import Picture


class Panel(NamedTuple):
    """Who looks, and who was to but does not, with the reason."""

    members: dict[str, AttentionModel]
    left_out: dict[str, str]


class Look(NamedTuple):
    """A picture that one observer is to look at."""

    item: str
    picture: Path
    masks: tuple[Path, ...]
    load: Callable[[], AttentionModel]
    """Returns the observer, in the process that asks."""


class Seen(NamedTuple):
    """The product's share in a look (`item`), None without any attention; or why there is none."""

    item: str
    share: float | None
    failure: str = ""


def panel_of(names: Iterable[str], taking_part: Mapping[str, AttentionModel], root: Path) -> Panel:
    """Load the observers that can be had and take no part.

    Args:
        names: `evaluate.panel`.
        taking_part: the judge and the guide, by what they are.
        root: the data root.
    """
    members, left_out = {}, {}
    for name in names:
        try:
            model = loader(name, root)()
        except (ParamsError, InputError) as error:
            left_out[name] = str(error)
            continue
        roles = [
            role
            for role, other in taking_part.items()
            if (other.digest, other.makers) == (model.digest, model.makers)
        ]
        if roles:
            left_out[name] = f"it is the {roles[0]}"
        else:
            members[name] = model
    return Panel(members, left_out)


def loader(name: str, root: Path) -> Callable[[], AttentionModel]:
    """Return what loads an observer of the panel, in any process."""
    from pipeline.attention.models import load_attention_model

    return partial(load_attention_model, name, root, parameter="evaluate.panel")


def content_of(picture: Picture) -> str:
    """Return a digest of all that a look at a picture depends on besides the observer and code."""
    return digest(picture.scene_digest, file_digest(picture.edited))


def look_item(observer: str, content: str) -> str:
    """Return the name of a look among the stage's items."""
    return f"seen by {observer} {content}"


def looks(
    contents: Mapping[Picture, str], members: Mapping[str, AttentionModel], root: Path
) -> dict[str, tuple[Look, Key]]:
    """Return every look of the panel at the pictures, by item, with what it depends on.

    Args:
        contents: of each picture, `content_of`; those with the same are looked at once.
        members: of the panel.
        root: the data root.
    """
    found = {}
    for picture, content in contents.items():
        for name, model in members.items():
            item = look_item(name, content)
            key = Key(digest(content, model.digest), (__name__, *model.makers))
            found[item] = Look(item, picture.edited, picture.masks, loader(name, root)), key
    return found


def look(job: Look) -> Seen:
    """Ask one observer for one picture, in a worker process."""
    try:
        image = read_rgb(job.picture)
        mask = keyword_mask(job.masks, image.shape[:2])
        return Seen(job.item, judged_share(job.load(), image, mask))
    except (ImageRefused, FileNotFoundError, InputError) as error:
        return Seen(job.item, None, f"{job.picture}: {error}")

"""Files that exist already, taken over byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.files import replacing
from pipeline.ingest.made import Item, Made
from pipeline.scenes.names import SceneName


class FileToCopy(NamedTuple):
    """A file of the input folder, and the place in the out that it is copied to."""

    name: SceneName
    path: Path
    target: str


def copy_scene_file(item: Item, staging: Path) -> Made:
    """Copy one file.

    Never a hard link: a user who edits the imported file in place would change the out with it.
    """
    target = staging / item.task.target
    with replacing(target) as temporary:
        shutil.copyfile(item.task.path, temporary)
    return Made(item.name, [item.task.target])

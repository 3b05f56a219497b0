"""Where things are: the data root of this run, and what all runs of a repository share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.ground.artefacts import CORPUS
from pipeline.ground.errors import InputError, first_line
from pipeline.ground.files import read_text
from pipeline.ground.places import MARKER
from pipeline.ground.yaml_text import load_yaml

TRACKED = "data.dvc"
"""What DVC knows of the inputs."""
STATE = ".gazeshift"


@dataclass(frozen=True)
class Workspace:
    """The data root: a repository, or the copy of it in which DVC runs a queued experiment.

    Every path in tables and params is relative to `root`.
    """

    root: Path

    @classmethod
    def find(cls, root: str | os.PathLike[str] | None = None) -> Workspace:
        """Return the workspace at `root`, or the one that the current directory lies in.

        Raises:
            InputError: `root` is no folder, or no folder from here upwards holds a `params.yaml`.
        """
        if root is not None:
            folder = Path(root).resolve()
            if not os.path.isdir(folder):
                raise InputError(f"--root {folder}: there is no such folder. Name an existing one.")
            return cls(folder)
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / MARKER).is_file():
                return cls(folder)
        raise InputError(
            f"{here} is not inside a Gazeshift repository: neither it nor a folder above holds "
            f"{MARKER}. Change into the repository, or name the data root with --root DIR."
        )

    def path(self, relative: str | os.PathLike[str]) -> Path:
        """Return the absolute path of a path relative to the root (absolute ones stay)."""
        return self.root / relative

    def relative(self, path: Path) -> str:
        """Return `path` relative to the root, with forward slashes, as tables hold it."""
        return path.relative_to(self.root).as_posix()

    @property
    def holds_demo(self) -> bool:
        """Whether the data are the demo's: drawn ads, watched by simulated viewers.

        They are while `data.dvc` lists the note that says so; without a `data.dvc`, where it lies.

        Raises:
            InputError: `data.dvc` is no file as DVC writes it.
        """
        if self.path(TRACKED).is_file():
            return CORPUS in self.tracked_inputs()
        return self.path(CORPUS).is_file()

    def tracked_inputs(self) -> dict[str, str]:
        """Return {path: hash} of the inputs that `data.dvc` tracks; none where it is missing.

        Raises:
            InputError: it is no file as DVC writes it.
        """
        if not self.path(TRACKED).is_file():
            return {}
        try:
            tracked = load_yaml(read_text(self.path(TRACKED)))
            return {
                str(out["path"]): str(out.get("md5", "not committed"))
                for out in tracked["outs"] or []
            }
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                f"{TRACKED} is no file as DVC writes it: {type(error).__name__}: "
                f"{first_line(error)}. Take it back from git, then delete entries only."
            ) from error

    @property
    def state(self) -> Path:
        """Folder of resume state of this data root (ignored by git; safe to delete)."""
        return self.root / STATE

    @property
    def shared_root(self) -> Path:
        """The main workspace, also from within a queued experiment (DVC sets `DVC_ROOT`).

        Only the MLflow store and caches keyed by content may live under it.
        """
        return Path(os.environ.get("DVC_ROOT", self.root)).resolve()

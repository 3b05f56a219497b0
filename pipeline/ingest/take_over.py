"""`source: folder`: scene cuts, masks or heatmaps that exist already, taken over byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.ground.errors import InputError
from pipeline.ground.files import digest
from pipeline.ground.workspace import Workspace
from pipeline.ingest import copying
from pipeline.ingest.copying import FileToCopy, copy_scene_file
from pipeline.ingest.inputs import IngestParams, content_digests, input_path, list_files
from pipeline.ingest.items import Plan, in_parallel
from pipeline.ingest.made import Item
from pipeline.scenes.names import SceneName, parse_scene_name
from schemas.rejected_scenes import Reason, Rejection


def plan_copies(
    workspace: Workspace, params: IngestParams, out: str, *, further_keywords: bool = False
) -> Plan:
    """Plan to copy every file with a scene's name from `params.input` to `out`, one item each."""
    files, refused = find_scene_files(workspace, params, out, further_keywords=further_keywords)
    make = in_parallel(copy_scene_file, workspace, params.name, "file")
    return Plan(copy_items(workspace, files), make, (copying.__name__,), refused)


def find_scene_files(
    workspace: Workspace,
    params: IngestParams,
    out: str,
    *,
    aside: str = "",
    further_keywords: bool = False,
) -> tuple[list[FileToCopy], list[Rejection]]:
    """Return the input's scene files, and what cannot be taken over.

    A scene has one image: of several the first is taken, and all are called image 1 from then on.
    Suffixes become `jpg` or `png`. A file of the name `aside` may lie there too, and, where they
    belong, `.k1` files of a video's further keywords.

    Raises:
        InputError: there is no such folder, or nothing in it.
    """
    folder = input_path(workspace, params)
    paths, refused = list_files(workspace, folder)
    taken: dict[SceneName, FileToCopy] = {}
    named: list[tuple[SceneName, Path]] = []
    for path in paths:
        if path.name == aside:
            continue
        try:
            name = parse_scene_name(path.name)
            if name.keyword_index and not further_keywords:
                raise InputError(f"file name {path.name!r}: '.k{name.keyword_index}' is for masks")
            named.append((name, path))
        except InputError as error:
            refused.append(_refusal(workspace, path, Reason.NAME_DOES_NOT_PARSE, str(error)))
    for name, path in sorted(named):
        scene = name._replace(image_number=1)
        suffix = "png" if path.suffix.lower() == ".png" else "jpg"
        file = FileToCopy(scene, path, f"{out}/{scene.relative(suffix)}")
        first = taken.setdefault(scene, file)
        if first is not file:
            found = f"{workspace.relative(first.path)} is used"
            refused.append(_refusal(workspace, path, Reason.DUPLICATE_SCENE, found, scene))
    if not taken and not refused:
        raise InputError(f"{params.name}.input: {params.input} holds no files. Put yours there.")
    return list(taken.values()), refused


def copy_items(workspace: Workspace, files: Sequence[FileToCopy]) -> list[Item]:
    """Return an item per file, keyed by its content."""
    digests = content_digests([file.path for file in files])
    return [
        Item(file.target, digest(content), file, workspace.relative(file.path))
        for file, content in zip(files, digests, strict=True)
    ]


def _refusal(
    workspace: Workspace, path: Path, reason: Reason, found: str, name: SceneName | None = None
) -> Rejection:
    scene = name.key if name else ("", None)
    return Rejection.of(scene, workspace.relative(path), reason, found)

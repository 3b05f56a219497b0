"""Every kind of broken input as a real file: one scene goes, the rest stay."""

from __future__ import annotations

import csv
import json
import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from scene_trees import write_validate_inputs

from pipeline.ground import artefacts
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.names import SceneName
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.validate import stage as validate
from schemas.rejected_scenes import Reason, Rejection

IMAGES = "data/video_scene_cuts"
HEIGHT, WIDTH = 96, 54


class Files(NamedTuple):
    """The files of one scene."""

    image: Path
    mask: Path
    heatmap: Path

    @classmethod
    def of(cls, root: Path, video_id: str, number: int = 1) -> Files:
        name = SceneName(video_id, number)
        return cls(
            root / IMAGES / name.relative("jpg"),
            root / "keyword_masks" / name.relative("png"),
            root / "attention_heatmap" / name.relative("jpg"),
        )


Change = Callable[[Files], object]


def delete(role: str) -> Change:
    return lambda files: getattr(files, role).unlink()


def write(role: str, content: bytes) -> Change:
    return lambda files: getattr(files, role).write_bytes(content)


def cut(role: str, keep: float) -> Change:
    """Keep the first part of a file."""

    def apply(files: Files) -> None:
        content = getattr(files, role).read_bytes()
        getattr(files, role).write_bytes(content[: int(len(content) * keep)])

    return apply


def save(role: str, image: Image.Image, kind: str, **options: object) -> Change:
    """Save an image under a name, whatever the name says."""
    file = BytesIO()
    image.save(file, kind, **options)
    return write(role, file.getvalue())


def link(role: str, target: str) -> Change:
    """Replace a file by a link; "" means a link to itself."""

    def apply(files: Files) -> None:
        path = getattr(files, role)
        path.unlink()
        path.symlink_to(target or path.name)

    return apply


def link_out(role: str) -> Change:
    """Move a file out of the data root and leave a link to it."""

    def apply(files: Files) -> None:
        path = getattr(files, role)
        path.symlink_to(path.rename(path.parents[4] / f"outside-{path.name}"))

    return apply


def again(role: str, name: Callable[[Path], Path]) -> Change:
    """Put the same file there under another name."""
    return lambda files: os.link(getattr(files, role), name(getattr(files, role)))


def levels(value: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    return encode(np.full(size, value, np.uint8), "png")


def spot(size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Grey levels: a bright rectangle on black."""
    pixels = np.zeros(size, np.uint8)
    pixels[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 255
    return pixels


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 3,600,000,000 pixels."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def rotated() -> tuple[Image.Image, Image.Exif]:
    """An image that lies on its side and says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return Image.new("RGB", (HEIGHT, WIDTH), (90, 120, 30)), exif


SPOT = Image.fromarray(spot())
COLOURS = Image.merge("RGB", [SPOT, SPOT.transpose(Image.Transpose.ROTATE_180), SPOT])
SEE_THROUGH = Image.merge("RGBA", [*COLOURS.split(), SPOT])
SIXTEEN_BITS = Image.fromarray(spot().astype(np.uint16) * 200)

BROKEN: dict[str, tuple[Change, Reason, str]] = {
    "image missing": (delete("image"), Reason.MISSING_SCENE_IMAGE, "image"),
    "mask missing": (delete("mask"), Reason.MISSING_MASK, "mask"),
    "heatmap missing": (delete("heatmap"), Reason.MISSING_HEATMAP, "heatmap"),
    "image empty": (write("image", b""), Reason.UNREADABLE_IMAGE, "image"),
    "mask empty file": (write("mask", b""), Reason.UNREADABLE_IMAGE, "mask"),
    "image cut": (cut("image", 0.6), Reason.UNREADABLE_IMAGE, "image"),
    "image cut in its header": (cut("image", 0.1), Reason.UNREADABLE_IMAGE, "image"),
    "mask cut": (cut("mask", 0.6), Reason.UNREADABLE_IMAGE, "mask"),
    "heatmap cut": (cut("heatmap", 0.9), Reason.UNREADABLE_IMAGE, "heatmap"),
    "text": (write("image", b"<html>404</html>"), Reason.UNREADABLE_IMAGE, "image"),
    "GIF": (save("mask", SPOT, "GIF"), Reason.UNREADABLE_IMAGE, "mask"),
    "image RGBA": (save("image", SEE_THROUGH, "PNG"), Reason.WRONG_IMAGE_MODE, "image"),
    "image CMYK": (
        save("image", COLOURS.convert("CMYK"), "JPEG"),
        Reason.WRONG_IMAGE_MODE,
        "image",
    ),
    "image 16-bit": (save("image", SIXTEEN_BITS, "PNG"), Reason.WRONG_IMAGE_MODE, "image"),
    "mask in colours": (save("mask", COLOURS, "PNG"), Reason.WRONG_IMAGE_MODE, "mask"),
    "mask with palette of colours": (
        save("mask", COLOURS.convert("P"), "PNG"),
        Reason.WRONG_IMAGE_MODE,
        "mask",
    ),
    "mask 16-bit": (save("mask", SIXTEEN_BITS, "PNG"), Reason.WRONG_IMAGE_MODE, "mask"),
    "mask transparent": (
        save("mask", Image.merge("LA", [SPOT, SPOT]), "PNG"),
        Reason.WRONG_IMAGE_MODE,
        "mask",
    ),
    "heatmap in colours": (save("heatmap", COLOURS, "JPEG"), Reason.WRONG_IMAGE_MODE, "heatmap"),
    "image rotated by EXIF, mates not": (
        save("image", Image.new("RGB", (WIDTH, HEIGHT)), "JPEG", exif=rotated()[1]),
        Reason.ASPECT_RATIO_DIFFERS,
        "mask",
    ),
    "image a bomb": (write("image", bomb()), Reason.IMAGE_TOO_LARGE, "image"),
    "mask a bomb": (write("mask", bomb()), Reason.IMAGE_TOO_LARGE, "mask"),
    "mask of another shape": (
        write("mask", encode(spot((WIDTH, HEIGHT)), "png")),
        Reason.ASPECT_RATIO_DIFFERS,
        "mask",
    ),
    "heatmap 3 % wider": (
        write("heatmap", encode(spot((100, 58)), "jpg")),
        Reason.ASPECT_RATIO_DIFFERS,
        "heatmap",
    ),
    "mask of nothing": (write("mask", levels(0)), Reason.MASK_EMPTY, "mask"),
    "mask below the threshold": (write("mask", levels(127)), Reason.MASK_EMPTY, "mask"),
    "mask of all": (write("mask", levels(255)), Reason.MASK_FULL, "mask"),
    "heatmap of zeros": (write("heatmap", levels(0)), Reason.HEATMAP_CONSTANT, "heatmap"),
    "heatmap constant": (write("heatmap", levels(90)), Reason.HEATMAP_CONSTANT, "heatmap"),
    "two images": (
        again("image", lambda path: path.with_suffix(".jpeg")),
        Reason.DUPLICATE_SCENE,
        "image",
    ),
    "the mask in another folder too": (
        again("mask", lambda path: path.parents[1] / path.name),
        Reason.DUPLICATE_SCENE,
        "mask",
    ),
    "a link out of the data": (link_out("image"), Reason.OUTSIDE_DATA_FOLDER, "image"),
    "a link to nothing": (link("heatmap", "nowhere.jpg"), Reason.UNREADABLE_IMAGE, "heatmap"),
    "a link to itself": (link("mask", ""), Reason.UNREADABLE_IMAGE, "mask"),
}

ALSO = {"image rotated by EXIF, mates not": ["heatmap"]}
"""Further files that are refused for the same reason."""

SOUND = {"7000000000000000001": 2, "7000000000000000002": 1}


class Judged(NamedTuple):
    """What validate made of one data root that holds every kind of broken scene."""

    root: Path
    video_ids: dict[str, str]
    rejections: list[Rejection]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    root = tmp_path_factory.mktemp("outer") / "root"
    video_ids = {kind: str(7_100_000_000_000_000_000 + n) for n, kind in enumerate(BROKEN)}
    write_validate_inputs(root, {**dict.fromkeys(video_ids.values(), 1), **SOUND})
    with (root / "params.yaml").open("a") as params:
        params.write("validate: {min_valid_fraction: 0}\n")
    for kind, (change, *_) in BROKEN.items():
        change(Files.of(root, video_ids[kind]))
    validate.main(Workspace(root))
    return Judged(root, video_ids, read_rejections(root / artefacts.REJECTED))


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_refuses_its_scene_with_reason_and_path(judged: Judged, kind: str) -> None:
    _, reason, role = BROKEN[kind]
    video_id = judged.video_ids[kind]
    found = [one for one in judged.rejections if one.video_id == video_id]
    files = Files.of(judged.root, video_id)
    assert {(one.scene_number, one.reason, judged.root / one.file) for one in found} == {
        (1, reason, getattr(files, at_fault)) for at_fault in (role, *ALSO.get(kind, ()))
    }
    assert all(one.found for one in found)


def test_the_other_scenes_go_on(judged: Judged) -> None:
    with (judged.root / artefacts.SCENES).open(newline="") as file:
        valid = [(row["video_id"], int(row["scene_number"])) for row in csv.DictReader(file)]
    assert valid == [(video, n) for video, count in SOUND.items() for n in range(1, count + 1)]
    assert {one.video_id for one in judged.rejections} == set(judged.video_ids.values())


def test_a_scene_is_refused_for_all_its_faults_at_once(workspace: Workspace) -> None:
    video, other = SOUND
    write_validate_inputs(workspace.root, {video: 2, other: 1})
    (workspace.path("data/keywords.csv")).write_text(f"_id,keyword\n{video},mug\n{other},\n")
    cut("image", 0.6)(Files.of(workspace.root, video))
    write("mask", levels(0))(Files.of(workspace.root, video))
    delete("heatmap")(Files.of(workspace.root, video))
    write("mask", encode(spot((WIDTH, HEIGHT)), "png"))(Files.of(workspace.root, other))
    delete("heatmap")(Files.of(workspace.root, other))
    with workspace.path("params.yaml").open("a") as params:
        params.write("validate: {min_valid_fraction: 0}\n")
    verdicts = validate.judge(workspace, validate.ValidateParams.load(workspace))
    assert [[one.reason for one in broken] for broken in verdicts.refused] == [
        [Reason.MISSING_HEATMAP, Reason.UNREADABLE_IMAGE, Reason.MASK_EMPTY],
        [Reason.KEYWORD_BLANK, Reason.MISSING_HEATMAP, Reason.ASPECT_RATIO_DIFFERS],
    ]
    validate.main(workspace)
    assert len(read_rejections(workspace.path(artefacts.REJECTED))) == 6
    summary = json.loads(workspace.path(artefacts.VALIDATION_SUMMARY).read_text())
    assert (summary["scenes_in"], summary["refused"]) == (3, 2)
    assert summary["refused_by_reason"]["missing_heatmap"] == 2


def test_outs_do_not_tell_what_was_remembered(workspace: Workspace) -> None:
    """Refusals come in the order of the scenes, not in that in which they were found out."""
    video, other = SOUND
    write_validate_inputs(workspace.root, {video: 2, other: 1})
    write("mask", levels(0))(Files.of(workspace.root, other))
    params = validate.ValidateParams.load(workspace)
    validate.judge(workspace, params)
    write("mask", levels(255))(Files.of(workspace.root, video))
    again = validate.judge(workspace, params)
    workspace.path(".gazeshift/measurements.sqlite").unlink()
    assert validate.judge(workspace, params) == again
    assert [one.video_id for one in again.rejections] == [video, other]


@pytest.mark.parametrize("role", Files._fields)
def test_a_missing_file_and_an_empty_one_are_told_apart_whichever_came_first(
    workspace: Workspace, role: str
) -> None:
    video = next(iter(SOUND))
    write_validate_inputs(workspace.root, {video: 2})
    params = validate.ValidateParams.load(workspace)
    missing, empty = BROKEN[f"{role} missing"][1], Reason.UNREADABLE_IMAGE
    found = []
    for change in (delete(role), write(role, b""), delete(role)):
        change(Files.of(workspace.root, video))
        verdicts = validate.judge(workspace, params)
        assert len(verdicts.rows) == 1
        found.append([[one.reason for one in broken] for broken in verdicts.refused])
    assert found == [[[missing]], [[empty]], [[missing]]]

"""Every kind of broken input as a real file: one scene goes, the rest stay."""

import csv
import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pytest
from pictures.test_png import header, png
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
    def of(cls, root: Path, video_id: str, number: int = 1) -> Self:
        name = SceneName(video_id, number)
        return cls(
            root / IMAGES / name.relative("jpg"),
            root / "keyword_masks" / name.relative("png"),
            root / "attention_heatmap" / name.relative("jpg"),
        )


Change = Callable[[Path], object]
"""What is done to one file."""


def write(content: bytes) -> Change:
    return lambda path: path.write_bytes(content)


def cut(keep: float) -> Change:
    """Keep the first part of a file."""
    return lambda path: path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def save(image: Image.Image, kind: str, **options: object) -> Change:
    """Save an image under a name, whatever the name says."""
    file = BytesIO()
    image.save(file, kind, **options)
    return write(file.getvalue())


def link(target: str) -> Change:
    """Replace a file by a link; "" means a link to itself."""

    def apply(path: Path) -> None:
        path.unlink()
        path.symlink_to(target or path.name)

    return apply


def link_out(path: Path) -> None:
    """Move a file out of the data root and leave a link to it."""
    path.symlink_to(path.rename(path.parents[4] / f"outside-{path.name}"))


def again(name: Callable[[Path], Path]) -> Change:
    """Put the same file there under another name."""
    return lambda path: os.link(path, name(path))


def levels(value: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    return encode(np.full(size, value, np.uint8), "png")


def spot(size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """Grey levels: a bright rectangle on black."""
    pixels = np.zeros(size, np.uint8)
    pixels[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 255
    return pixels


def with_void() -> bytes:
    """Labels 0 and 1, and between them 255 for what nobody has labelled, as some data sets do."""
    labels = spot() // 255
    labels[HEIGHT // 2] = 255
    return encode(labels, "png")


def ramp() -> np.ndarray:
    """Every grey level up to half: of something soft, not numbers of labels."""
    return np.resize(np.arange(128, dtype=np.uint8), (HEIGHT, WIDTH))


def on_its_side() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


SPOT = Image.fromarray(spot())
COLOURS = Image.merge("RGB", [SPOT, SPOT.transpose(Image.Transpose.ROTATE_180), SPOT])
SEE_THROUGH = Image.merge("RGBA", [*COLOURS.split(), SPOT])
SIXTEEN_BITS = Image.fromarray(spot().astype(np.uint16) * 200)

# A few bytes that say they have 3,600,000,000 pixels.
BOMB = png(header(60_000, 60_000))
UNREADABLE, WRONG_MODE = Reason.UNREADABLE_IMAGE, Reason.WRONG_IMAGE_MODE
BROKEN: dict[str, tuple[str, Change, Reason]] = {
    "image missing": ("image", Path.unlink, Reason.MISSING_SCENE_IMAGE),
    "mask missing": ("mask", Path.unlink, Reason.MISSING_MASK),
    "heatmap missing": ("heatmap", Path.unlink, Reason.MISSING_HEATMAP),
    "image empty": ("image", write(b""), UNREADABLE),
    "mask empty file": ("mask", write(b""), UNREADABLE),
    "image cut": ("image", cut(0.6), UNREADABLE),
    "image cut in its header": ("image", cut(0.1), UNREADABLE),
    "mask cut": ("mask", cut(0.6), UNREADABLE),
    "heatmap cut": ("heatmap", cut(0.9), UNREADABLE),
    "text": ("image", write(b"<html>404</html>"), UNREADABLE),
    "GIF": ("mask", save(SPOT, "GIF"), UNREADABLE),
    "image RGBA": ("image", save(SEE_THROUGH, "PNG"), WRONG_MODE),
    "image CMYK": ("image", save(COLOURS.convert("CMYK"), "JPEG"), WRONG_MODE),
    "image 16-bit": ("image", save(SIXTEEN_BITS, "PNG"), WRONG_MODE),
    "mask in colours": ("mask", save(COLOURS, "PNG"), WRONG_MODE),
    "mask with palette of colours": ("mask", save(COLOURS.convert("P"), "PNG"), WRONG_MODE),
    "mask 16-bit": ("mask", save(SIXTEEN_BITS, "PNG"), WRONG_MODE),
    "mask transparent": ("mask", save(Image.merge("LA", [SPOT, SPOT]), "PNG"), WRONG_MODE),
    "heatmap in colours": ("heatmap", save(COLOURS, "JPEG"), WRONG_MODE),
    "image rotated by EXIF, mates not": (
        "image",
        save(Image.new("RGB", (WIDTH, HEIGHT)), "JPEG", exif=on_its_side()),
        Reason.ASPECT_RATIO_DIFFERS,
    ),
    "image a bomb": ("image", write(BOMB), Reason.IMAGE_TOO_LARGE),
    "mask a bomb": ("mask", write(BOMB), Reason.IMAGE_TOO_LARGE),
    "mask of another shape": (
        "mask",
        write(encode(spot((WIDTH, HEIGHT)), "png")),
        Reason.ASPECT_RATIO_DIFFERS,
    ),
    "heatmap 3 % wider": (
        "heatmap",
        write(encode(spot((100, 58)), "jpg")),
        Reason.ASPECT_RATIO_DIFFERS,
    ),
    "mask of labels": ("mask", write(encode(spot() // 255, "png")), Reason.MASK_OF_LABELS),
    "mask of labels from 1": (
        "mask",
        write(encode(spot() // 255 + 1, "png")),
        Reason.MASK_OF_LABELS,
    ),
    "mask of labels and void": ("mask", write(with_void()), Reason.MASK_OF_LABELS),
    "mask that is dark": ("mask", write(encode(ramp(), "png")), Reason.MASK_EMPTY),
    "mask below the threshold": ("mask", write(levels(127)), Reason.MASK_EMPTY),
    "mask of all": ("mask", write(levels(255)), Reason.MASK_FULL),
    "heatmap of zeros": ("heatmap", write(levels(0)), Reason.HEATMAP_CONSTANT),
    "heatmap constant": ("heatmap", write(levels(90)), Reason.HEATMAP_CONSTANT),
    "two images": ("image", again(lambda p: p.with_suffix(".jpeg")), Reason.DUPLICATE_SCENE),
    "the mask in another folder too": (
        "mask",
        again(lambda path: path.parents[1] / path.name),
        Reason.DUPLICATE_SCENE,
    ),
    "a link out of the data": ("image", link_out, Reason.OUTSIDE_DATA_FOLDER),
    "a link to nothing": ("heatmap", link("nowhere.jpg"), UNREADABLE),
    "a link to itself": ("mask", link(""), UNREADABLE),
}
AT_FAULT = {
    **{kind: {role} for kind, (role, *_) in BROKEN.items()},
    "image rotated by EXIF, mates not": {"mask", "heatmap"},
}
"""The files that are refused."""

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
    for kind, (role, change, _) in BROKEN.items():
        change(getattr(Files.of(root, video_ids[kind]), role))
    validate.main(Workspace(root))
    return Judged(root, video_ids, read_rejections(root / artefacts.REJECTED))


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_refuses_its_scene_with_reason_and_path(judged: Judged, kind: str) -> None:
    found = [one for one in judged.rejections if one.video_id == judged.video_ids[kind]]
    files = Files.of(judged.root, judged.video_ids[kind])
    assert {(one.scene_number, one.reason, judged.root / one.file) for one in found} == {
        (1, BROKEN[kind][-1], getattr(files, role)) for role in AT_FAULT[kind]
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
    files, others = (Files.of(workspace.root, one) for one in SOUND)
    cut(0.6)(files.image)
    files.mask.write_bytes(levels(9))
    others.mask.write_bytes(encode(spot((WIDTH, HEIGHT)), "png"))
    for heatmap in (files.heatmap, others.heatmap):
        heatmap.unlink()
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
    Files.of(workspace.root, other).mask.write_bytes(levels(9))
    params = validate.ValidateParams.load(workspace)
    validate.judge(workspace, params)
    Files.of(workspace.root, video).mask.write_bytes(levels(255))
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
    missing, empty = BROKEN[f"{role} missing"][-1], Reason.UNREADABLE_IMAGE
    found = []
    for change in (Path.unlink, write(b""), Path.unlink):
        change(getattr(Files.of(workspace.root, video), role))
        verdicts = validate.judge(workspace, params)
        assert len(verdicts.rows) == 1
        found.append([[one.reason for one in broken] for broken in verdicts.refused])
    assert found == [[[missing]], [[empty]], [[missing]]]

"""Files that are not what they are called, or cost more than they should: refused, at once."""

import os
import re
import time
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from ingest_inputs import write_video
from PIL import Image
from scene_trees import write_validate_inputs

from pipeline.ground import artefacts
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.params import load_image_size, read_params
from pipeline.ground.workspace import Workspace
from pipeline.pictures.jpeg import MAX_SCANS, read_scans
from pipeline.pictures.reading import (
    ImageRefused,
    grey_pixels,
    probe_rgb,
    read_rgb_at,
    read_size,
    rgb_pixels,
    whole_size,
)
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.keywords import read_keywords
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.params import ValidateParams
from schemas.rejected_scenes import Reason

NOISE = np.random.default_rng(0).integers(0, 256, (75, 43, 3), dtype=np.uint8)
GREY = np.full((75, 43, 3), 128, np.uint8)
EVERY_READER = (probe_rgb, rgb_pixels, grey_pixels)


def file_of(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def encoded_png(pixel_format: str) -> bytes:
    """A PNG of a form that Pillow cannot write, by FFmpeg."""
    encoder = av.VideoCodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 16, 16, pixel_format
    encoder.time_base = Fraction(1)
    frame = av.VideoFrame.from_ndarray(NOISE[:16, :16].copy(), "rgb24")
    packets = encoder.encode(frame.reformat(format=pixel_format))
    return b"".join(map(bytes, [*packets, *encoder.encode()]))


BEYOND_8_BITS = {
    "rgb of 16 bits": encoded_png("rgb48be"),
    "rgb with alpha of 16 bits": encoded_png("rgba64be"),
    "grey with alpha of 16 bits": encoded_png("ya16be"),
    "a transparent colour": file_of(NOISE, "PNG", transparency=(1, 2, 3)),
    "a transparent grey": file_of(NOISE[..., 0], "PNG", transparency=7),
}


@pytest.mark.parametrize("content", BEYOND_8_BITS.values(), ids=BEYOND_8_BITS.keys())
@pytest.mark.parametrize("read", EVERY_READER)
def test_what_pillow_would_drop_in_silence_is_refused(
    read: Callable[[bytes], object], content: bytes
) -> None:
    with pytest.raises(ImageRefused) as refused:
        read(content)
    assert refused.value.reason is Reason.WRONG_IMAGE_MODE


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return file_of(NOISE, "JPEG", exif=exif.tobytes())


JPEGS = {
    "colour": file_of(NOISE, "JPEG"),
    "best": file_of(NOISE, "JPEG", quality=100, subsampling=0),
    "grey": file_of(NOISE[..., 0], "JPEG"),
    "restart markers": file_of(NOISE, "JPEG", restart_marker_blocks=2),
    "progressive": file_of(NOISE, "JPEG", progressive=True),
    "flat grey": file_of(GREY, "JPEG"),
    "turned": turned(),
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9])
def test_a_cut_jpeg_with_an_end_behind_is_refused(kind: str, part: float, tmp_path: Path) -> None:
    content = JPEGS[kind]
    data = content.index(b"\xff\xda") + 14
    cut = content[: data + int(part * (len(content) - data))].rstrip(b"\xff") + b"\xff\xd9"
    sound, path = tmp_path / "sound.jpg", tmp_path / "cut.jpg"
    sound.write_bytes(content)
    path.write_bytes(cut)
    assert whole_size(sound)
    with pytest.raises(ImageRefused, match="truncated"):
        whole_size(path)
    readers = [rgb_pixels, *([grey_pixels] if kind == "grey" else [])]
    # Of a flat grey one, what decoders make up is all that it shows.
    for read in readers if kind != "flat grey" else []:
        assert read(content) is not None
        with pytest.raises(ImageRefused, match="truncated"):
            read(cut)
    if kind == "best":
        with pytest.raises(ImageRefused, match="truncated"):
            read_rgb_at(path, (18, 10))


def without(content: bytes, start: int, end: int, kept: float) -> bytes:
    """Leave out the end of some data, and no marker."""
    return content[: start + int(kept * (end - start))].rstrip(b"\xff") + content[end:]


def data_of(content: bytes) -> list[tuple[int, int]]:
    """Where the data of each scan are, or of each restart interval."""
    parts = []
    for start, end in read_scans(content).spans:
        for interval in re.split(rb"\xff[\xd0-\xd7]", content[start:end]):
            parts.append((start, start + len(interval)))
            start += len(interval) + 2
    return parts


SMOOTH = np.linspace(0, 255, 72 * 40 * 3).reshape(72, 40, 3).astype(np.uint8)
IN_PARTS = {
    "restarts": file_of(NOISE, "JPEG", restart_marker_rows=1),
    "grey restarts": file_of(NOISE[..., 0], "JPEG", restart_marker_rows=1),
    "progressive": file_of(NOISE, "JPEG", progressive=True),
    "smooth progressive": file_of(SMOOTH, "JPEG", progressive=True, quality=95),
    "progressive restarts": file_of(NOISE, "JPEG", progressive=True, restart_marker_rows=2),
}


@pytest.mark.parametrize("content", IN_PARTS.values(), ids=IN_PARTS)
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_data_that_end_early_in_any_part_are_refused(
    content: bytes, kept: float, tmp_path: Path
) -> None:
    path = tmp_path / "cut.jpg"
    for start, end in data_of(content):
        cut = without(content, start, end, kept)
        if np.array_equal(Image.open(BytesIO(cut)), Image.open(BytesIO(content))):
            continue
        path.write_bytes(cut)
        with pytest.raises(ImageRefused, match="the data end early"):
            whole_size(path)
        with pytest.raises(ImageRefused, match="the data end early"):
            rgb_pixels(cut)


def test_a_restart_interval_that_is_gone_with_its_marker_is_missed(tmp_path: Path) -> None:
    content = IN_PARTS["restarts"]
    parts = data_of(content)
    path = tmp_path / "gone.jpg"
    for number in range(1, len(parts)):
        path.write_bytes(content[: parts[number - 1][1]] + content[parts[number][1] :])
        with pytest.raises(ImageRefused, match="the data end early"):
            whole_size(path)


@pytest.mark.parametrize("content", IN_PARTS.values(), ids=IN_PARTS)
def test_sound_parts_are_taken_with_and_without_bytes_that_fill(content: bytes) -> None:
    filled = content
    for _, end in reversed(data_of(content)):
        filled = filled[:end] + b"\xff" * 3 + filled[end:]
    np.testing.assert_array_equal(rgb_pixels(content), rgb_pixels(filled))


def test_scans_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    content = JPEGS["progressive"]
    last = content.rindex(b"\xff\xda")
    path = tmp_path / "many.jpg"
    path.write_bytes(content[:last] + content[last:-2] * 5000 + b"\xff\xd9")
    started = time.process_time()
    for read in (read_size, lambda path: probe_rgb(path.read_bytes())):
        with pytest.raises(ImageRefused, match=f"scans, at most {MAX_SCANS}"):
            read(path)
    assert time.process_time() - started < 1


def no_videos(secret: Path) -> dict[str, bytes]:
    return {
        "playlist": f"ffconcat version 1.0\nfile '{secret}'\n".encode(),
        "hls": f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n".encode(),
        "gif": file_of(NOISE, "GIF"),
        "jpeg": file_of(NOISE, "JPEG"),
        "png": file_of(NOISE, "PNG"),
    }


def test_only_videos_are_videos_and_none_reads_another_file(workspace: Workspace) -> None:
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    write_video(workspace.path("data/videos/real.mp4"), shots=[5])
    write_video(workspace.path("secret.mp4"), shots=[5])
    others = no_videos(workspace.path("secret.mp4"))
    for name, content in others.items():
        write_bytes(workspace.path(f"data/videos/{name}.mp4"), content)
    scene_cuts.main(workspace)
    assert [cut.video_id for cut in read_cuts(workspace.path(artefacts.CUTS_CSV))] == ["real"]
    refused = read_rejections(workspace.path(scene_cuts.REFUSED))
    assert {one.video_id for one in refused} == set(others)
    assert {one.reason for one in refused} == {Reason.VIDEO_UNREADABLE}


def test_pipes_are_refused_without_waiting_for_them(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {"v00": 2})
    mask = "keyword_masks/v00/v00-Scene-002-01.png"
    workspace.path(mask).unlink()
    os.mkfifo(workspace.path(mask))
    verdicts = validate.judge(workspace, ValidateParams())
    assert [row.scene_number for row in verdicts.rows] == [1]
    [refusal] = verdicts.rejections
    assert (refusal.file, refusal.reason) == (mask, Reason.OUTSIDE_DATA_FOLDER)
    write_video(workspace.path("data/videos/v00.mp4"), shots=[5])
    os.mkfifo(workspace.path("data/videos/v01.mp4"))
    for out in (artefacts.CUTS, artefacts.MASKS, artefacts.HEATMAPS):
        workspace.path(out).rename(workspace.path(f"{Path(out).name}_before"))
    scene_cuts.main(workspace)
    [refusal] = read_rejections(workspace.path(scene_cuts.REFUSED))
    assert (refusal.file, refusal.found[:7]) == ("data/videos/v01.mp4", "no file")
    for name, read in (("keywords.csv", read_keywords), ("params.yaml", None)):
        path = workspace.path(name)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        with pytest.raises((InputError, ParamsError), match="is no file: a pipe"):
            read(path) if read else read_params(workspace)


BOMBS = {
    "lists": "\n".join(
        ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]" for n in range(1, 30)]
    )
    + "\nimage_size: *a29\n",
    "merged": "\n".join(
        ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{f'*a{n - 1},' * 9}]}}" for n in range(1, 30)]
    ),
    "itself": "image_size: &a [*a]\n",
    "a number": f"image_size: {'9' * 5000}\n",
    "a date": "image_size: 2026-99-99\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_params_that_grow_without_end_end_at_once(workspace: Workspace, text: str) -> None:
    write_text(workspace.path("params.yaml"), text)
    started = time.process_time()
    with pytest.raises(ParamsError, match="not valid YAML"):
        load_image_size(workspace)
    assert time.process_time() - started < 2


def test_params_may_have_aliases(workspace: Workspace) -> None:
    write_text(workspace.path("params.yaml"), "image_size: &size 64\ncompute: {n_jobs: *size}\n")
    assert read_params(workspace) == {"image_size": 64, "compute": {"n_jobs": 64}}


def test_a_thousand_scans_of_everything_are_not_followed() -> None:
    content = JPEGS["progressive"]
    first = content.index(b"\xff\xda")
    ids = bytes(value for component in range(255) for value in (component, 0))
    scan = b"\xff\xda" + (6 + len(ids)).to_bytes(2, "big") + b"\xff" + ids + b"\x00\xff\x00"
    started = time.process_time()
    with pytest.raises(ImageRefused, match="scans"):
        probe_rgb(content[:first] + scan * 1000 + content[first:])
    assert time.process_time() - started < 3

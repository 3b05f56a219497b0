"""Small films with a square that moves before a pattern, cut into scenes, and edits of them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import pandas as pd

from pipeline.ground.artefacts import CUTS, CUTS_CSV, EDITS, SCENES, edited_scene
from pipeline.ground.files import digest, write_bytes, write_text
from pipeline.ground.tables import write_table
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode, read_rgb
from pipeline.scenes.cuts import image_path, read_cuts
from pipeline.scenes.split import split_of
from pipeline.stages.scene_cuts import stage as scene_cuts
from schemas.valid_scenes import COLUMNS

SIZE = (96, 64)
SIDE = 26
_TICKS_PER_S = 12800
PARAMS = """compute: {n_jobs: 1}
image_size: [96, 64]
scene_cuts: {jpeg_quality: 100, min_scene_s: 0.2}
"""


def pattern(seed: int, size: tuple[int, int], cell: int = 8) -> np.ndarray:
    """Soft random colours, H×W×3."""
    height, width = size
    small = np.random.default_rng(seed).integers(
        30, 226, (height // cell + 2, width // cell + 2, 3)
    )
    return cv2.resize(small.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def corner(frame: int) -> tuple[int, int]:
    """Row and column of the square's corner."""
    return 20 + frame // 2, 10 + frame


def draw(shot: int, frame: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A frame of a shot: the square moves to the right and down, the pattern stands."""
    picture = pattern(shot, size)
    top, left = corner(frame)
    picture[top : top + SIDE, left : left + SIDE] = pattern(100 + shot, (SIDE, SIDE))
    return picture


def square(frame: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The square's mask."""
    mask = np.zeros(size, bool)
    top, left = corner(frame)
    mask[top : top + SIDE, left : left + SIDE] = True
    return mask


class Film(NamedTuple):
    """How a film is written."""

    shots: Sequence[int] = (12, 12)
    """Frames of each."""
    frame_ms: Sequence[int] = (40,)
    """How long frames are shown, again and again."""
    sound_s: float = 0
    sound: str = "aac"
    full_range: bool = False
    matrix: int = 2
    rotation: int = 0
    aspect: Fraction = Fraction(1)
    tracks: int = 1
    pixels: str = "yuv420p"
    picture: Callable[[int, int], np.ndarray] = draw


PLAIN = Film()


def write_film(path: Path, film: Film = PLAIN) -> None:
    """Write a film as H.264, with AAC where it has sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4" if film.sound == "aac" else "mov") as container:
        tracks = [container.add_stream("libx264", rate=25) for _ in range(film.tracks)]
        for track in tracks:
            track.height, track.width = film.picture(0, 0).shape[:2]
            track.pix_fmt, track.options = film.pixels, {"crf": "4", "g": "8"}
            context = track.codec_context
            context.time_base = Fraction(1, _TICKS_PER_S)
            context.sample_aspect_ratio = film.aspect
            context.color_range, context.colorspace = 1 + film.full_range, film.matrix
            if film.rotation:
                track.set_display_rotation(film.rotation)
        sound = (
            container.add_stream(film.sound, rate=16000, layout="mono") if film.sound_s else None
        )
        if sound is not None:
            samples = np.random.default_rng(0).normal(0, 0.1, (1, round(16000 * film.sound_s)))
            frame = av.AudioFrame.from_ndarray(samples.astype(np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux([*sound.encode(frame), *sound.encode()])
        numbers = [(shot, n) for shot, count in enumerate(film.shots) for n in range(count)]
        for track in tracks:
            time_ms = 0
            for place, (shot, number) in enumerate(numbers):
                rgb = av.VideoFrame.from_ndarray(film.picture(shot, number), format="rgb24")
                picture = rgb.reformat(
                    format=film.pixels,
                    dst_colorspace=film.matrix if film.matrix != 2 else None,
                    dst_color_range=1 + film.full_range,
                )
                picture.pts = time_ms * _TICKS_PER_S // 1000
                picture.time_base = Fraction(1, _TICKS_PER_S)
                picture.duration = film.frame_ms[place % len(film.frame_ms)] * _TICKS_PER_S // 1000
                container.mux(track.encode(picture))
                time_ms += film.frame_ms[place % len(film.frame_ms)]
            container.mux(track.encode())


def edit_scenes(
    workspace: Workspace,
    arms: dict[str, dict[int, int]],
    masked: Callable[[int], np.ndarray] | None = None,
) -> None:
    """Write what `edit` makes of the scenes that were cut, and what it is made of.

    Args:
        workspace: with videos; they are cut here.
        arms: {arm: {scene: levels that red, green and blue rise by on the product}}.
        masked: the product's mask in the scene's image, by the number of its frame in the shot.
    """
    if not workspace.path(CUTS_CSV).is_file():
        scene_cuts.main(workspace)
    rows, edits = [], []
    for scene in read_cuts(workspace.path(CUTS_CSV)):
        path = image_path(workspace.path(CUTS), scene)
        image = read_rgb(path)
        frame = round(25 * ((scene.image_time_s or 0) - (scene.start_s or 0)))
        mask = (masked or square)(frame)
        mask_file = f"keyword_masks/{scene.name.relative('png')}"
        write_bytes(workspace.path(mask_file), encode(mask.astype(np.uint8) * 255, "png"))
        head = {"video_id": scene.video_id, "scene_number": scene.scene_number}
        row = dict.fromkeys(COLUMNS, "") | head | {
            "keyword": "square", "keyword_mask_path": mask_file, "filename": path.name,
            "scene_image_path": workspace.relative(path), "attention_heatmap_path": "none.jpg",
            "width": scene.width, "height": scene.height, "extra_mask_paths": "[]",
            "mask_coverage": 0.1, "alignment_score": 0.1, "attention_share": 0.1,
            "split": split_of(scene.video_id), "heatmap_source": "recorded",
            "extra_keywords": "[]", "digest": digest(path.read_bytes()),
        }  # fmt: skip
        rows.append(row)
        for arm, changes in arms.items():
            levels = changes.get(scene.scene_number, 0)
            edited = np.clip(image + levels * mask[..., None].astype(int), 0, 255).astype(np.uint8)
            file = edited_scene(arm, scene.video_id, f"{path.stem}.png")
            write_bytes(workspace.path(file), encode(edited, "png"))
            change = float(np.abs(edited.astype(int) - image).mean())
            edits.append(head | {
                "filename": f"{path.stem}.png", "variant": arm, "alpha": 1.0, "region": "keyword",
                "redrawn": "keyword", "modified": levels != 0, "mean_abs_change": change,
                "editor": "none",
            })  # fmt: skip
    write_table(workspace.path(SCENES), pd.DataFrame(rows))
    empty = dict.fromkeys(
        ("strength", "strength_limit", "evaluations", "outside_psnr_db", "whole_psnr_db",
         "whole_ssim_raw", "decoder_fit", "guide_share", "guide_dose", "guide_achieved", "reached")
    )  # fmt: skip
    write_table(workspace.path(EDITS), pd.DataFrame([edit | empty for edit in edits]))


def set_params(workspace: Workspace, render: str = "{}") -> None:
    """Write params.yaml with this section for the stage render."""
    write_text(workspace.path("params.yaml"), f"{PARAMS}render: {render}\n")


class Played(NamedTuple):
    """What a player finds in a file."""

    times: list[int]
    lumas: list[np.ndarray]
    keys: list[bool]
    sound: list[tuple[int | None, int | None, bytes]]
    stream: dict[str, object]


def play(path: Path) -> Played:
    """Decode a file."""
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        frames = list(container.decode(track))
        context = track.codec_context
        stream = {
            "time base": track.time_base, "duration": track.duration,
            "aspect": track.sample_aspect_ratio or Fraction(1), "rotation": frames[0].rotation,
            "range": context.color_range, "matrix": context.colorspace,
            "primaries": context.color_primaries, "transfer": context.color_trc,
        }  # fmt: skip
    lumas = []
    for frame in frames:
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        lumas.append(rows[: frame.height, : frame.width].copy())
    with av.open(str(path)) as container:
        sound = [
            (packet.pts, packet.duration, bytes(packet))
            for packet in (container.demux(audio=0) if container.streams.audio else ())
            if packet.size
        ]
    times = [frame.pts for frame in frames if frame.pts is not None]
    return Played(times, lumas, [bool(frame.key_frame) for frame in frames], sound, stream)

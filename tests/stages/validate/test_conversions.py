"""What has another form than our own and converts exactly is taken, at its size as displayed."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scene_trees import draw_scene, write_validate_inputs

from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.resizing import resize
from pipeline.scenes.names import SceneName
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.summary import Verdicts

VIDEO = "7000000000000000001"
HEIGHT, WIDTH = 96, 54
IMAGE, MASK, HEATMAP = (Image.fromarray(pixels) for pixels in draw_scene(VIDEO, 1, (HEIGHT, WIDTH)))


def png(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def on_its_side(image: Image.Image) -> bytes:
    """The same picture, stored rotated with an EXIF orientation that sets it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return png(image.transpose(Image.Transpose.ROTATE_90), exif=exif)


def judge(workspace: Workspace, image: bytes, mask: bytes, heatmap: bytes) -> Verdicts:
    """Validate a data root that holds one scene with these files."""
    write_validate_inputs(workspace.root, {})
    write_text(workspace.path("data/keywords.csv"), f"_id,keyword\n{VIDEO},mug\n")
    name = SceneName(VIDEO, 1).relative("png")
    write_bytes(workspace.path(f"data/video_scene_cuts/{name}"), image)
    write_bytes(workspace.path(f"keyword_masks/{name}"), mask)
    write_bytes(workspace.path(f"attention_heatmap/{name}"), heatmap)
    verdicts = validate.judge(workspace, validate.ValidateParams.load(workspace))
    assert verdicts.rejections == []
    return verdicts


def figures(verdicts: Verdicts) -> list[float]:
    (row,) = verdicts.rows
    return [float(row.mask_coverage), float(row.alignment_score), float(row.attention_share)]


@pytest.fixture
def expected(workspace: Workspace) -> list[float]:
    return figures(judge(workspace, png(IMAGE), png(MASK), png(HEATMAP)))


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: png(image.convert("RGB")),
        lambda image: png(image.convert("RGBA")),
        lambda image: png(image.convert("L").convert("P")),
        lambda image: png(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)),
        on_its_side,
    ],
    ids=["RGB", "opaque RGBA", "grey palette", "16-bit", "rotated by EXIF"],
)
def test_other_forms_of_mask_and_heatmap_give_the_same_figures(
    workspace: Workspace, expected: list[float], convert: Callable[[Image.Image], bytes]
) -> None:
    verdicts = judge(workspace, png(IMAGE), convert(MASK), convert(HEATMAP))
    assert (figures(verdicts), verdicts.resized) == (expected, 0)


@pytest.mark.parametrize(
    "image",
    [
        png(IMAGE.convert("RGBA")),
        png(IMAGE.convert("L")),
        png(IMAGE.convert("1")),
        png(IMAGE.convert("P", palette=Image.Palette.ADAPTIVE)),
        on_its_side(IMAGE),
    ],
    ids=["opaque RGBA", "grey", "black and white", "palette", "rotated by EXIF"],
)
def test_other_forms_of_image_are_taken_at_the_size_displayed(
    workspace: Workspace, image: bytes
) -> None:
    (row,) = judge(workspace, image, png(MASK), png(HEATMAP)).rows
    assert (row.width, row.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [(192, 108), (48, 27), (96, 55)], ids=["2x", "1/2", "1.9 % wider"])
def test_another_size_of_about_the_same_shape_is_resized_and_said_so(
    workspace: Workspace, expected: list[float], size: tuple[int, int]
) -> None:
    mask, heatmap = (png(Image.fromarray(resize(np.asarray(x), size))) for x in (MASK, HEATMAP))
    verdicts = judge(workspace, png(IMAGE), mask, heatmap)
    assert verdicts.resized == 1
    np.testing.assert_allclose(figures(verdicts), expected, rtol=0.1)

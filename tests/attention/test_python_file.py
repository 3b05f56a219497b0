"""A judge or a guide from outside, a Python file: tried before it is asked, its faults named."""

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.attention.models import load_attention_model
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import write_text
from pipeline.pictures.tensors import tensor_of
from pipeline.stages.evaluate.judge import refuse_guide

RED = "def attention_map(image): return image[..., 0] / 3.0\n"
FAULTS = {
    "exits at its end": (
        RED + "import sys\nsys.exit(0)",
        r"it cannot be loaded in line 3 \(SystemExit: 0",
    ),
    "exits": ("def attention_map(image): raise SystemExit(0)", r"fails in line 1 \(SystemExit: 0"),
    "raises": (
        "def attention_map(image):\n    raise ValueError('x')",
        r"fails in line 2 \(ValueError: x",
    ),
    "raises when loaded": ("1 / 0", "it cannot be loaded in line 1"),
    "no Python": ("def attention_map(image) return 3", r"it cannot be loaded \(SyntaxError"),
    "imports what is not there": ("import no_such_thing", "No module named 'no_such_thing'"),
    "takes two": ("def attention_map(image, size): return 0", "missing 1 required positional"),
    "text": ("def attention_map(image): return 'hot'", "returned a str, no array of numbers"),
    "nothing": ("def attention_map(image): pass", "returned a NoneType, no array of numbers"),
    "complex": ("def attention_map(image): return image[..., 0] * 1j", "its values are complex"),
    "gradients": (
        "import torch\n"
        "def attention_map(image): return torch.ones(image.shape[:2], requires_grad=True)",
        "returned a Tensor, no array of numbers .*requires grad",
    ),
    "exits when its function is looked up": (
        "import sys\ndef __getattr__(name): sys.exit(0)",
        r"it cannot be loaded in line 2 \(SystemExit: 0",
    ),
    "raises no Exception": (
        "import asyncio\ndef attention_map(image): raise asyncio.CancelledError",
        r"fails in line 2 \(CancelledError",
    ),
    "raises what says nothing": (
        "class Mute(Exception):\n    def __str__(self): 1 / 0\n"
        "def attention_map(image): raise Mute",
        r"fails in line 3 \(Mute: its text cannot be had",
    ),
    "random": (
        "import numpy as np\ndef attention_map(image): return np.random.rand(*image.shape[:2])",
        "saw the same picture differently",
    ),
}


@pytest.mark.parametrize(("source", "words"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("parameter", ["evaluate.judge", "edit.guide"])
def test_its_faults_are_told_before_it_is_asked(
    tmp_path: Path, parameter: str, source: str, words: str
) -> None:
    write_text(tmp_path / "models/own.py", source)
    with pytest.raises(InputError, match=rf"^{parameter}: .*models/own\.py.*{words}"):
        load_attention_model("models/own.py", tmp_path, parameter=parameter)


def test_one_that_fails_later_is_named_too(tmp_path: Path) -> None:
    write_text(
        tmp_path / "models/own.py",
        "def attention_map(image):\n    if image.max() < 9: raise SystemExit(0)\n"
        "    return image[..., 0] / 3.0",
    )
    judge = load_attention_model("models/own.py", tmp_path, parameter="evaluate.judge")
    with pytest.raises(InputError, match=r"^evaluate\.judge: .*fails in line 2 \(SystemExit"):
        judge.maps(tensor_of(np.zeros((1, 8, 8, 3), np.uint8)))


def test_one_that_learns_while_it_looks_is_named(tmp_path: Path) -> None:
    write_text(
        tmp_path / "models/own.py",
        "seen = []\ndef attention_map(image):\n    seen.append(0)\n"
        "    return image[..., 0] + 9.0 * (len(seen) > 9)",
    )
    judge = load_attention_model("models/own.py", tmp_path, parameter="evaluate.judge")
    images = tensor_of(np.zeros((4, 8, 8, 3), np.uint8))
    judge.maps(images)
    with pytest.raises(InputError, match=r"^evaluate\.judge: .*saw the same picture differently"):
        judge.maps(images)


WORKING = {
    "pools by 64": (
        "import numpy as np\n"
        "def attention_map(image):\n"
        "    height, width = image.shape[:2]\n"
        "    parts = image[..., 0].reshape(height // 64, 64, width // 64, 64).mean((1, 3))\n"
        "    return np.kron(parts, np.ones((64, 64)))"
    ),
    "is loaded once": (
        "import os\n"
        "assert 'GAZESHIFT_TEST_LOADED' not in os.environ\n"
        "os.environ['GAZESHIFT_TEST_LOADED'] = ''\n" + RED
    ),
    "adds in any order, in 16 bits": (
        "import numpy as np\n"
        "def attention_map(image): return 9 + 0.001 * np.random.rand(*image.shape[:2])"
    ),
}


@pytest.mark.parametrize("source", WORKING.values(), ids=WORKING)
def test_one_that_works_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    # Restores what the file sets.
    monkeypatch.setattr("os.environ", dict(os.environ))
    write_text(tmp_path / "models/own.py", source)
    judge = load_attention_model("models/own.py", tmp_path, parameter="evaluate.judge")
    assert judge.maps(tensor_of(np.zeros((1, 64, 64, 3), np.uint8))).shape == (1, 64, 64)


def test_what_it_writes_into_a_picture_nobody_sees(tmp_path: Path) -> None:
    write_text(
        tmp_path / "models/own.py",
        "def attention_map(image):\n    image //= 2\n    return image[..., 0] / 3.0",
    )
    judge = load_attention_model("models/own.py", tmp_path)
    pixels = np.full((1, 8, 8, 3), 200, np.uint8)
    images = tensor_of(pixels)
    first = judge.maps(images)
    assert (first == judge.maps(images)).all()
    assert (images == tensor_of(pixels)).all()


@pytest.mark.parametrize("role", ["evaluate.judge", "edit.guide"])
def test_one_that_sees_nothing_in_any_scene_is_refused(tmp_path: Path, role: str) -> None:
    write_text(tmp_path / "models/zeros.py", "def attention_map(image): return image[..., 0] * 0")
    write_text(tmp_path / "models/red.py", RED)
    zeros, red = (load_attention_model(f"models/{n}.py", tmp_path) for n in ("zeros", "red"))
    judge, guide = (zeros, red) if role == "evaluate.judge" else (red, zeros)
    scenes = list(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8))
    with pytest.raises(ParamsError, match=rf"^{role} sees nothing: its maps of 2 scenes"):
        refuse_guide(judge, guide, scenes, (16, 16))

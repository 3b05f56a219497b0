"""Attention models: one interface, whoever made the model."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from pipeline.attention.models import MODELS, is_watched, load_attention_model
from pipeline.attention.predictor import Predictor
from pipeline.ground.code import closure
from pipeline.ground.errors import GazeshiftError, ParamsError
from pipeline.ground.files import write_text
from pipeline.pictures.tensors import pixels_of, tensor_of

INSTALLED = importlib.util.find_spec("mediaattention") is not None
OWN = (
    *("centre_surround", "spectral_residual", "fine_grained"),
    *("itti_koch", "graph_based", "histogram_contrast"),
)
# "ads" and "unisal" fetch their weights.
OFFLINE = [name for name in MODELS if name not in ("mediaattention:ads", "mediaattention:unisal")]


def maps(name: str, pixels: np.ndarray) -> np.ndarray:
    return load_attention_model(name, Path()).maps(tensor_of(pixels[None]))[0].numpy()


def red_dot() -> np.ndarray:
    image = np.full((96, 64, 3), 128, np.uint8)
    image[60:68, 40:48] = (220, 30, 30)
    return image


@pytest.mark.parametrize("name", OWN)
def test_a_red_dot_on_grey_draws_attention(name: str) -> None:
    attention = maps(name, red_dot())
    row, column = np.unravel_index(attention.argmax(), attention.shape)
    assert abs(row - 64) <= 10
    assert abs(column - 44) <= 10


@pytest.mark.parametrize("name", OFFLINE)
def test_every_model_gives_a_map_of_the_images_size(name: str) -> None:
    if name.startswith("mediaattention") and not INSTALLED:
        pytest.skip("mediaattention is not installed")
    model = load_attention_model(name, Path())
    noise = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), np.uint8)
    attention = model.maps(tensor_of(noise))
    assert attention.shape == (2, 96, 64)
    assert attention.dtype == torch.float32
    assert torch.isfinite(attention).all()
    assert attention.min() >= 0
    assert attention.max() > 0
    assert model.name == name
    assert len(model.digest) == 32


@pytest.mark.parametrize("name", OWN)
def test_the_flower_in_a_photograph_draws_attention(name: str) -> None:
    attention = maps(name, load_sample_image("flower.jpg"))
    # The flower is left of and above the centre; it must draw more than the dark right edge.
    assert attention[:, :500].mean() > 1.5 * attention[:, 560:].mean()


@pytest.mark.parametrize("name", OWN)
def test_a_picture_gets_the_same_map_in_any_company(name: str) -> None:
    model = load_attention_model(name, Path())
    noise = np.random.default_rng(0).integers(0, 256, (1, 96, 64, 3), np.uint8)
    both = model.maps(tensor_of(np.concatenate([red_dot()[None], noise])))
    np.testing.assert_allclose(both[0].numpy(), maps(name, red_dot()), atol=1e-6)


@pytest.mark.parametrize("name", ["itti_koch", "graph_based", "histogram_contrast"])
@pytest.mark.parametrize("size", [(177, 97), (31, 5), (1, 1)], ids=str)
def test_where_nothing_is_to_be_seen_attention_is_everywhere(name: str, size) -> None:
    attention = maps(name, np.full((*size, 3), (85, 170, 20), np.uint8))
    assert attention.shape == size
    assert attention.min() > 0
    assert np.ptp(attention) < 1e-6 * attention.max()
    half = np.full((*size, 3), 85, np.uint8)
    half[: size[0] // 3] = 200
    if size[0] > 3:
        assert np.ptp(maps(name, half)) > 0.05 * maps(name, half).max()


def test_more_contrast_draws_more_and_the_gradient_says_so() -> None:
    model = load_attention_model("centre_surround", Path())
    assert model.differentiable
    image = tensor_of(red_dot()[None])
    dot = torch.zeros(96, 64, dtype=torch.bool)
    dot[60:68, 40:48] = True
    contrast = torch.tensor(1.0, requires_grad=True)
    # The grey around the dot is 128, which is 1/255 in [-1, 1].
    changed = torch.where(dot, contrast * (image - 1 / 255) + 1 / 255, image)
    attention = model.maps(changed)
    (attention[0][dot].sum() / attention.sum()).backward()
    assert contrast.grad is not None
    assert contrast.grad > 0.05


def test_pixels_survive_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(pixels_of(tensor_of(levels)), levels)


@pytest.mark.skipif(INSTALLED, reason="installed")
def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ParamsError, match=r"pip install mediaattention"):
        load_attention_model("mediaattention:ads", Path())


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"edit\.guide: 'deepgaze' is no .*: name one of centre_"):
        load_attention_model("deepgaze", tmp_path, parameter="edit.guide")


@pytest.mark.parametrize("location", ["", "missing.py", "missing"])
def test_what_is_not_there_is_no_model(location: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="is no attention model"):
        load_attention_model(location, tmp_path)


@pytest.mark.parametrize("name", OWN)
def test_the_key_of_a_model_holds_its_own_code_and_no_other_models(name: str) -> None:
    model = load_attention_model(name, Path())
    assert model.makers == (MODELS[name].partition(":")[0],)
    files = closure(*model.makers, "pipeline.attention.models")
    assert {f"pipeline/attention/{other}.py" for other in ("media", "predictor")}.isdisjoint(files)
    assert ("pipeline/attention/centre_surround.py" in files) == (name == "centre_surround")


def test_where_outs_lie_is_no_code_of_the_predictor() -> None:
    assert "pipeline/ground/artefacts.py" not in closure(*Predictor.makers)


def test_a_python_file_must_lie_where_dvc_looks(tmp_path: Path) -> None:
    write_text(tmp_path / "data/red.py", "def attention_map(image): return image[..., 0] / 3")
    with pytest.raises(ParamsError, match=r"data/red\.py must lie below models/"):
        load_attention_model("data/red.py", tmp_path)
    assert not is_watched("demo/scenes.py")
    assert is_watched("demo/other_viewers.py")


def test_a_python_file_sees_bytes_and_its_key_follows_what_it_imports(tmp_path: Path) -> None:
    write_text(
        tmp_path / "models/red.py",
        "import pipeline.attention.blur\ndef attention_map(image): return image[..., 0] / 3",
    )
    model = load_attention_model("models/red.py", tmp_path)
    both = np.stack([red_dot(), red_dot()[:, ::-1]])
    assert model.maps(tensor_of(both)).numpy() == pytest.approx(both[..., 0] / 3)
    assert not model.differentiable
    assert {"red.py", "pipeline/attention/blur.py"} <= set(closure(*model.makers))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import numpy as np\ndef attention_map(image): return np.ones((2, 2))", "shape"),
        ("def attention_map(image): return image[..., 0] * -1.0", "negative"),
        ("def attention_map(image): return image[..., 0] / 0.0", "not finite"),
        ("x = 1", "has no function `attention_map`"),
    ],
    ids=["shape", "negative", "infinite", "no function"],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_the_parameter_that_names_what_is_no_model_is_told(tmp_path, source, words) -> None:
    write_text(tmp_path / "models/own.py", source)
    with pytest.raises(GazeshiftError, match=rf"^evaluate\.judge: .*{words}"):
        load_attention_model("models/own.py", tmp_path, parameter="evaluate.judge").maps(
            tensor_of(red_dot()[None])
        )

"""The demo's backbone, starved: a few tiny scenes, a few steps."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from safetensors.torch import load_file
from torch import Tensor, nn

from demo.backbone.autoencoder import make_autoencoder, round_trip_psnr, set_closed_form
from demo.backbone.diffusion import DiffusionLoss, KeywordUNet, LatentScenes, make_noise_scheduler
from demo.backbone.drawn_scenes import (
    STREAM,
    VIVIDNESS,
    draw_training_scene,
    sample_training_scene,
)
from demo.backbone.figures import walk
from demo.backbone.text import make_text_encoder, make_tokenizer, tokenize
from demo.backbone.training import Schedule, fit
from demo.products import PRODUCT_CLASSES
from demo.train_backbone import Recipe, train_backbone
from pipeline.ground.errors import ParamsError, UserFilesError
from pipeline.pictures.tensors import tensor_of

SIZE = (64, 32)
TINY = Recipe(
    image_size=SIZE,
    scenes=12,
    held_out=4,
    latent_channels=4,
    autoencoder_channels=(16, 48, 32),
    autoencoder_steps=2,
    unet_channels=(16, 32, 32),
    text_width=32,
    batch_size=4,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("backbone") / "out"
    train_backbone(TINY, out, out.with_suffix(".work"), seed=3, minutes=0)
    return out


def drawn(number: int) -> np.ndarray:
    scenes = [sample_training_scene(3, "training", i) for i in range(number)]
    return np.stack([draw_training_scene(scene, SIZE)[0] for scene in scenes])


def test_pipeline_loads_and_draws(trained: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(trained, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pictures = pipeline(["soda can", ""], num_inference_steps=2, output_type="np").images
    assert pictures.shape == (2, *SIZE, 3)
    assert np.isfinite(pictures).all()


def test_two_channel_controlnet_starts_from_it(trained: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(trained, local_files_only=True)
    controlnet = ControlNetModel.from_unet(
        pipeline.unet, conditioning_channels=2, load_weights_from_unet=True
    )
    assert controlnet.config.cross_attention_dim == TINY.text_width
    assert controlnet.conv_in.weight.equal(pipeline.unet.conv_in.weight)


def test_weights_are_safe_and_small(trained: Path) -> None:
    weights = {path.parent.name: load_file(path) for path in trained.rglob("*.safetensors")}
    assert set(weights) == {"unet", "vae", "text_encoder"}
    for part in ("unet", "vae"):
        assert {tensor.dtype for tensor in weights[part].values()} == {torch.float16}
    assert not [path for path in trained.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]


def test_card_says_what_it_is(trained: Path) -> None:
    card = (trained / "README.md").read_text(encoding="utf-8")
    for text in ("A stand-in", "never saw a GPU", "12 freshly drawn scenes", "dB PSNR", "1 steps"):
        assert text in card


def test_latents_have_unit_variance(trained: Path) -> None:
    latents = np.load(trained.with_suffix(".work") / "latents.npy")
    assert latents.shape == (12, 4, SIZE[0] // 4, SIZE[1] // 4)
    assert latents.astype(float).std() == pytest.approx(1, abs=0.05)


def test_finished_run_changes_nothing(trained: Path) -> None:
    def unet() -> dict[str, Tensor]:
        return load_file(trained / "unet" / "diffusion_pytorch_model.safetensors")

    before = unet()
    train_backbone(TINY, trained, trained.with_suffix(".work"), seed=3, minutes=5)
    after = unet()
    assert all(before[name].equal(after[name]) for name in before)


def test_other_folder_is_refused(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("mine")
    with pytest.raises(UserFilesError, match=r"no diffusers folder.*Choose another folder"):
        train_backbone(TINY, tmp_path, tmp_path / "work", seed=3, minutes=0)
    assert precious.read_text() == "mine"


def test_another_seed_does_not_go_on(trained: Path) -> None:
    with pytest.raises(ParamsError, match=r"recipe\.json says that another training was begun"):
        train_backbone(TINY, trained, trained.with_suffix(".work"), seed=4, minutes=0)


def tiny_unet() -> tuple[KeywordUNet, DiffusionLoss]:
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    model = KeywordUNet((8, 8), 4, (16, 32), make_text_encoder(tokenizer, 32))
    random = np.random.default_rng(0)
    scenes = LatentScenes(
        latents=random.standard_normal((6, 4, 8, 8)).astype(np.float16),
        masks=random.integers(0, 256, (6, 8, 8), dtype=np.uint8),
        tokens=tokenize(tokenizer, ["mug", "cap", "watch"] * 2),
        no_tokens=tokenize(tokenizer, [""]),
    )
    return model, DiffusionLoss(model, scenes, batch_size=2, seed=5)


def train_tiny(checkpoint: Path, interrupt_at: int | None = None) -> nn.Module:
    model, loss = tiny_unet()

    def batch_loss(step: int) -> Tensor:
        if step == interrupt_at:
            signal.raise_signal(signal.SIGINT)
        return loss(step)

    schedule = Schedule(steps=6, learning_rate=1e-2, warm_up=2)
    return fit(
        model, batch_loss, schedule, checkpoint, "test", pause_s=60, on_pause=lambda _: None
    ).averaged


def test_resumed_training_equals_uninterrupted(tmp_path: Path) -> None:
    whole = train_tiny(tmp_path / "whole.pt").state_dict()
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "parts.pt", interrupt_at=3)
    assert torch.load(tmp_path / "parts.pt", weights_only=True)["steps"] == 4
    resumed = train_tiny(tmp_path / "parts.pt").state_dict()
    assert all(resumed[name].equal(whole[name]) for name in whole)
    assert not resumed["unet.conv_in.weight"].equal(tiny_unet()[0].unet.conv_in.weight)


def test_schedule_rises_then_falls() -> None:
    rates = [Schedule(steps=1000, learning_rate=1.0, warm_up=10).rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1)
    assert np.argmax(rates) == 9
    assert rates[500] == pytest.approx(0.51)
    assert rates[999] == pytest.approx(0.02, abs=1e-4)


def test_closed_form_is_linear_and_close() -> None:
    """Latents of a mean of images are the mean of their latents; untrained, images come back."""
    torch.manual_seed(0)
    images = drawn(16)
    autoencoder = make_autoencoder((16, 48, 64), 12)
    set_closed_form(autoencoder, tensor_of(images))
    pair = tensor_of(images[:2])
    with torch.no_grad():
        latents = autoencoder.encode(torch.cat([pair, pair.mean(0, keepdim=True)])).latent_dist
    mode = latents.mode()
    torch.testing.assert_close(mode[2], mode[:2].mean(0), atol=0.02, rtol=0)
    assert round_trip_psnr(autoencoder, images) > 27


def test_every_product_word_is_one_token() -> None:
    tokenizer = make_tokenizer()
    for keyword in PRODUCT_CLASSES:
        assert tokenizer.tokenize(keyword) == [f"{word}</w>" for word in keyword.split()]
    assert "".join(tokenizer.tokenize("Teapot")) == "teapot</w>"
    tokens = tokenize(tokenizer, ["cap", "soda can", ""])
    assert (tokens != tokenizer.pad_token_id).sum(dim=1).tolist() == [2, 3, 1]


def test_training_scenes_are_never_the_corpus_s() -> None:
    """Seeds longer than any of the corpus's (64 and 32 bits); one scene for one number."""
    assert STREAM.bit_length() > 64 + 32
    scenes = [
        sample_training_scene(1, part, n) for part in ("training", "validation") for n in (0, 1)
    ]
    assert len({scene.background for scene in scenes}) == 4
    assert sample_training_scene(1, "training", 1) == scenes[1]


def test_vividness_covers_its_range_and_some_scenes_lack_the_product() -> None:
    products = [sample_training_scene(2, "training", n).product for n in range(400)]
    vividness = [product.vividness for product in products if product]
    assert np.quantile(vividness, [0, 0.25, 0.5, 0.75, 1]) == pytest.approx(
        np.linspace(*VIVIDNESS, 5), abs=0.08
    )
    assert 4 <= products.count(None) <= 32


class OneImage(nn.Module):
    """The exact v of a world with a single image: eps = (x - sqrt(a)·image) / sqrt(1 - a)."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        alpha = make_noise_scheduler().alphas_cumprod[timesteps].reshape(-1, 1, 1, 1)
        eps = (noisy - alpha.sqrt() * self.image) / (1 - alpha).sqrt()
        return alpha.sqrt() * eps - (1 - alpha).sqrt() * self.image


def test_walk_finds_the_only_image_and_goes_back() -> None:
    image = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
    model, tokens = OneImage(image), torch.zeros(1, 1, dtype=torch.long)
    noise = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    clean = walk(model, noise, tokens, [999, 600, 300, 0])  # type: ignore[arg-type]
    alpha = make_noise_scheduler().alphas_cumprod[0]
    eps = (clean - alpha.sqrt() * image) / (1 - alpha).sqrt()
    assert (clean - image).abs().max() < 0.15
    assert eps.std() == pytest.approx(float(noise.std()), rel=0.1)
    torch.testing.assert_close(walk(model, clean, tokens, [0, 300, 600, 999]), noise)  # type: ignore[arg-type]

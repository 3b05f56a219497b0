"""The backbone's autoencoder: a linear one in closed form, as weights of an `AutoencoderKL`.

Trained from random weights, a small convolutional autoencoder needs hours on two cores to reach
what linear algebra gives in seconds. So the weights start where the network computes

- encoder: principal components of 4×4 patches;
- decoder: the least-squares image, level by level, from the neighbourhood that a 3×3 convolution
  after nearest-neighbour upsampling sees.

All residual branches start at zero. The final GroupNorm and SiLU are made linear exactly: large
constant channels fix the norm's scale, and ``silu(x) - silu(-x) = x``. Training goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import Decoder, Encoder
from diffusers.models.resnet import ResnetBlock2D
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from demo.backbone.training import step_generator
from pipeline.diffusion.precision import autocast
from pipeline.pictures.tensors import images_psnr_db, tensor_of

CROP = 64
KL_WEIGHT = 2e-5
ABSOLUTE_WEIGHT = 0.05
# Standard deviation of the posterior before training; the latents' is about 1.
NOISE = 0.02
# A constant this large next to values of about 1 leaves the norm's scale to the constant.
_CONSTANT = 16.0


def make_autoencoder(channels: Sequence[int], latent_channels: int) -> AutoencoderKL:
    """Return an autoencoder with a downsampling factor of 4 and random weights.

    Args:
        channels: At full, half and quarter size; at least 16, 48 and 2·`latent_channels` + 16, all
            different, so that the closed form fits in.
        latent_channels: Channels of the latents.
    """
    levels = len(channels)
    return AutoencoderKL(
        block_out_channels=tuple(channels),
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=latent_channels,
        # One group: several would take each group's mean, and with it colour, out of the image.
        norm_num_groups=1,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=1.0,
        force_upcast=False,
    )


@torch.no_grad()
def set_closed_form(autoencoder: AutoencoderKL, images: Tensor) -> None:
    """Set the weights to the best linear autoencoder for `images`, N×3×H×W in [-1, 1].

    Latents are scaled by the square root of their standard deviation, half way to white: detail
    weighs more than in the image, and less than in noise.
    """
    for module in autoencoder.modules():
        if isinstance(module, ResnetBlock2D):
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
    _set_encoder(autoencoder, images)
    _set_decoder(autoencoder, images)


def _set_encoder(autoencoder: AutoencoderKL, images: Tensor) -> None:
    encoder, width = autoencoder.encoder, autoencoder.config.latent_channels
    components, mean = principal_components(_halve(_halve(images)), width)
    _set(encoder.conv_in, _centre(torch.eye(3)))
    for block, depth in zip(encoder.down_blocks, (3, 12), strict=False):
        _set(block.downsamplers[0].conv, _unshuffle_kernel(depth))
    _set(encoder.down_blocks[1].resnets[0].conv_shortcut, torch.eye(12)[:, :, None, None])
    both = torch.cat([components, -components])[:, :, None, None]
    _set(encoder.down_blocks[2].resnets[0].conv_shortcut, both, -both[:, :, 0, 0] @ mean)
    _pass_through(encoder, encoder.mid_block.resnets[-1], width)
    encoder.conv_out.weight[width:] = 0
    encoder.conv_out.bias[width:] = 2 * torch.log(torch.tensor(NOISE))


def _set_decoder(autoencoder: AutoencoderKL, images: Tensor) -> None:
    decoder, width = autoencoder.decoder, autoencoder.config.latent_channels
    latents = autoencoder.encode(images).latent_dist.mode()
    _set(decoder.conv_in, _centre(torch.eye(width)))
    quarter, half, full = decoder.up_blocks

    coarse = functional.interpolate(latents, scale_factor=2.0)
    kernel, bias = least_squares_kernel(coarse, _halve(images))
    keep = _centre(torch.eye(width))
    _set(
        quarter.upsamplers[0].conv,
        torch.cat([keep, kernel]),
        torch.cat([torch.zeros(width), bias]),
    )
    _set(half.resnets[0].conv_shortcut, torch.eye(width + 12)[:, :, None, None])

    features = torch.cat([coarse, functional.conv2d(coarse, kernel, bias, padding=1)], 1)
    kernel, bias = least_squares_kernel(functional.interpolate(features, scale_factor=2.0), images)
    keep = _centre(torch.eye(width + 12))
    _set(
        half.upsamplers[0].conv,
        torch.cat([kernel, keep]),
        torch.cat([bias, torch.zeros(width + 12)]),
    )
    both = torch.cat([torch.eye(3), -torch.eye(3)])
    _set(full.resnets[0].conv_shortcut, both[:, :, None, None])
    _pass_through(decoder, full.resnets[-1], 3)


def _pass_through(half: Encoder | Decoder, last: ResnetBlock2D, width: int) -> None:
    """Make norm, activation and output layer hand on `width` channels that come with both signs.

    The output's weights on channels that are zero so far stay random, so that training can begin.
    """
    norm, out = half.conv_norm_out, half.conv_out
    constants = norm.num_channels // 8 * 2
    last.conv2.bias[-constants:] = _CONSTANT * torch.tensor([1.0, -1.0]).repeat(constants // 2)
    norm.weight.fill_(_CONSTANT * (constants / norm.num_channels) ** 0.5)
    nn.init.zeros_(norm.bias)
    out.weight[:, : 2 * width] = 0
    out.weight[:, -constants:] = 0
    eye = _centre(torch.eye(width))
    out.weight[:width, :width], out.weight[:width, width : 2 * width] = eye, -eye
    nn.init.zeros_(out.bias)


def _set(conv: nn.Conv2d, kernel: Tensor, bias: Tensor | None = None) -> None:
    """Set the first channels of a convolution; everything else becomes zero."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    conv.weight[: kernel.shape[0], : kernel.shape[1]] = kernel
    if bias is not None and conv.bias is not None:
        conv.bias[: len(bias)] = bias


def _centre(matrix: Tensor) -> Tensor:
    """Return the 3×3 kernel that applies `matrix` at each pixel."""
    return functional.pad(matrix[:, :, None, None], (1, 1, 1, 1))


def _halve(images: Tensor) -> Tensor:
    """N×C×H×W to N×4C×H/2×W/2: each 2×2 square becomes channels."""
    return functional.pixel_unshuffle(images, 2)


def _unshuffle_kernel(depth: int) -> Tensor:
    """Return `_halve` as a 3×3 kernel of stride 2 whose window begins at the square's corner."""
    squares = torch.eye(4 * depth).reshape(4 * depth, depth, 2, 2)
    return functional.pad(squares, (0, 1, 0, 1))


def principal_components(patches: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """Return components, number×C, scaled by their deviations' power -1/2, and the mean, C."""
    values = patches.double().transpose(0, 1).flatten(1)
    variances, vectors = torch.linalg.eigh(torch.cov(values))
    chosen = vectors.flip(1)[:, :number] * variances.flip(0)[:number] ** -0.25
    return chosen.T.float(), values.mean(1).float()


def least_squares_kernel(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the 3×3 kernel and bias with the least squared error for noisy inputs (ridge)."""
    channels = inputs.shape[1]
    size = 9 * channels + 1
    moments, products = torch.zeros(size, size).double(), torch.zeros(size, targets.shape[1])
    products = products.double()
    for image, target in zip(inputs, targets, strict=True):
        windows = functional.unfold(image[None], 3, padding=1)[0]
        windows = torch.cat([windows, torch.ones(1, windows.shape[1])]).double()
        moments += windows @ windows.T
        products += windows @ target.flatten(1).T.double()
    noise = NOISE**2 * len(inputs) * inputs[0, 0].numel()
    solution = torch.linalg.solve(moments + noise * torch.eye(size).double(), products).float()
    return solution[:-1].T.reshape(-1, channels, 3, 3), solution[-1]


class AutoencoderLoss:
    """Squared and absolute error and a weak KL divergence, on random crops."""

    def __init__(
        self, autoencoder: AutoencoderKL, images: NDArray, batch_size: int, seed: int
    ) -> None:
        self.autoencoder, self.images = autoencoder, images
        self.batch_size, self.seed = batch_size, seed

    def __call__(self, step: int) -> Tensor:
        """Return the loss of step `step`; all that is random follows from it and the seed."""
        random = step_generator(self.seed, step)
        images = self._crops(random)
        with autocast(torch.device("cpu")):
            posterior = self.autoencoder.encode(images).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=random)
            latents = posterior.mean.float() + posterior.std.float() * noise
            decoded = self.autoencoder.decode(latents).sample
        error = decoded.float() - images
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum() / images.numel()
        return error.square().mean() + ABSOLUTE_WEIGHT * error.abs().mean() + KL_WEIGHT * kl

    def _crops(self, random: torch.Generator) -> Tensor:
        count, height, width, _ = self.images.shape
        side = min(CROP, height, width)
        crops = torch.empty(self.batch_size, 3, side, side)
        for crop in crops:
            number, top, left = (
                int(torch.randint(most, (), generator=random))
                for most in (count, height - side + 1, width - side + 1)
            )
            pixels = self.images[number, top : top + side, left : left + side]
            crop.copy_(tensor_of(pixels[None])[0])
        return crops


@torch.no_grad()
def round_trip_psnr(autoencoder: AutoencoderKL, images: NDArray, batch_size: int = 16) -> float:
    """Return the mean PSNR in dB of images decoded from their latents' mode, N×H×W×3 uint8."""
    values = []
    for start in range(0, len(images), batch_size):
        batch = tensor_of(images[start : start + batch_size])
        decoded = autoencoder.decode(autoencoder.encode(batch).latent_dist.mode()).sample
        values.append(images_psnr_db(decoded.clamp(-1, 1) - batch))
    return float(torch.cat(values).mean())


@torch.no_grad()
def set_scaling_factor(autoencoder: AutoencoderKL, images: NDArray) -> None:
    """Make latents times `scaling_factor` of unit variance."""
    latents = autoencoder.encode(tensor_of(images)).latent_dist.mode()
    autoencoder.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))

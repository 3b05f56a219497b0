"""What of a model's change an edit keeps: maps of the scene's colours."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline.editing.colour_maps import change_by, colour_maps, levels_of
from pipeline.pictures.tensors import GREY_LEVELS, pixels_of, tensor_of
from pipeline.scenes.regions import add_change

SIZE, FACTOR = (48, 32), 4
REGION = torch.zeros(2, 1, *SIZE)
REGION[:, :, 12:36, 8:24] = 1


def scenes(seed: int = 0) -> Tensor:
    """Return two scenes of blurred noise, in colour."""
    noise = torch.randn(2, 3, 12, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, SIZE, mode="bicubic").clamp(-1, 1)


def kept(change: Tensor, image: Tensor | None = None, window: float = 0.3) -> Tensor:
    """Return what is kept of a change, inside the region alone."""
    image = scenes() if image is None else image
    maps = colour_maps(image, REGION, window, FACTOR).fitted(change, image, REGION)
    return REGION * change_by(maps, image)


def energy(change: Tensor) -> float:
    return (REGION * change).square().sum().item()


def test_a_change_of_contrast_saturation_and_tint_is_kept() -> None:
    image = scenes()
    mixed = torch.einsum(
        "ij,njhw->nihw", torch.tensor([[0.4, 0.1, 0], [0, 0.2, 0], [0, 0, -0.3]]), image
    )
    change = mixed + torch.tensor([0.1, 0, -0.2])[:, None, None]
    assert energy(kept(change) - change) < 2e-3 * energy(change)


def test_what_the_scene_does_not_have_is_not_kept() -> None:
    pattern = 0.3 * torch.randn(scenes().shape, generator=torch.Generator().manual_seed(1))
    assert energy(kept(pattern)) < 0.1 * energy(pattern)
    other = scenes(seed=2) - scenes(seed=2).mean((2, 3), keepdim=True)
    assert energy(kept(other)) < 0.5 * energy(other)


def test_a_map_may_change_from_place_to_place() -> None:
    across = torch.linspace(-1, 1, SIZE[1])
    change = 0.3 * across * scenes()
    assert energy(kept(change, window=0.1) - change) < 0.4 * energy(change)
    assert energy(kept(change, window=1) - change) > 0.5 * energy(change)


def test_it_is_linear_and_nothing_stays_nothing() -> None:
    one, other = scenes(seed=3), scenes(seed=4)
    assert not kept(torch.zeros_like(one)).any()
    torch.testing.assert_close(
        kept(2 * one - other), 2 * kept(one) - kept(other), rtol=1e-4, atol=1e-5
    )


def test_pixels_outside_the_region_have_no_say() -> None:
    image, change = scenes(), scenes(seed=5)
    elsewhere = (1 - REGION) * scenes(seed=6)
    torch.testing.assert_close(
        kept(change + elsewhere, (image + elsewhere).clamp(-1, 1)), kept(change, image)
    )


def test_a_scene_without_texture_takes_the_mean_of_the_change() -> None:
    flat = torch.full((2, 3, *SIZE), 0.2)
    made = kept(torch.full_like(flat, 0.3), flat)
    torch.testing.assert_close(made, 0.3 * REGION.expand_as(made), rtol=1e-4, atol=1e-4)


def test_each_scene_is_fitted_by_itself_and_a_region_of_one_pixel_has_a_map() -> None:
    image, change = scenes(), scenes(seed=7)
    region = torch.zeros_like(REGION)
    region[0, 0, 20, 20] = 1
    region[1] = REGION[1]
    both = colour_maps(image, region, 0.3, FACTOR)
    second = torch.tensor([1])
    alone = colour_maps(image[1:], region[1:], 0.3, FACTOR)
    torch.testing.assert_close(
        both.take(second).fitted(change[1:], image[1:], region[1:]),
        alone.fitted(change[1:], image[1:], region[1:]),
    )
    there = change_by(both.fitted(change, image, region), image)[0, :, 20, 20]
    torch.testing.assert_close(there, change[0, :, 20, 20], rtol=0.05, atol=0.05)


def test_a_region_that_hardly_takes_a_change_keeps_it_all_the_same() -> None:
    image, region = scenes(), torch.zeros_like(REGION)
    region[:, :, 20, 20] = 1e-3
    change = torch.full_like(image, 0.3)
    maps = colour_maps(image, region, 0.3, FACTOR).fitted(change, image, region)
    torch.testing.assert_close(change_by(maps, image)[..., 20, 20], torch.full((2, 3), 0.3))


def test_a_map_holds_for_the_scene_at_any_size() -> None:
    large = pixels_of(torch.nn.functional.interpolate(scenes(seed=9), scale_factor=4))
    stripes = np.indices(large.shape[1:3])[1] // 2 % 2
    large = np.where(stripes[..., None] == 1, large // 2, large)
    small = torch.nn.functional.avg_pool2d(tensor_of(large), 4)
    maps = colour_maps(small, REGION, 0.3, FACTOR).fitted(-0.8 * small, small, REGION)
    weight = np.kron(REGION[0, 0].numpy(), np.ones((4, 4), np.float32))
    written = add_change(large[0], levels_of(maps)[0], weight)
    # Contrast falls to a fifth, that of stripes which the small scene does not have among it.
    wanted = 255 / 2 + 0.2 * (large[0] - 255 / 2)
    inside = weight == 1
    assert np.abs(written[inside] - wanted[inside]).mean() < 3
    assert (written[~inside] == large[0][~inside]).all()


def test_a_change_that_is_no_map_is_written_as_it_is() -> None:
    change = scenes(seed=10)
    levels = levels_of(change)
    np.testing.assert_allclose(levels, GREY_LEVELS * change.movedim(1, -1).numpy(), rtol=1e-6)


def test_a_gradient_reaches_the_change() -> None:
    change = torch.zeros(2, 3, *SIZE, requires_grad=True)
    kept(change).square().mean().backward()
    kept(change + scenes(seed=8)).sum().backward()
    assert change.grad is not None
    assert change.grad[REGION.expand_as(change) == 1].abs().min() > 0

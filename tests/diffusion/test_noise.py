import pytest
import torch
from diffusers import DDPMScheduler

from pipeline.diffusion.noise import add_noise, clean_weight


def test_velocity_is_that_of_the_scheduler() -> None:
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", prediction_type="v_prediction")
    clean, noise, timesteps = (
        torch.randn(2, 4, 3, 3),
        torch.randn(2, 4, 3, 3),
        torch.tensor([9, 800]),
    )
    noised = add_noise(clean, noise, timesteps, scheduler.alphas_cumprod, "v_prediction")
    torch.testing.assert_close(noised.latents, scheduler.add_noise(clean, noise, timesteps))
    torch.testing.assert_close(noised.target, scheduler.get_velocity(clean, noise, timesteps))


def test_the_clean_latents_error_counts_min_snr_1() -> None:
    """Of a schedule of 0.9, 0.5 and 0.1: SNR 9, 1 and 1/9."""
    schedule = torch.tensor([0.9, 0.5, 0.1])
    clean = torch.zeros(3, 1, 2, 2)
    noised = add_noise(clean, clean, torch.tensor([0, 1, 2]), schedule, "epsilon")
    assert clean_weight(noised).flatten().tolist() == pytest.approx([1, 1, 1 / 9])

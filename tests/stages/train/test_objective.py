import math

import pytest
import torch

from pipeline.diffusion.noise import add_noise, clean_of_output
from pipeline.stages.train.objective import Objective
from pipeline.stages.train.params import TrainParams

SCHEDULE = torch.tensor([0.9, 0.5, 0.1])


def objective(prediction: str = "v_prediction", **params: float | None) -> Objective:
    return Objective(SCHEDULE, prediction, TrainParams(**params))


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_right_answer_costs_nothing_and_gives_the_clean_latents(prediction: str) -> None:
    clean, noise = torch.randn(3, 4, 6, 6), torch.randn(3, 4, 6, 6)
    noised = add_noise(clean, noise, torch.tensor([0, 1, 2]), SCHEDULE, prediction)
    torch.testing.assert_close(
        noised.latents[1], math.sqrt(0.5) * clean[1] + math.sqrt(0.5) * noise[1]
    )
    objective_ = objective(prediction, lambda_recon=1.0, lambda_bg=1.0)
    mask = torch.ones(3, 1, 24, 24)
    losses = objective_.losses(noised.target, noised, clean, mask)
    assert losses.total.item() == pytest.approx(0, abs=1e-12)
    found = clean_of_output(noised.target, noised, prediction)
    torch.testing.assert_close(found, clean, atol=1e-5, rtol=1e-5)


def test_an_error_inside_the_mask_counts_one_plus_its_weight() -> None:
    clean = torch.zeros(1, 2, 4, 4)
    noised = add_noise(clean, torch.zeros_like(clean), torch.tensor([1]), SCHEDULE, "epsilon")
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    error_inside, error_outside = torch.zeros_like(clean), torch.zeros_like(clean)
    error_inside[..., :2] = 1
    error_outside[..., 2:] = 1
    losses = [
        objective("epsilon", mask_weight=3.0, min_snr_gamma=None)
        .losses(error, noised, clean, mask)
        .diffusion.item()
        for error in (error_inside, error_outside)
    ]
    assert losses == pytest.approx([4 / 5, 1 / 5])


def test_recon_is_inside_and_background_outside() -> None:
    clean = torch.zeros(1, 2, 4, 4)
    noised = add_noise(clean, torch.zeros_like(clean), torch.tensor([1]), SCHEDULE, "v_prediction")
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    wrong_inside = mask.expand(1, 2, 4, 4)
    losses = objective().losses(wrong_inside, noised, clean, mask)
    assert losses.background.item() == 0
    assert losses.recon.item() == pytest.approx(0.5)
    weighted = objective(lambda_recon=2.0, lambda_bg=7.0).losses(wrong_inside, noised, clean, mask)
    assert weighted.total.item() == pytest.approx((losses.diffusion + 2 * losses.recon).item())


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [("epsilon", [5 / 9, 1.0, 1.0]), ("v_prediction", [5 / 10, 1 / 2, (1 / 9) / (10 / 9)])],
)
def test_min_snr_weights(prediction: str, expected: list[float]) -> None:
    clean = torch.zeros(3, 1, 2, 2)
    noised = add_noise(clean, clean, torch.tensor([0, 1, 2]), SCHEDULE, prediction)
    weights = objective(prediction, min_snr_gamma=5.0).snr_weight(noised).flatten()
    assert weights.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 3])
def test_the_weight_of_a_timestep_counts_whatever_the_batch(count: int) -> None:
    """At an SNR of 9, Min-SNR with 5 weighs predicted noise 5/9."""
    clean = torch.zeros(count, 1, 2, 2)
    noised = add_noise(clean, clean, torch.zeros(count, dtype=torch.long), SCHEDULE, "epsilon")
    wrong_by_one = torch.ones_like(clean)
    losses = objective("epsilon").losses(wrong_by_one, noised, clean, torch.ones(count, 1, 4, 4))
    assert losses.diffusion.item() == pytest.approx(5 / 9)


def test_a_small_skew_prefers_noisy_timesteps() -> None:
    schedule = torch.linspace(0.99, 0.01, 1000)
    means = []
    for skew in (1.0, 0.5):
        drawing = Objective(schedule, "epsilon", TrainParams(timestep_skew=skew))
        timesteps = drawing.draw_timesteps(20_000, torch.Generator().manual_seed(0))
        assert timesteps.min() >= 0
        assert timesteps.max() <= 999
        means.append(timesteps.float().mean().item())
    assert means == pytest.approx([499.5, 666.2], abs=8)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_an_error_in_deep_noise_does_not_outweigh_the_others(prediction: str) -> None:
    from diffusers import DDPMScheduler

    schedule = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
    ).alphas_cumprod
    clean = torch.zeros(1, 1, 2, 2)
    found = []
    for timestep in (0, 250, 500, 750, 999):
        noised = add_noise(clean, clean, torch.tensor([timestep]), schedule, prediction)
        wrong_by_one = noised.target + 1
        losses = Objective(schedule, prediction, TrainParams()).losses(
            wrong_by_one, noised, clean, torch.ones(1, 1, 4, 4)
        )
        found.append(losses.recon.item())
    assert max(found) <= 1 + 1e-5
    assert found[-1] == pytest.approx(1.0 if prediction == "epsilon" else 1 / 214.6, rel=0.02)

import itertools
import math

import pytest
import torch

from pipeline.diffusion.ddim import (
    clean_prediction,
    noise_levels,
    step,
    step_back,
    velocity_change,
    velocity_of_output,
)

ALPHAS = torch.cos(torch.linspace(0.01, 1.5, 100)) ** 2
LEVELS = noise_levels(ALPHAS, 0.7, 5)


def test_levels_run_from_clean_to_the_depth_in_even_turns() -> None:
    assert LEVELS[0] == (0, 0.0)
    assert LEVELS[-1].timestep == 69
    assert math.cos(LEVELS[-1].angle) ** 2 == pytest.approx(ALPHAS[69].item())
    angles = [level.angle for level in LEVELS]
    turns = [end - start for start, end in itertools.pairwise(angles)]
    assert turns == pytest.approx([angles[-1] / 5] * 5, abs=0.02)


def test_a_coarse_schedule_has_no_level_twice() -> None:
    levels = noise_levels(ALPHAS[:6], 1.0, 50)
    assert [level.timestep for level in levels[1:]] == [0, 1, 2, 3, 4, 5]


def test_a_step_with_the_true_velocity_keeps_clean_picture_and_noise() -> None:
    clean, noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).double()
    start, end = LEVELS[4], LEVELS[2]
    noisy = math.cos(start.angle) * clean + math.sin(start.angle) * noise
    velocity = math.cos(start.angle) * noise - math.sin(start.angle) * clean
    expected = math.cos(end.angle) * clean + math.sin(end.angle) * noise
    torch.testing.assert_close(step(noisy, velocity, start, end), expected)
    torch.testing.assert_close(step_back(expected, velocity, start, end), noisy)
    torch.testing.assert_close(clean_prediction(noisy, velocity, start), clean)
    towards_noise = velocity + velocity_change(noise - clean, start)
    torch.testing.assert_close(clean_prediction(noisy, towards_noise, start), noise)
    torch.testing.assert_close(velocity_of_output(noise, noisy, start, "epsilon"), velocity)

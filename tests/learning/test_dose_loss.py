import math

import pytest
import torch
from tiny_models import tiny_denoiser

from pipeline.diffusion.controlnet import reads_dose, with_dose_channel
from pipeline.learning.dose_loss import (
    Pairs,
    change_error,
    dose_controls,
    dose_losses,
    draw_pairs,
    noised_pairs,
    own_prediction,
    predicted_change,
)
from pipeline.learning.ladders import Ladders

RUNGS = torch.tensor([-1.0, 0.0, 2.0])


def batch(count: int = 64) -> dict[str, torch.Tensor]:
    """Latents that say themselves how far they have shifted, in all three ladders."""
    latents = RUNGS[None, None, :, None, None, None].expand(count, 3, 3, 3, 6, 4).clone()
    return {
        "latents": latents,
        "shifts": RUNGS.expand(count, 3, 3).clone(),
        "control": torch.full((count, 2, 24, 16), 0.25),
        "moves": torch.ones(count, 3, 24, 16),
        "weights": torch.ones(count, 3, 1, 6, 4),
        "text": torch.zeros(count, 3, 8),
    }


def drawn(largest: float = 1.5, on_the_way: float = 0.0) -> Pairs:
    return draw_pairs(batch(), largest, torch.Generator().manual_seed(0), on_the_way)


def test_a_change_is_that_of_its_shift_between_the_rungs() -> None:
    pairs = drawn()
    torch.testing.assert_close(pairs.change[:, 0, 0, 0], pairs.shift)
    assert (pairs.clean == 0).all()
    assert -1 <= pairs.shift.min() < -0.8
    assert 1.3 < pairs.shift.max() <= 1.5


def test_on_the_way_what_was_done_and_what_is_left_make_the_change() -> None:
    pairs = drawn(on_the_way=1.0)
    torch.testing.assert_close((pairs.clean + pairs.change)[:, 0, 0, 0], pairs.shift)
    torch.testing.assert_close(pairs.change[:, 0, 0, 0], pairs.left)
    made = pairs.clean[:, 0, 0, 0] / pairs.shift
    assert 0.4 < made.mean() < 0.8
    # Some have too much of it.
    assert 1 < made.max() <= 1.25


def test_half_of_the_scenes_are_on_the_way_when_half_are_to_be() -> None:
    pairs = drawn(on_the_way=0.5)
    assert 0.3 < (pairs.left == pairs.shift).float().mean() < 0.7


def test_no_rung_lies_beyond_the_last() -> None:
    # A quarter too much of the largest shift is more than the ladder has.
    pairs = drawn(largest=2.0, on_the_way=1.0)
    assert pairs.clean.max() <= 2
    assert pairs.clean.min() >= -1


def test_a_scene_that_is_not_on_the_way_is_the_scene_however_the_guide_sees_its_rungs() -> None:
    """Where a higher rung draws less attention than one below, that counts as no step."""
    pairs_of = batch()
    pairs_of["shifts"] = torch.tensor([0.1, 0.0, -0.2]).expand(64, 3, 3).clone()
    pairs = draw_pairs(pairs_of, 1.5, torch.Generator().manual_seed(0))
    assert (pairs.clean == 0).all()
    assert (pairs.shift == 0).all()
    assert (pairs.change == 0).all()


def test_every_ladder_is_taught_both_ways() -> None:
    pairs = draw_pairs(batch(400), 1.5, torch.Generator().manual_seed(0))
    assert (pairs.shift < -0.5).any()
    assert (pairs.shift > 0.5).any()
    torch.testing.assert_close(pairs.left, pairs.shift)


def test_the_control_raises_the_heatmap_by_the_factor_and_says_the_dose() -> None:
    moves = torch.zeros(64, 1, 2, 2)
    moves[..., 0, 0] = 1
    pairs = drawn()._replace(own=torch.full((64, 2, 2, 2), 0.25), moves=moves)
    shift = torch.full((64,), math.log(2))
    mask, heatmap, dose = dose_controls(pairs, shift, shift / 2)[0]
    assert torch.equal(mask, pairs.own[0, 0])
    torch.testing.assert_close(heatmap, torch.tensor([[0.4, 0.2], [0.2, 0.2]]))
    torch.testing.assert_close(dose[0], torch.tensor([math.log(2) / 2, 0]))


def test_noise_goes_no_deeper_than_asked() -> None:
    schedule = torch.linspace(0.999, 0.01, 1000)
    noised = noised_pairs(drawn(), schedule, 0.3, "v_prediction", torch.Generator().manual_seed(0))
    assert noised.timesteps.max() <= 300
    # Even in angle: as the schedule falls, so do its first steps count more than in time.
    angles = torch.arccos(schedule.sqrt())[noised.timesteps]
    assert angles.mean().item() == pytest.approx(angles.max().item() / 2, rel=0.2)


def test_a_new_channel_changes_nothing_at_first() -> None:
    denoiser = tiny_denoiser()
    widened = with_dose_channel(denoiser.controlnet)
    assert reads_dose(widened)
    assert not reads_dose(denoiser.controlnet)
    pairs = drawn()
    schedule = denoiser.backbone.noise_scheduler().alphas_cumprod
    noised = noised_pairs(pairs, schedule, 0.5, "v_prediction", torch.Generator().manual_seed(0))
    own = torch.cat([pairs.own, torch.ones(64, 1, 24, 16)], 1)
    unet = denoiser.backbone.unet
    before = own_prediction(unet, denoiser.controlnet, pairs, noised, "v_prediction")
    change = predicted_change(unet, widened, before, pairs, own, noised, "v_prediction")
    torch.testing.assert_close(change, torch.zeros_like(change), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        change_error(change, pairs), pairs.shift.square(), atol=1e-4, rtol=1e-4
    )


def test_a_controlnet_that_ignores_the_dose_scores_what_doing_nothing_scores() -> None:
    denoiser = tiny_denoiser()
    samples = batch(10)
    scenes = [{name: values[row] for name, values in samples.items()} for row in range(10)]
    losses = dose_losses(
        denoiser.backbone,
        with_dose_channel(denoiser.controlnet),
        denoiser.controlnet,
        Ladders(scenes),
        depth=0.5,
        largest=1.0,
        draws=2,
    )
    assert [len(values) for values in losses] == [10, 10, 10]
    # But for what its heatmap channel does already.
    assert losses.true.mean() == pytest.approx(losses.zero.mean(), rel=0.1)

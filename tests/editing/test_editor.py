import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import BrightnessGuide, NoiseOfVelocity, tiny_denoiser
from torch.nn import functional

from pipeline.attention.odds import attention_log_odds
from pipeline.diffusion import precision
from pipeline.diffusion.controlnet import with_dose_channel
from pipeline.editing.cache import TensorCache
from pipeline.editing.colour_maps import ColourMaps
from pipeline.editing.denoiser import Denoiser
from pipeline.editing.editor import Ask, Edited, Prepared, SceneArrays, SceneEditor
from pipeline.editing.guidance import guide_log_odds
from pipeline.editing.params import EditParams
from pipeline.ground.errors import InputError
from pipeline.pictures.tensors import tensor_of
from pipeline.scenes.regions import add_change, feathered_region, moved_region

SIZE = (48, 32)
MASK = np.zeros(SIZE, bool)
MASK[16:32, 8:24] = True
HEATMAP = np.full(SIZE, 0.3, np.float32)
GUIDED = {"half_precision": False, "gradient_strength": 0.7, "control_strength": 2.0}


def scenes() -> list[SceneArrays]:
    random = np.random.default_rng(0)
    images = random.integers(60, 190, (2, 6, 4, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    return [SceneArrays(image, MASK, HEATMAP, "mug") for image in images]


def make_editor(folder: Path, denoiser: Denoiser | None = None, **params: float) -> SceneEditor:
    chosen = EditParams(**{**GUIDED, **params})
    cache = TensorCache(folder, 1)
    return SceneEditor(denoiser or tiny_denoiser(), BrightnessGuide(), chosen, "models", cache)


def ask(scene: int, alpha: float, strength: float | None = None) -> Ask:
    weight = feathered_region(MASK, "keyword", 2, SIZE)
    heatmap = np.where(MASK, HEATMAP * alpha, HEATMAP)
    moves = moved_region(MASK, ~MASK, weight)
    return Ask(scene, heatmap, weight, MASK, ~MASK, moves, float(np.log(alpha)), strength)


@pytest.fixture
def editor(tmp_path: Path) -> SceneEditor:
    return make_editor(tmp_path)


@pytest.fixture
def prepared(editor: SceneEditor) -> Prepared:
    return editor.prepare(scenes())


def achieved(edits: list[Edited]) -> list[float]:
    return [edit.achieved_odds - edit.unedited_odds for edit in edits]


def test_a_sham_edit_comes_back_and_changes_nothing(editor, prepared) -> None:
    (sham,) = editor.edit(prepared, [ask(0, 1.0)])
    assert sham.whole_psnr_db > 50
    assert np.abs(sham.change).max() < 0.01
    assert (sham.evaluations, sham.reached) == (1, True)


def test_calibrated_edits_reach_their_dose_in_the_guides_eyes(editor, prepared) -> None:
    alphas = [0.75, 1.25, 1.5]
    edits = editor.edit(prepared, [ask(scene, a) for scene in (0, 1) for a in alphas])
    assert all(edit.reached and edit.evaluations <= 3 for edit in edits)
    np.testing.assert_allclose(achieved(edits), 2 * np.log(alphas).tolist(), atol=0.06)


def test_a_model_that_predicts_the_noise_edits_like_one_of_the_velocity(
    editor: SceneEditor, tmp_path: Path
) -> None:
    """Stable Diffusion 1.5 is one: what it says is turned into a velocity at every step."""
    denoiser = tiny_denoiser()
    backbone: Any = denoiser.backbone
    backbone.prediction_type = "epsilon"
    backbone.unet = NoiseOfVelocity(backbone.unet, backbone.noise_scheduler().alphas_cumprod)
    by_noise = make_editor(tmp_path / "noise", denoiser)
    asks = [ask(0, 1.5), ask(1, 0.75), ask(0, 1.0)._replace(sham=True)]
    pairs = [one.edit(one.prepare(scenes()), asks) for one in (editor, by_noise)]
    for expected, found in zip(*pairs, strict=True):
        np.testing.assert_allclose(found.change, expected.change, atol=0.05)
        assert found.achieved_odds == pytest.approx(expected.achieved_odds, abs=1e-3)


def test_edits_come_back_in_the_order_they_were_asked_for(tmp_path: Path) -> None:
    editor = make_editor(tmp_path, batch_size=2)
    wide, narrow = ask(0, 1.5, 1.0), ask(1, 0.5, 1.0)
    small = np.zeros(SIZE, np.float32)
    small[20:28, 12:20] = 1
    asks = [wide, narrow._replace(weight=small), wide._replace(scene=1), narrow]
    together = editor.edit(editor.prepare(scenes()), asks)
    for number, one in enumerate(asks):
        alone = make_editor(tmp_path / str(number))
        (edit,) = alone.edit(alone.prepare(scenes()), [one])
        np.testing.assert_allclose(together[number].change, edit.change, atol=0.05)
        assert together[number].achieved_odds == pytest.approx(edit.achieved_odds, abs=1e-3)


def test_controls_are_embedded_once_and_not_at_every_step(editor, prepared) -> None:
    embedding = editor.denoiser.controlnet.controlnet_cond_embedding
    calls = []
    embedding.register_forward_hook(lambda *_: calls.append(1))
    editor.edit(prepared, [ask(0, 1.5, 1.0)])
    assert len(calls) == 2  # the scene's own and the modified one


def test_a_control_that_says_the_dose_is_embedded_at_every_step_again(tmp_path) -> None:
    editor = dose_editor(tmp_path)
    prepared = editor.prepare(scenes())
    calls = []
    embedding = editor.denoiser.controlnet.controlnet_cond_embedding
    embedding.register_forward_hook(lambda *_: calls.append(1))
    editor.edit(prepared, [ask(0, 1.5, 1.0)])
    assert len(calls) == 1 + editor.params.steps


def test_a_given_strength_is_used_once_and_not_searched(editor, prepared) -> None:
    half, full = editor.edit(prepared, [ask(0, 1.5, 0.5), ask(0, 1.5, 1.0)])
    assert (half.strength, full.strength) == (0.5, 1.0)
    assert (half.evaluations, full.evaluations) == (1, 1)
    assert achieved([half])[0] < 0.7 * achieved([full])[0]


def test_the_control_moves_the_picture_without_the_gradient(tmp_path: Path) -> None:
    editor = make_editor(tmp_path, gradient_strength=0)
    edits = editor.edit(editor.prepare(scenes()), [ask(0, 2.0, 1.0), ask(0, 2.0, 0.0)])
    changes = [np.abs(edit.change).mean() for edit in edits]
    assert changes[0] > 1e-3
    assert changes[1] < 1e-3 * changes[0]


def test_the_limit_holds_and_what_falls_short_is_unreached(tmp_path: Path) -> None:
    editor = make_editor(tmp_path, strength_limit=0.1)
    (edit,) = editor.edit(editor.prepare(scenes()), [ask(0, 2.0)])
    assert edit.strength == 0.1
    assert not edit.reached


def test_finite_weights_whose_arithmetic_overflows_are_named(editor, prepared) -> None:
    for parameter in editor.denoiser.controlnet.parameters():
        parameter.data *= 1e30
    with pytest.raises(InputError, match="not finite, though their weights are"):
        editor.edit(prepared, [ask(0, 2.0)])


def no_model(*_: Any, **__: Any) -> None:
    raise AssertionError("a model was called")


def tensors(prepared: Prepared) -> dict[str, torch.Tensor]:
    """All that is kept of scenes."""
    parts = (prepared, prepared.inversion, prepared.decoder)
    every = {name: values for part in parts for name, values in vars(part).items()}
    return {name: values for name, values in every.items() if isinstance(values, torch.Tensor)}


def test_what_is_made_of_a_scene_comes_back_from_the_cache(tmp_path: Path) -> None:
    first = tensors(make_editor(tmp_path).prepare(scenes()))
    editor = make_editor(tmp_path)
    backbone: Any = editor.denoiser.backbone
    backbone.encode_images = backbone.decode = backbone.unet.forward = no_model
    again = tensors(editor.prepare(scenes()))
    assert len(first) == 10
    for name, values in first.items():
        assert torch.equal(again[name], values), name
        assert again[name].stride() == values.stride(), name


@pytest.mark.parametrize(
    "change",
    [{"mask": ~MASK}, {"heatmap": HEATMAP / 2}, {"keyword": "cup"}],
    ids=["mask", "heatmap", "keyword"],
)
def test_another_control_or_keyword_is_another_inversion(tmp_path, change: dict[str, Any]) -> None:
    """The image alone is not enough: `variant.keywords` chooses among masks of one scene."""
    first = make_editor(tmp_path).prepare(scenes())
    editor = make_editor(tmp_path)
    editor.denoiser.backbone.encode_images = no_model
    other = editor.prepare([scene._replace(**change) for scene in scenes()])
    assert not set(first.keys) & set(other.keys)
    if "keyword" not in change:  # The tiny backbone reads no text.
        assert (other.inversion.noisy != first.inversion.noisy).any()


def test_other_settings_make_other_inversions_of_the_same_round_trip(tmp_path: Path) -> None:
    first = make_editor(tmp_path).prepare(scenes())
    editor = make_editor(tmp_path, depth=0.5)
    editor.denoiser.backbone.encode_images = no_model
    deeper = editor.prepare(scenes())
    assert torch.equal(deeper.round_trip, first.round_trip)
    assert (deeper.inversion.noisy != first.inversion.noisy).any()


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    editor = make_editor(tmp_path)
    editor.prepare(scenes())
    size = next(tmp_path.rglob("*.safetensors")).stat().st_size
    TensorCache(tmp_path, 1.5 * size / 1e9).prune()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_two_runs_may_prune_one_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other has deleted since is no error."""
    cache = TensorCache(tmp_path, 1)
    cache.put("a" * 32, {"values": torch.zeros(1)})
    found = list(tmp_path.rglob("*.safetensors"))
    gone = found[0].with_name("gone.safetensors")
    monkeypatch.setattr(Path, "glob", lambda *_: iter([gone, *found]))
    cache.prune()
    assert cache.get("a" * 32) is not None


def test_an_edit_made_before_costs_no_model_call(tmp_path: Path) -> None:
    first = make_editor(tmp_path)
    (made,) = first.edit(first.prepare(scenes()), [ask(0, 1.5)])
    again = make_editor(tmp_path, batch_size=1)
    prepared = again.prepare(scenes())
    again.denoiser.backbone.unet.forward = no_model
    (kept,) = again.edit(prepared, [ask(0, 1.5)])
    assert (kept.change == made.change).all()
    assert kept[1:] == made[1:]
    with pytest.raises(AssertionError, match="a model was called"):
        again.edit(prepared, [ask(0, 1.4)])


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_control_guidance_goes_from_the_own_control_through_the_wanted_one(
    tmp_path: Path, strength: float
) -> None:
    """Without the gradient the strength of an edit is that of its control."""
    editor = make_editor(tmp_path, gradient_strength=0, control_strength=1.5)
    prepared = editor.prepare(scenes())
    denoiser, embeddings = editor.denoiser, []
    denoiser._beyond_embedding.controlnet_cond_embedding.register_forward_pre_hook(
        lambda _, inputs: embeddings.append(inputs[0].clone())
    )
    asked = ask(0, 1.5, strength)
    editor.edit(prepared, [asked])
    wanted = torch.from_numpy(np.stack([MASK, asked.heatmap]))[None].float()
    own, wanted = denoiser.embedded(prepared.own[:1]), denoiser.embedded(wanted)
    region = functional.max_pool2d(torch.from_numpy(asked.weight[None, None]), 4)
    assert 0 < region.mean() < 1
    expected = own + 1.5 * strength * region * (wanted - own)
    torch.testing.assert_close(embeddings[-1], expected)


def test_with_the_gradient_the_control_is_followed_however_strong_the_edit(
    editor: SceneEditor, prepared: Prepared
) -> None:
    embeddings = []
    editor.denoiser._beyond_embedding.controlnet_cond_embedding.register_forward_pre_hook(
        lambda _, inputs: embeddings.append(inputs[0].clone())
    )
    editor.edit(prepared, [ask(0, 1.5, 0.5)])
    editor.edit(prepared, [ask(0, 1.5, 1.0)])
    torch.testing.assert_close(embeddings[0], embeddings[-1])


@pytest.mark.parametrize("gradient_strength", [0.0, 0.7])
def test_in_16_bits_too_an_unchanged_control_gives_the_unedited_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gradient_strength: float
) -> None:
    """To the last bit: the edit runs the very network that its reconstruction ran."""
    monkeypatch.setattr(precision, "half_type", lambda _: torch.bfloat16)
    denoiser = dataclasses.replace(tiny_denoiser(), half=True)
    options = {"half_precision": True, "gradient_strength": gradient_strength}
    editor = make_editor(tmp_path, denoiser, **options)
    prepared = editor.prepare(scenes()[:1])
    assert denoiser.embedded(prepared.own).dtype is torch.bfloat16
    (edit,) = editor.edit(prepared, [ask(0, 1.0, 1.0)])
    assert (edit.change == 0).all()


def test_without_control_the_controlnet_does_not_run(tmp_path: Path) -> None:
    denoiser = dataclasses.replace(tiny_denoiser(), uses_control=False)
    denoiser.controlnet.forward = denoiser.controlnet.controlnet_cond_embedding.forward = no_model
    editor = make_editor(tmp_path, denoiser)
    (edit,) = editor.edit(editor.prepare(scenes()), [ask(0, 1.5, 1.0)])
    assert np.abs(edit.change).max() > 1


def dose_editor(folder: Path) -> SceneEditor:
    """One whose ControlNet reads the dose, from weights that are not 0; no gradient helps."""
    denoiser = tiny_denoiser()
    controlnet = with_dose_channel(denoiser.controlnet)
    torch.manual_seed(3)
    torch.nn.init.normal_(controlnet.controlnet_cond_embedding.conv_in.weight[:, 2:], std=2.0)
    widened = dataclasses.replace(denoiser, controlnet=controlnet)
    return make_editor(folder, widened, gradient_strength=0, control_strength=1)


def test_a_controlnet_that_reads_the_dose_is_told_the_strength_by_its_control(tmp_path) -> None:
    editor = dose_editor(tmp_path)
    prepared = editor.prepare(scenes())
    assert prepared.own.shape[1] == 3
    assert (prepared.own[:, 2] == 0).all()
    heatmap = ask(0, 1.0).heatmap
    asks = [ask(0, alpha, 1.0)._replace(heatmap=heatmap) for alpha in (1.0, 1.5, 0.5)]
    twice = asks[1]._replace(strength=2.0)
    nothing, more, less, much = (edit.change for edit in editor.edit(prepared, [*asks, twice]))
    # The heatmaps are the scene's own: what differs is the third channel alone.
    assert np.abs(nothing).max() < 0.01
    assert np.abs(more).max() > 0.05
    assert (more * less).sum() < 0
    assert np.abs(much).sum() > 1.5 * np.abs(more).sum()


def test_nothing_is_asked_of_it_outside_what_may_change(tmp_path: Path) -> None:
    editor = dose_editor(tmp_path)
    prepared = editor.prepare(scenes())
    asked = ask(0, 2.0, 1.0)
    (edit,) = editor.edit(prepared, [asked._replace(weight=np.zeros(SIZE, np.float32))])
    assert np.abs(edit.change).max() < 0.01


@pytest.mark.parametrize(("window", "channels"), [(0.2, 12), (0.0, 3)])
def test_what_is_written_is_what_the_guide_saw(
    tmp_path: Path, window: float, channels: int
) -> None:
    editor = make_editor(tmp_path, colour_window=window)
    asked = ask(0, 1.5)
    (edit,) = editor.edit(editor.prepare(scenes()), [asked])
    assert edit.change.shape[-1] == channels
    written = add_change(scenes()[0].image, edit.change, asked.weight)
    maps = BrightnessGuide().maps(tensor_of(written[None]))
    seen = attention_log_odds(maps, *(torch.tensor(side)[None] for side in (MASK, ~MASK)))
    assert seen.item() == pytest.approx(edit.achieved_odds, abs=0.01)


def test_the_guide_looks_through_the_maps_between_the_steps(tmp_path: Path, monkeypatch) -> None:
    """Where nothing of a change is kept, all of the dose is left at every step."""
    editor = dose_editor(tmp_path)
    prepared = editor.prepare(scenes())
    monkeypatch.setattr(
        ColourMaps, "fitted", lambda self, change, *_: 0 * self.mean.repeat(1, 4, 1, 1)
    )
    canvas = editor._canvas(prepared, [ask(0, 1.5)])
    noise = torch.randn_like(canvas.latents)
    unedited = guide_log_odds(editor.guide, canvas.image, canvas)
    torch.testing.assert_close(editor._view.log_odds(noise, canvas), unedited)
    everything = dataclasses.replace(canvas, colours=None)
    assert (editor._view.log_odds(noise, everything) - unedited).abs().item() > 1e-3

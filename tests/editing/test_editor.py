import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import BrightnessGuide, tiny_denoiser
from torch.nn import functional

from pipeline.editing.cache import TensorCache
from pipeline.editing.editor import Ask, Edited, Prepared, Scene, SceneEditor
from pipeline.editing.regions import feathered_region
from pipeline.editing.settings import EditParams

SIZE = (48, 32)
MASK = np.zeros(SIZE, bool)
MASK[16:32, 8:24] = True
HEATMAP = np.full(SIZE, 0.3, np.float32)


def scenes() -> list[Scene]:
    random = np.random.default_rng(0)
    images = random.integers(60, 190, (2, 6, 4, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    return [Scene(image, MASK, HEATMAP, "mug", f"scene {n}") for n, image in enumerate(images)]


def make_editor(folder: Path, **params: float) -> SceneEditor:
    chosen = EditParams(half_precision=False, **params)
    return SceneEditor(tiny_denoiser(), BrightnessGuide(), chosen, "models", TensorCache(folder, 1))


def ask(scene: int, alpha: float, strength: float | None = None) -> Ask:
    weight = feathered_region(MASK, "keyword", 2, SIZE)
    heatmap = np.where(MASK, HEATMAP * alpha, HEATMAP)
    return Ask(scene, heatmap, weight, MASK, ~MASK, float(np.log(alpha)), strength)


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
    assert np.abs(sham.difference).max() < 0.01
    assert (sham.evaluations, sham.reached) == (1, True)


def test_calibrated_edits_reach_their_dose_in_the_guides_eyes(editor, prepared) -> None:
    alphas = [0.75, 1.25, 1.5]
    edits = editor.edit(prepared, [ask(scene, a) for scene in (0, 1) for a in alphas])
    assert all(edit.reached and edit.evaluations <= 3 for edit in edits)
    np.testing.assert_allclose(achieved(edits), 2 * np.log(alphas).tolist(), atol=0.05)


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
        np.testing.assert_allclose(together[number].difference, edit.difference, atol=0.05)
        assert together[number].achieved_odds == pytest.approx(edit.achieved_odds, abs=1e-3)


def test_controls_are_embedded_once_and_not_at_every_step(editor, prepared) -> None:
    embedding = editor.denoiser.controlnet.controlnet_cond_embedding
    calls = []
    embedding.register_forward_hook(lambda *_: calls.append(1))
    editor.edit(prepared, [ask(0, 1.5, 1.0)])
    assert len(calls) == 2  # the scene's own and the modified one


def test_a_given_strength_is_used_once_and_not_searched(editor, prepared) -> None:
    half, full = editor.edit(prepared, [ask(0, 1.5, 0.5), ask(0, 1.5, 1.0)])
    assert (half.strength, full.strength) == (0.5, 1.0)
    assert (half.evaluations, full.evaluations) == (1, 1)
    assert achieved([half])[0] < 0.7 * achieved([full])[0]


def test_the_control_moves_the_picture_without_the_gradient(tmp_path: Path) -> None:
    editor = make_editor(tmp_path, gradient_strength=0)
    edits = editor.edit(editor.prepare(scenes()), [ask(0, 2.0, 1.0), ask(0, 2.0, 0.0)])
    changes = [np.abs(edit.difference).mean() for edit in edits]
    assert changes[0] > 1e-3
    assert changes[1] < 1e-3 * changes[0]


def test_the_limit_holds_and_what_falls_short_is_unreached(tmp_path: Path) -> None:
    editor = make_editor(tmp_path, strength_limit=0.1)
    (edit,) = editor.edit(editor.prepare(scenes()), [ask(0, 2.0)])
    assert edit.strength == 0.1
    assert not edit.reached


def test_one_inversion_serves_all_and_comes_back_from_the_cache(tmp_path: Path) -> None:
    first = make_editor(tmp_path).prepare(scenes())
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    again = make_editor(tmp_path).prepare(scenes())
    for name, values in vars(first.inversion).items():
        assert (getattr(again.inversion, name) == values).all()
        assert getattr(again.inversion, name).stride() == values.stride()
    deeper = make_editor(tmp_path, depth=0.5).prepare(scenes())
    assert (deeper.inversion.noisy != first.inversion.noisy).any()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 4


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    editor = make_editor(tmp_path)
    editor.prepare(scenes())
    size = next(tmp_path.rglob("*.safetensors")).stat().st_size
    TensorCache(tmp_path, 1.5 * size / 1e9).prune()
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_an_edit_made_before_costs_no_model_call(tmp_path: Path) -> None:
    first = make_editor(tmp_path)
    (made,) = first.edit(first.prepare(scenes()), [ask(0, 1.5)])
    again = make_editor(tmp_path, batch_size=1)
    prepared = again.prepare(scenes())
    again.denoiser.backbone.unet.forward = None
    (kept,) = again.edit(prepared, [ask(0, 1.5)])
    assert (kept.difference == made.difference).all()
    assert kept[1:] == made[1:]
    with pytest.raises(TypeError):
        again.edit(prepared, [ask(0, 1.4)])


def test_control_guidance_stays_inside_the_region(editor, prepared) -> None:
    denoiser, embeddings = editor.denoiser, []
    own = denoiser.embedded(prepared.own[:1])

    def noted(_: Any, inputs: tuple[torch.Tensor]) -> None:
        embeddings.append(inputs[0].clone())

    denoiser._beyond_embedding.controlnet_cond_embedding.register_forward_pre_hook(noted)
    asked = ask(0, 1.5, 1.0)
    editor.edit(prepared, [asked])
    inside = torch.from_numpy(asked.weight[None, None])
    inside = functional.max_pool2d(inside, 4) > 0
    followed = embeddings[-1]
    outside = ~inside.expand_as(followed)
    assert torch.equal(followed[outside], own[outside])
    assert not torch.allclose(followed[~outside], own[~outside])


def test_without_control_the_controlnet_does_not_run(tmp_path: Path) -> None:
    denoiser = dataclasses.replace(tiny_denoiser(), uses_control=False)
    denoiser.controlnet.forward = None
    params = EditParams(half_precision=False)
    cache = TensorCache(tmp_path, 1)
    editor = SceneEditor(denoiser, BrightnessGuide(), params, "models", cache)
    (edit,) = editor.edit(editor.prepare(scenes()), [ask(0, 1.5, 1.0)])
    assert np.abs(edit.difference).max() > 1

"""The sealed corpus: other ads, this run's models, judged once."""

from types import SimpleNamespace

import pytest

from demo import sealed
from demo.make_corpus import plan_corpus
from pipeline.ground.artefacts import DOSE_CONTROLNET, GATE, METRICS, PREDICTOR, TRAINING
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.scenes.split import TEST, split_of


@pytest.fixture
def run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A run of the demo that has been evaluated; the stages only say where they ran."""
    for path in ("models", "demo", "schemas", TRAINING, DOSE_CONTROLNET, PREDICTOR):
        write_text(workspace.path(f"{path}/here"), path)
    write_text(workspace.path("data/CORPUS.md"), "drawn")
    write_text(workspace.path("dvc.lock"), "one run")
    monkeypatch.setattr(sealed, "read_gate", lambda workspace: {})
    plans = sealed.sealed_plans()[:1]
    monkeypatch.setattr(sealed, "sealed_plans", lambda: plans)
    return workspace


def pretended(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(name: str) -> SimpleNamespace:
        def main(root: Workspace) -> None:
            ran.append(name)
            assert root.path(f"{DOSE_CONTROLNET}/here").read_text() == DOSE_CONTROLNET
            assert len(list(root.path("data/videos").glob("*.mp4"))) == 1
            for path in sealed._REPORTED:
                write_text(root.path(path), '{"verdict": "PASS."}')

        return SimpleNamespace(main=main)

    monkeypatch.setattr(sealed, "_module", stage)


def test_no_ad_of_it_is_in_the_demo_and_all_are_for_the_proof() -> None:
    plans = sealed.sealed_plans()
    assert not {plan.video_id for plan in plans} & {plan.video_id for plan in plan_corpus(2026)}
    assert {split_of(plan.video_id) for plan in plans} == {TEST}
    assert len(plans) >= 10
    assert {len(plan.scene_frames) for plan in plans} == {3}


def test_a_run_is_judged_once_on_its_own_models_and_leaves_figures_alone(run, monkeypatch) -> None:
    ran: list[str] = []
    pretended(ran, monkeypatch)
    sealed.main(run)
    assert ran[0] == "scene_cuts"
    assert ran[-1] == "evaluate"
    assert not {"train", "attention_model", "distil"} & set(ran)
    for name in (METRICS, GATE):
        assert (run.path(sealed.SEALED) / name.rpartition("/")[2]).is_file()
    assert not list((run.state / "sealed").iterdir())
    assert run.path(f"{DOSE_CONTROLNET}/here").is_file()
    count = len(ran)
    sealed.main(run)
    assert len(ran) == count
    write_text(run.path("dvc.lock"), "another run")
    sealed.main(run)
    assert len(ran) == 2 * count


def test_own_data_are_no_drawn_world(workspace) -> None:
    with pytest.raises(InputError, match="demo's drawn world"):
        sealed.main(workspace)

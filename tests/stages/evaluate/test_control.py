import numpy as np
import pytest
from scene_trees import write_scene_tree
from tiny_editor import write_tiny_editor

from pipeline.diffusion.backbone import load_backbone
from pipeline.diffusion.controlnet import (
    WEIGHTS,
    load_controlnet,
    weights_digest,
    with_dose_channel,
)
from pipeline.ground.artefacts import CONTROLNET, DOSE_CONTROLNET
from pipeline.ground.errors import InputError
from pipeline.ground.files import file_digest, write_bytes
from pipeline.ground.workspace import Workspace
from pipeline.proof.params import EvaluateParams
from pipeline.stages.encode import stage as encode
from pipeline.stages.evaluate.control import control_check
from pipeline.stages.evaluate.control_losses import DoseCheck, check_control

ALL = EvaluateParams(videos="all", control_draws=2)


@pytest.fixture
def encoded(workspace: Workspace) -> Workspace:
    write_scene_tree(workspace.root, {"7000000000000000001": 3, "7000000000000000002": 2})
    write_tiny_editor(workspace)
    encode.main(workspace)
    return workspace


def edit_in_batches_of(workspace: Workspace, size: int) -> None:
    params = workspace.path("params.yaml")
    params.write_text(params.read_text().replace("edit:\n", f"edit:\n  batch_size: {size}\n"))


def test_weights_are_known_by_their_content_and_missed_with_a_remedy(workspace) -> None:
    with pytest.raises(InputError, match="dvc repro train"):
        weights_digest(workspace.path(CONTROLNET))
    path = workspace.path(CONTROLNET) / WEIGHTS
    write_bytes(path, b"weights")
    assert weights_digest(workspace.path(CONTROLNET)) == file_digest(path)


def test_a_trained_controlnet_is_checked_scene_by_scene(encoded) -> None:
    rows = check_control(control_check(encoded, ALL), encoded.root)
    assert [row["video_id"][-1] for row in rows] == ["1", "1", "1", "2", "2"]
    assert all(row[arm] > 0 for row in rows for arm in ("true", "shuffled", "zero"))
    # The tiny one has not learned to read its control, so it does not matter which it gets.
    assert all(row["true"] == row["shuffled"] == row["zero"] for row in rows)
    edit_in_batches_of(encoded, 2)
    again = check_control(control_check(encoded, ALL), encoded.root)
    np.testing.assert_allclose(
        [row["true"] for row in again], [row["true"] for row in rows], rtol=1e-4
    )


def test_scenes_at_a_time_are_the_edits_and_change_no_key(encoded) -> None:
    first = control_check(encoded, ALL)
    edit_in_batches_of(encoded, 3)
    second = control_check(encoded, ALL)
    assert (first.batch_size, second.batch_size) == (16, 3)
    assert second.key == first.key
    assert control_check(encoded, EvaluateParams(videos="all", seed=1)).key != first.key


def test_fewer_than_two_scenes_are_refused(workspace) -> None:
    write_scene_tree(workspace.root, {"7000000000000000001": 1})
    write_tiny_editor(workspace)
    encode.main(workspace)
    with pytest.raises(InputError, match="control check needs two"):
        control_check(workspace, ALL)


def test_scenes_with_a_guessed_heatmap_are_left_out(encoded) -> None:
    path = encoded.path("data/valid_scenes.csv")
    table = path.read_text()
    path.write_text(table.replace(",recorded,", ",predicted,", 2))
    check = control_check(encoded, ALL)
    assert [row["video_id"][-1] for row in check_control(check, encoded.root)] == ["1", "2", "2"]
    path.write_text(table)
    assert control_check(encoded, ALL).key != check.key


def test_one_that_carries_the_dose_is_checked_by_the_loss_it_was_trained_for(encoded) -> None:
    frozen = load_controlnet(encoded.path(CONTROLNET), load_backbone("models/tiny", encoded.root))
    with_dose_channel(frozen).save_pretrained(encoded.path(DOSE_CONTROLNET))
    params = encoded.path("params.yaml")
    params.write_text(params.read_text().replace(f"  controlnet: {CONTROLNET}\n", ""))
    check = control_check(encoded, ALL)
    assert isinstance(check, DoseCheck)
    rows = check_control(check, encoded.root)
    assert [row["video_id"][-1] for row in rows] == ["1", "1", "1", "2", "2"]
    # Its third channel's weights are 0 still: it changes no more than doing nothing does.
    for row in rows:
        assert row["true"] == pytest.approx(row["zero"], rel=0.3)
    assert check_control(check, encoded.root) == rows
    assert control_check(encoded, EvaluateParams(videos="all", seed=1)).key != check.key
    params.write_text(params.read_text() + "distil: {depth: 0.3}\n")
    assert control_check(encoded, ALL).key != check.key

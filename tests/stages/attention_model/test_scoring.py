"""Fixations of held-out scenes: which count, and what a file that breaks its contract does."""

import logging

from ingest_inputs import FIXATIONS_HEADER, make_cuts
from scene_trees import write_scene_tree

from pipeline.ground.artefacts import CUTS_CSV
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.stages.attention_model.scoring import read_fixations


def read(workspace: Workspace, text: str) -> dict[int, int]:
    """Return {row: number of fixations} of two scenes of one second, 54x96 pixels each."""
    table = write_scene_tree(workspace.root, {"7": 2})
    make_cuts(workspace, {"7": 2}, size=(96, 54))
    write_text(workspace.path("data/fixations/7.csv"), text)
    found = read_fixations(table, workspace.path("data/fixations"), workspace.path(CUTS_CSV))
    return {row: len(fixations.x) for row, fixations in found.items()}


def test_fixations_count_in_the_scene_of_their_middle_and_within_the_frame(workspace) -> None:
    rows = "A,0.1,0.2,9,9\nA,0.8,0.6,9,9\nA,0.3,0.1,54,9\nA,0.4,0.1,9,-1\n"
    assert read(workspace, FIXATIONS_HEADER + rows) == {0: 1, 1: 1}


def test_a_file_that_breaks_its_contract_is_left_out_with_a_warning(workspace, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        assert read(workspace, FIXATIONS_HEADER + "A,0.1,-0.2,9,9\n") == {}
    assert "7.csv is unreadable" in caplog.text

"""The summary of a run, and the reference profile, on a small real run of validate."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from scene_trees import write_validate_inputs

from pipeline.ground.artefacts import GATE, PAGE
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    write_validate_inputs(workspace.root, {"70000": 3, "70001": 2})
    keywords = "_id,keyword\n70000,mug\n70001,shop now\n"
    workspace.path("data/keywords.csv").write_text(keywords)
    return workspace


def test_refusals_are_counted_with_their_remedy(gazeshift) -> None:
    assert gazeshift("validate").status == 0
    status, out, _ = gazeshift("summary")
    assert status == 0
    assert "5 came in, 3 valid, 2 refused" in out
    assert "2  keyword_not_visual: Name a thing that one can see" in out
    assert "rejected_scenes.csv" in out


def test_keywords_in_doubt_come_first(workspace: Workspace, gazeshift) -> None:
    workspace.path("data/keywords.csv").write_text("_id,keyword\n70000,mug\n70001,gift\n")
    assert gazeshift("validate").status == 0
    lines = gazeshift("summary").out.strip().splitlines()
    assert lines[0] == "Keywords in doubt: 1. Do they name a thing that one can see?"
    assert lines[1] == "  70001: 'gift'"


def test_scenes_without_the_product_are_told_apart(workspace: Workspace, gazeshift) -> None:
    black = encode(np.zeros((96, 54), np.uint8), "png")
    write_bytes(workspace.path("keyword_masks/70000/70000-Scene-002-01.png"), black)
    gazeshift("validate")
    out = gazeshift("summary").out
    assert "5 came in, 2 valid, 2 refused" in out
    assert "1  do not show the product, which is no fault" in out


def test_the_proof_is_told_figure_by_figure(workspace: Workspace, gazeshift) -> None:
    gazeshift("validate")
    checks = [
        {"pass": True, "words": "identity_psnr_db is 55, must be at least 45"},
        {"pass": False, "words": "dose_logit_slope is 0.5, must be 0.85 to 1.15"},
    ]
    write_text(workspace.path(GATE), json.dumps({"checks": checks}))
    workspace.path(PAGE).touch()
    status, out, _ = gazeshift("summary")
    assert status == 0
    assert "  pass  identity_psnr_db is 55" in out
    assert "  FAIL  dose_logit_slope is 0.5" in out
    assert "reports/index.html" in out
    assert "(of an earlier run, older than data/valid_scenes.csv" in out


def test_an_error_of_several_lines_is_several_lines(
    gazeshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Workspace) -> Iterator[str]:
        raise InputError("one\ntwo \x1b")
        yield ""

    gazeshift("validate")
    monkeypatch.setattr("pipeline.commands.summary._variants", fails)
    assert "\n  (one\n  two \\x1b)\n" in gazeshift("summary").out


def test_a_summary_of_nothing_names_the_remedy(gazeshift) -> None:
    status, _, error = gazeshift("summary")
    assert status == 1
    assert "dvc repro" in error


def test_the_profile_holds_the_valid_scenes(workspace: Workspace, gazeshift) -> None:
    gazeshift("validate")
    assert gazeshift("profile").status == 0
    profile = json.loads(workspace.path("schemas/reference_profile.json").read_text())
    assert profile["scenes"] == 3
    assert sum(profile["mask_coverage"]["weights"]) == pytest.approx(1, abs=1e-5)

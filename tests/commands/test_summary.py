"""The summary of a run, and the reference profile, on a small real run of validate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scene_trees import write_scene_tree

from pipeline import cli


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_scene_tree(tmp_path, {"70000": 3, "70001": 2})
    (tmp_path / "data/valid_scenes.csv").unlink()
    (tmp_path / "params.yaml").write_text("image_size: [48, 32]\ncompute: {n_jobs: 1}\n")
    (tmp_path / "data/keywords.csv").write_text("_id,keyword\n70000,mug\n70001,shop now\n")
    return tmp_path


def test_refusals_are_counted_with_their_remedy(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["validate", "--root", str(root)]) == 0
    assert cli.main(["summary", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "5 came in, 3 valid, 2 refused" in out
    assert "2  keyword_not_visual: Name a thing that one can see" in out
    assert "rejected_scenes.csv" in out


def test_the_proof_is_told_figure_by_figure(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["validate", "--root", str(root)])
    checks = [
        {"pass": True, "words": "identity_psnr_db is 55, must be at least 45"},
        {"pass": False, "words": "dose_logit_slope is 0.5, must be 0.85 to 1.15"},
    ]
    (root / "reports/evaluation").mkdir()
    (root / "reports/index.html").touch()
    (root / "reports/evaluation/gate.json").write_text(json.dumps({"checks": checks}))
    assert cli.main(["summary", "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "  pass  identity_psnr_db is 55" in out
    assert "  FAIL  dose_logit_slope is 0.5" in out
    assert "reports/index.html" in out
    assert "(of an earlier run, older than data/valid_scenes.csv" in out


def test_a_summary_of_nothing_names_the_remedy(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["summary", "--root", str(root)]) == 1
    assert "dvc repro" in capsys.readouterr().err


def test_the_profile_holds_the_valid_scenes(root: Path) -> None:
    cli.main(["validate", "--root", str(root)])
    assert cli.main(["profile", "--root", str(root)]) == 0
    profile = json.loads((root / "schemas/reference_profile.json").read_text())
    assert profile["scenes"] == 3
    assert sum(profile["mask_coverage"]["weights"]) == pytest.approx(1, abs=1e-5)

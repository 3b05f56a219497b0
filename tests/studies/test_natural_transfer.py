"""The yardstick: known observers give known transfers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.attention.models import load_attention_model
from studies.natural_transfer import drawn_scenes, main, measure, summarise


def test_who_sees_half_of_the_change_has_a_transfer_of_a_half() -> None:
    judge = [-0.7, 0.7, -0.6, 0.4]
    rows = pd.DataFrame(
        {
            "video": ["1", "1", "2", "2"],
            "alpha": [0.5, 2.0, 0.5, 2.0],
            "reached": [True, True, True, False],
            "judge": judge,
            "half": [change / 2 for change in judge],
            "wrong": [-change for change in judge],
        }
    )
    found = summarise(rows, ["half", "wrong"])
    assert found["half"]["transfer"] == pytest.approx(0.5)
    assert found["half"]["transfer_ci95"] == [pytest.approx(0.5), pytest.approx(0.5)]
    assert found["wrong"]["right_way"] == 0
    assert found["reached"] == {"0.5": 2, "2.0": 1}


def test_more_vivid_products_are_seen_to_draw_more() -> None:
    models = {"centre_surround": load_attention_model("centre_surround", Path())}
    rows = pd.DataFrame(measure(drawn_scenes(2026, 1)[:3], models))
    assert list(rows["alpha"]) == [0.5, 2.0] * 3
    reached = rows[rows["reached"]]
    # The judge's map is blurred, so it sees somewhat less than the density that was searched.
    np.testing.assert_allclose(reached["judge"] / np.log(reached["alpha"]), 0.8, atol=0.2)
    found = summarise(rows, ["centre_surround"])["centre_surround"]
    assert found["right_way"] == 1
    assert 0.1 < found["transfer"] < 1


def test_an_observer_that_cannot_be_had_is_named(tmp_path, capsys) -> None:
    assert main(["--root", str(tmp_path), "--results", str(tmp_path / "x.json")]) == 1
    assert "dvc pull models/people.dvc" in capsys.readouterr().err

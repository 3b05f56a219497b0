"""The yardstick: known observers give known transfers."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from studies.natural_transfer import main, summarise


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


def test_more_vivid_products_are_seen_to_draw_more(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    arguments = ["--results", str(results), "--scenes", "1", "--observers", "centre_surround"]
    assert main(arguments) == 0
    found = json.loads(results.read_text())
    assert found["videos"] == found["scenes"] == 14
    assert found["centre_surround"]["right_way"] > 0.9
    assert 0.1 < found["centre_surround"]["transfer"] < 1

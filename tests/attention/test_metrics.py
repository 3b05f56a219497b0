"""The field's metrics: known answers, pysaliency's answers, and what formulas leave undefined."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from attention.metric_inputs import CASES, draw

from pipeline.attention import metrics

REFERENCE = json.loads(Path(__file__).with_name("pysaliency_scores.json").read_text())
CONSTANT = np.full((4, 5), 3.0)
RAMP = np.arange(20.0).reshape(4, 5)
CORNER = np.array([3]), np.array([4])
NOWHERE = np.array([], np.intp), np.array([], np.intp)


def scores(case: str) -> dict[str, float]:
    predicted, recorded, prior, rows, columns, other_rows, other_columns = draw(case)
    return {
        "CC": metrics.cc(predicted, recorded),
        "SIM": metrics.sim(predicted, recorded),
        "KLD": metrics.kld(predicted, recorded),
        "NSS": metrics.nss(predicted, rows, columns),
        "AUC_Judd": metrics.auc_judd(predicted, rows, columns),
        "sAUC": metrics.sauc(predicted, rows, columns, other_rows, other_columns),
        "IG": metrics.ig(predicted, prior, rows, columns),
    }


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("metric", ["CC", "SIM", "KLD", "NSS", "AUC_Judd", "sAUC", "IG"])
def test_we_agree_with_pysaliency(case: str, metric: str) -> None:
    assert scores(case)[metric] == pytest.approx(REFERENCE[case][metric], abs=1e-6)


def test_a_constant_map_tells_nothing() -> None:
    assert metrics.auc_judd(CONSTANT, *CORNER) == 0.5
    assert metrics.sauc(CONSTANT, *CORNER, *CORNER) == 0.5
    assert metrics.nss(CONSTANT, *CORNER) == 0
    assert metrics.cc(CONSTANT, RAMP) == 0
    assert metrics.cc(CONSTANT, CONSTANT) == 0
    assert metrics.ig(CONSTANT, CONSTANT, *CORNER) == 0


def test_the_recorded_map_itself_is_the_best_prediction() -> None:
    assert metrics.cc(RAMP, 5 * RAMP) == pytest.approx(1)
    assert metrics.cc(RAMP, RAMP.max() - RAMP) == pytest.approx(-1)
    assert metrics.sim(RAMP, 5 * RAMP) == pytest.approx(1)
    assert metrics.kld(RAMP, 5 * RAMP) == pytest.approx(0, abs=1e-12)
    assert metrics.auc_judd(RAMP, *CORNER) == 1


def test_one_pixel_of_four_is_worth_two_bits() -> None:
    sure = metrics.density([[1.0, 0.0], [0.0, 0.0]])
    uniform = np.full((2, 2), 0.25)
    here, there = np.array([0]), np.array([1])
    assert metrics.ig(sure, uniform, here, here) == pytest.approx(2)
    assert metrics.ig(sure, uniform, there, there) == -math.inf
    assert metrics.sim(sure, uniform) == pytest.approx(0.25)


def test_an_empty_map_is_taken_as_uniform_and_a_floor_reaches_every_pixel() -> None:
    np.testing.assert_array_equal(metrics.density(np.zeros((2, 2))), np.full((2, 2), 0.25))
    np.testing.assert_allclose(metrics.density([[1.0, 0.0]], 0.1), [[0.95, 0.05]])


def test_without_fixations_there_is_no_score() -> None:
    assert math.isnan(metrics.nss(RAMP, *NOWHERE))
    assert math.isnan(metrics.auc_judd(RAMP, *NOWHERE))
    assert math.isnan(metrics.sauc(RAMP, *CORNER, *NOWHERE))
    assert math.isnan(metrics.ig(RAMP + 1, RAMP + 1, *NOWHERE))

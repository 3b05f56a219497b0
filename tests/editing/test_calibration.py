from collections.abc import Callable

import numpy as np
import pytest

from pipeline.editing.calibration import FIRST_STRENGTH, StrengthSearch, Values

UNEDITED = np.array([-1.0, -2.0, 0.5])
SHIFT = np.log([1.5, 0.5, 2.0])


def run(response: Callable[[Values], Values], limit: float = 2.0) -> StrengthSearch:
    search = StrengthSearch(UNEDITED, SHIFT, tolerance=0.01, limit=limit)
    for _ in range(10):
        which, strengths = search.proposals()
        if not len(which):
            return search
        search.record(which, UNEDITED[which] + response(strengths) * SHIFT[which])
    raise AssertionError("the search does not end")


def test_a_guide_that_answers_fully_needs_one_evaluation() -> None:
    search = run(lambda strength: strength / FIRST_STRENGTH)
    assert (search.evaluations == 1).all()
    assert (search.strength == FIRST_STRENGTH).all()


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(lambda s: 0.7 * s, id="weak"),
        pytest.param(lambda s: 1.4 * s, id="strong"),
        pytest.param(lambda s: 1.2 * np.sqrt(s), id="saturating"),
    ],
)
def test_the_dose_is_reached_in_three_evaluations(response: Callable[[Values], Values]) -> None:
    search = run(response)
    assert (search.evaluations <= 3).all()
    assert (search.error < 0.05).all()
    assert search.reached.all()


def test_a_scene_that_hardly_answers_stops_at_the_limit_and_is_unreached() -> None:
    search = run(lambda strength: 0.1 * strength, limit=1.5)
    assert (search.strength == 1.5).all()
    assert not search.reached.any()


def test_the_best_evaluation_counts_not_the_last() -> None:
    answers = iter([0.9, 0.2, 0.3])
    search = run(lambda strengths: np.full(len(strengths), next(answers)))
    assert (search.strength == FIRST_STRENGTH).all()
    np.testing.assert_allclose(search.achieved, UNEDITED + 0.9 * SHIFT)


def test_no_requested_change_is_met_at_once() -> None:
    search = StrengthSearch(UNEDITED, np.zeros(3), tolerance=0.01, limit=2)
    which, _ = search.proposals()
    search.record(which, UNEDITED)
    assert not len(search.proposals()[0])


def test_a_given_strength_is_tried_once_whatever_it_gives() -> None:
    search = StrengthSearch(UNEDITED, SHIFT, tolerance=0.01, limit=2, given={0: 0.3, 1: 5, 2: 1})
    which, strengths = search.proposals()
    assert strengths.tolist() == [0.3, 5, 1]
    search.record(which, UNEDITED)
    assert not len(search.proposals()[0])

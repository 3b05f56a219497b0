"""The rule for keywords on phrases that it was not written with."""

import pytest

from schemas.keywords import is_doubtful, refusal
from schemas.rejected_scenes import Reason
from studies.keywords.evaluate import Score, read_phrases, score_refusals


def test_most_of_what_names_nothing_is_refused_and_hardly_a_thing() -> None:
    held_out = [phrase for phrase in read_phrases() if phrase.half == "held_out"]
    scores = score_refusals(held_out)
    assert scores.recall.hits >= 0.6 * scores.recall.of
    assert scores.precision.hits >= 0.95 * scores.precision.of
    assert scores.recall.of > 80


def test_an_interval_is_wilsons() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: 81 of 263.
    assert str(Score(81, 263)) == "81/263 = 30.8% [25.5%, 36.6%]"


@pytest.mark.parametrize(
    "keyword",
    [
        "get yours today",
        "what are you waiting for",
        "desliza a la izquierda",
        "click the link below",
        "swipe left",
        "this video",
        "50% off promo",
        "march 20th 2023",
        "take the quiz now",
        "立即购买",
        "hair loss",
        "book now",
        "this gift",
    ],
)
def test_what_was_found_in_real_lists_is_refused(keyword: str) -> None:
    assert refusal(keyword) is Reason.KEYWORD_NOT_VISUAL


@pytest.mark.parametrize(
    "keyword",
    [
        *(
            "book",
            "watch",
            "stop sign",
            "back brace",
            "power bank",
            "press-on nails",
            "free weights",
        ),
        *("top", "cards", "glasses", "sac à main", "robe d'été", "jam tangan", "die", "pan", "hut"),
        *(
            "máquina de café",
            "スニーカー",
            "运动鞋",
            "2 in 1 vacuum",
            "7up",
            "car tires and services",
            "zapatillas running",
            "sac de voyage",
            "robe de sport",
            "ropa fitness",
        ),
    ],
)
def test_things_that_look_like_calls_pass(keyword: str) -> None:
    assert refusal(keyword) is None


@pytest.mark.parametrize(
    "keyword", ["gift", "protect your home", "get tickets now", "handy", "these side pockets"]
)
def test_what_passes_in_doubt_is_marked(keyword: str) -> None:
    assert refusal(keyword) is None
    assert is_doubtful(keyword)


@pytest.mark.parametrize("keyword", ["sneaker", "stop sign", "soda can", "кроссовки", "pan"])
def test_a_thing_is_not_in_doubt(keyword: str) -> None:
    assert not is_doubtful(keyword)

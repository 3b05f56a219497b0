import pytest

from pipeline.ground.errors import ParamsError
from pipeline.proof.gate import verdict
from pipeline.proof.params import DEMO_GATE, Bounds, EvaluateParams

GOOD = {
    "identity_psnr_db": 47.2,
    "dose_logit_slope": 1.0,
    "placebo_tost_pass": True,
}
BOUNDS = {name: DEMO_GATE[name] for name in GOOD}


def test_all_reached_passes() -> None:
    result = verdict(GOOD, BOUNDS, {})
    assert result["pass"]
    assert result["failed"] == []
    assert result["verdict"] == "PASS. All 3 figures are reached."


def test_a_bound_itself_is_reached() -> None:
    assert verdict(GOOD | {"dose_logit_slope": 1.15, "identity_psnr_db": 45}, BOUNDS, {})["pass"]


def test_a_failure_says_which_proof_and_by_how_much() -> None:
    result = verdict(GOOD | {"dose_logit_slope": 0.6}, BOUNDS, {})
    assert not result["pass"]
    assert result["failed"] == ["dose"]
    assert (
        "dose: dose_logit_slope is 0.6, must be 0.85 to 1.15 (misses by 0.25)"
        in (result["verdict"])
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"dose_logit_slope": None}, "dose_logit_slope could not be measured"),
        ({"placebo_tost_pass": False}, "placebo_tost_pass is no, must be yes: too wide"),
    ],
    ids=["missing", "yes or no"],
)
def test_what_is_not_shown_fails(changed, words) -> None:
    result = verdict(GOOD | changed, BOUNDS, {"placebo_tost_pass": "too wide"})
    assert not result["pass"]
    assert words in result["verdict"]


@pytest.mark.parametrize(
    ("interval", "passes"),
    [([0.9, 1.1], True), ([0.8, 1.1], False), ([0.9, 1.2], False), (None, False)],
    ids=["inside", "too low", "too high", "of one video"],
)
def test_the_whole_interval_must_be_within_the_bounds(interval, passes: bool) -> None:
    result = verdict(GOOD | {"dose_logit_slope_ci95": interval}, BOUNDS, {})
    assert result["pass"] == passes


def test_the_words_of_a_failure_show_the_interval() -> None:
    wide = verdict(GOOD | {"dose_logit_slope_ci95": [0.75, 1.1]}, BOUNDS, {})
    assert (
        "dose_logit_slope is 1 [0.75, 1.1], must be 0.85 to 1.15 (misses by 0.1)"
        in (wide["verdict"])
    )
    single = verdict(GOOD | {"dose_logit_slope_ci95": None}, BOUNDS, {})
    assert "there is no interval" in single["verdict"]


def test_a_figure_without_a_limit_is_no_check() -> None:
    result = verdict(
        GOOD | {"dose_log_error_p90": None}, BOUNDS | {"dose_log_error_p90": Bounds()}, {}
    )
    assert result["pass"]
    assert len(result["checks"]) == len(GOOD)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("panel: [people_a, grandmother]", "panel: grandmother is no attention model"),
        ("panel: [data/own.py]", "panel: data/own.py is no attention model"),
        ("counterfactual: data/other", "must lie below models/"),
    ],
    ids=["panel", "file", "counterfactual"],
)
def test_params_refuse_strangers_on_the_panel_and_what_dvc_does_not_see(
    workspace, option: str, words: str
) -> None:
    workspace.path("params.yaml").write_text(f"evaluate: {{judge: j.py, {option}}}")
    with pytest.raises(ParamsError, match=words):
        EvaluateParams.load(workspace)
    workspace.path("params.yaml").write_text("evaluate: {judge: j.py, counterfactual: null}")
    assert EvaluateParams.load(workspace).counterfactual is None


def test_params_refuse_an_unknown_figure_and_bounds_out_of_order(workspace) -> None:
    text = "evaluate: {{judge: j.py, gate: {{{0}}}}}"
    for gate, words in (
        ("dose_slope: {min: 1}", "no such figure"),
        ("dose_logit_slope: {min: 2, max: 1}", "above max"),
    ):
        workspace.path("params.yaml").write_text(text.format(gate))
        with pytest.raises(ParamsError, match=words):
            EvaluateParams.load(workspace)

import json

import pytest
from stages.evaluate.measured_table import control_losses, measured_table, seen_by_panel

from pipeline.heatmaps.dose import requested_share
from pipeline.proof.params import PROOF_OF, EvaluateParams
from pipeline.proof.statistics import relative_error
from pipeline.stages.evaluate.proofs import dose_figures, prove

PARAMS = EvaluateParams(judge="judge.py")


def figures(parts: dict[str, float] | None = None, **changes):
    table = measured_table(**changes)
    return prove(table, control_losses(), PARAMS, seen_by_panel(table, parts or {}))[0]


def test_a_perfect_edit_has_perfect_figures() -> None:
    found = figures()
    assert found["dose_median_rel_error"] == pytest.approx(0, abs=1e-12)
    assert found["dose_within_15pct"] == 1
    assert found["dose_spearman_mean"] == pytest.approx(1)
    assert found["dose_logit_slope"] == pytest.approx(1)
    assert found["control_only_slope"] == pytest.approx(0.5)
    assert found["gradient_only_slope"] == pytest.approx(0.7)
    assert found["control_shuffle_loss_increase"] == pytest.approx(0.1)
    assert found["control_zero_loss_increase"] == pytest.approx(0.2)
    assert found["placebo_tost_pass"]
    assert found["sham_tost_pass"]
    assert found["placebo_change_ratio"] == pytest.approx(0.9)
    assert found["placebo_own_effect"] == pytest.approx(0.4)
    assert found["equivalence_bound_of_boost"] == pytest.approx(
        PARAMS.equivalence_bound / found["full_boost_mean_change"]
    )
    assert found["full_boost_mean_change"] > 0.02
    assert found["ring_spill"] == pytest.approx(0.2)
    assert found["identity_psnr_db"] == 48
    assert found["raw_background_psnr_db"] == 36
    assert found["integrity_ssim_median"] == 0.93
    assert found["guide_judge_correlation"] == pytest.approx(1)
    assert (found["n_scenes"], found["n_videos"]) == (36, 12)


def test_all_figures_of_the_gate_are_there_and_json_can_hold_them() -> None:
    found = figures()
    # What is left of a degraded edit, and of one in a video, is added by the stage.
    missing = set(PROOF_OF) - set(found)
    assert {name for name in missing if PROOF_OF[name] != "video"} == {"robustness_least"}
    json.dumps(found, allow_nan=False)
    low, high = found["dose_logit_slope_ci95"]
    assert low == pytest.approx(high)


def test_transfer_and_price_are_held_against_nature() -> None:
    found = figures({"full": 0.6, "control_only": 0.2})
    for name, part in (("", 0.6), ("_control_only", 0.2)):
        assert found[f"transfer_people_of_natural{name}"] == pytest.approx(part)
        assert found[f"transfer_panel_of_natural{name}"] == pytest.approx(part)
        assert found[f"transfer_people_of_natural{name}_ci95"] == pytest.approx([part, part])
    assert found["transfer_people_of_natural_plain"] is None
    assert found["delta_e_of_natural"] == pytest.approx(0.5)


def test_the_dose_in_log_odds_and_the_worst_products() -> None:
    assert figures()["dose_log_error_p90"] == pytest.approx(0, abs=1e-9)
    assert figures(reached=0.8)["dose_log_error_median"] == pytest.approx(0.2)
    assert figures()["integrity_ssim_p10"] == pytest.approx(0.88)
    table = measured_table()
    burnt = (table["alpha"] == 2) & (table["scene_number"] == 1)
    table.loc[burnt, "burnt"] = 0.5
    found = prove(table, control_losses(), PARAMS, seen_by_panel(table, {}))[0]
    assert found["broken_fraction"] == pytest.approx(1 / 3)


def test_do_nothing_is_what_the_unedited_scenes_score() -> None:
    found, nothing = figures(), figures(reached=0.0)
    for name in ("median_rel_error", "within_15pct", "spearman_mean", "logit_slope"):
        assert found[f"dose_{name}_do_nothing"] == pytest.approx(nothing[f"dose_{name}"])
    assert found["dose_logit_slope_do_nothing"] == pytest.approx(0, abs=1e-9)
    assert found["dose_spearman_mean_do_nothing"] == 0


def test_half_the_dose_has_half_the_slope_and_full_order() -> None:
    found = figures(reached=0.5)
    assert found["dose_logit_slope"] == pytest.approx(0.5)
    assert found["dose_spearman_mean"] == pytest.approx(1)


def test_infeasible_rows_do_not_count_but_unreached_ones_do() -> None:
    table = measured_table()
    table = table[table["arm"] == "full"]
    at_two = table["alpha"] == 2
    table.loc[at_two, "share"] = table["original_share"]
    missed = dose_figures(table, 0)
    assert missed["within_15pct"] == pytest.approx(0.8)
    table.loc[at_two, "feasible"] = False
    assert dose_figures(table, 0)["within_15pct"] == 1


def test_alpha_1_enters_rho_and_slope_alone() -> None:
    table = measured_table()
    table = table[table["arm"] == "full"]
    table.loc[table["alpha"] == 1, "share"] = 0.01
    found = dose_figures(table, 0)
    assert found["median_rel_error"] == pytest.approx(0, abs=1e-12)
    assert found["spearman_mean"] < 0.9


def test_scenes_out_of_range_are_reported_apart() -> None:
    table = measured_table()
    lost = (table["video_id"] == "v00") & (table["alpha"] != 1)
    table.loc[table["video_id"] == "v00", "in_range"] = False
    table.loc[lost, "share"] = table["original_share"]
    found = prove(table, control_losses(), PARAMS, seen_by_panel(table, {}))[0]
    assert found["dose_within_15pct"] == 1
    assert found["apart"]["n_scenes"] == 3
    assert found["apart"]["logit_slope"] == pytest.approx(0)
    assert found["n_scenes"] == 36


def test_the_median_error_by_hand() -> None:
    table = measured_table(reached=0.5, videos=2, scenes=1)
    table = table[(table["arm"] == "full") & (table["alpha"] == 2)]
    shares = table["original_share"]
    expected = relative_error(requested_share(shares, 2**0.5), requested_share(shares, 2)).mean()
    assert dose_figures(table, 0)["median_rel_error"] == pytest.approx(expected)


def test_without_edits_every_figure_is_missing_and_nothing_passes() -> None:
    table = measured_table()[:0]
    found, tests = prove(table, control_losses()[:0], PARAMS, seen_by_panel(table, {}))
    assert found["dose_median_rel_error"] is None
    assert found["outside_max_abs_diff"] is None
    assert not tests["placebo"].passed

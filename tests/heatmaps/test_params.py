import pytest

from pipeline.ground.errors import ParamsError
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import SEVEN, VariantParams


def load(workspace: Workspace, section: str) -> VariantParams:
    workspace.path("params.yaml").write_text(f"variant: {{{section}}}\n")
    return VariantParams.load(workspace)


def test_an_empty_section_means_the_seven_variants_of_the_method(workspace) -> None:
    params = load(workspace, "")
    assert tuple(params.variants) == SEVEN
    assert (params.alpha, params.reduction_alpha, params.placebo) == (1.5, 0.5, "redistribute")


def test_every_option_is_accepted(workspace) -> None:
    params = load(
        workspace,
        "windows: [0.2, 0.5, 0.3], temporal_smoothing: 1.5, keywords: 1, target_share: 0.4, "
        "on_clip: solve, placebo: scale, placebo_match: false, format: png, sample_videos: all, "
        "extra: {opening: {window: [0, 0.1], alpha: 3}, rest: {region: background, alpha: 0.5}}",
    )
    assert tuple(params.variants)[-2:] == ("opening", "rest")
    assert params.extra["opening"].window == (0.0, 0.1)
    assert params.windows == (0.2, 0.5, 0.3)
    assert params.keywords == 1


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("alpha: -1", r"variant\.alpha: .*greater than or equal to 0.*-1"),
        ("alpha: .nan", r"variant\.alpha"),
        ("reduction_alpha: .inf", r"variant\.reduction_alpha"),
        ("target_share: 1", r"variant\.target_share"),
        ("windows: [0.5, 0.2, 0.2]", "add up to 1, found 0.9"),
        ("windows: quarters", r"variant\.windows"),
        ("placebo_match: false, placebo_alpha: 0.8", "use >= 1, or placebo: scale"),
        ("extra: {../up: {alpha: 2}}", "becomes a folder's name"),
        ("extra: {baseline: {alpha: 2}}", "one of the seven"),
        ("extra: {a: {alpha: 2, window: [0.5, 0.5]}}", "start < end"),
        ("extra: {a: {alpha: 2, windov: all}}", "no such parameter"),
        ("keywords: -1", r"variant\.keywords"),
        ("format: gif", r"variant\.format"),
    ],
)
def test_a_wrong_value_is_named(workspace, section, found) -> None:
    with pytest.raises(ParamsError, match=found):
        load(workspace, section)

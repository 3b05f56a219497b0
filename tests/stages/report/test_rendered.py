"""What the page plays of a video: links, figures, shares."""

import pytest

from pipeline.stages.report.rendered import FIGURES, figure_words, judged_share, link_to, played
from schemas.videos import VIDEOS_TABLE

TIMES = [
    {"scene_number": 1, "start_s": 0.0, "end_s": 1.5},
    {"scene_number": 2, "start_s": 1.5, "end_s": 4.0},
]
SCENES = [
    {
        "number": 1,
        "variants": {
            "baseline": {"modified": False, "judged": {"share": 0.2, "original_share": 0.2}},
            "full_boost": {"modified": True, "judged": {"share": 0.3, "original_share": 0.2}},
            "late_boost": {"modified": False},
            "placebo": {"modified": True},
        },
    }
]


def row(variant: str, **figures: float) -> dict[str, object]:
    file = f"outputs/videos/{variant}/v 1#?.mp4"
    named = {"video_id": "v", "variant": variant, "file": file, "frames": 100}
    return dict.fromkeys(VIDEOS_TABLE.columns) | named | {"modified_scenes": 1, **figures}


def test_a_file_is_linked_from_where_the_page_lies() -> None:
    assert link_to("outputs/videos/a/v 1#?.mp4") == "../outputs/videos/a/v%201%23%3F.mp4"
    assert link_to("javascript:alert(1)") == "../javascript%3Aalert%281%29"


@pytest.mark.parametrize(
    ("arm", "share"),
    [("baseline", 0.2), ("full_boost", 0.3), ("late_boost", 0.2), ("placebo", None)],
)
def test_the_share_is_the_arms_own_where_it_modifies_the_scene(arm: str, share: float) -> None:
    assert judged_share(SCENES[0], arm) == share


def test_of_a_scene_that_is_not_on_the_page_the_time_is_known_and_no_share() -> None:
    found = played([row("baseline"), row("full_boost")], SCENES, TIMES)
    assert found is not None
    assert found["cuts"] == [(1, 0.0, 1.5), (2, 1.5, 4.0)]
    assert [arm["shares"] for arm in found["arms"]] == [[0.2, None], [0.3, None]]
    assert found["arms"][1]["colour"] == "#0072B2"
    assert played([], SCENES, TIMES) is None


def test_figures_say_whether_they_are_as_they_should_be() -> None:
    good = row(
        "a",
        change_warping_ratio=0.1,
        warping_error_ratio=1.2,
        outside_max_abs_diff=0,
        outside_psnr_db=45.0,
    )
    bad = row("b", warping_error_ratio=1.2, outside_max_abs_diff=1, outside_psnr_db=44.9)
    arms = played([good, bad, row("baseline")], SCENES, TIMES)["arms"]
    passed = [[figure["pass"] for figure in arm["figures"]] for arm in arms]
    assert passed == [[None, True, True], [None, False, False], [None] * 3]
    beside = [figure["beside"] for figure in arms[0]["figures"]]
    assert beside == [("change alone", 0.1), None, ("baseline", None)]
    assert [words["label"] for words in figure_words()] == [one.label for one in FIGURES.values()]
    assert set(FIGURES) <= set(VIDEOS_TABLE.columns)

"""Two arms of a video side by side, in a real browser: in step, followed, and missed where lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from films import Film, write_film
from playwright.sync_api import Browser, Locator, Page, expect
from stages.report.browsing import PHONE, opened
from stages.report.report_workspace import (
    PARAMS,
    TEST_VIDEOS,
    untracked,
    write_report,
    write_scenes,
)

from pipeline.ground.artefacts import CUTS_CSV, JUDGED, RENDERED, VIDEO_FIGURES, rendered_video
from pipeline.ground.files import write_text
from pipeline.ground.tables import write_table
from pipeline.ground.workspace import Workspace
from pipeline.stages.variant import stage as variant
from schemas.videos import VIDEOS_TABLE

ARMS = ("baseline", "full_boost", "placebo")
LENGTH_S = 4.0
# Chromium tells it of a file; the page says it in words.
NOT_FOUND = "ERR_FILE_NOT_FOUND"


def grey(shot: int, frame: int) -> np.ndarray:
    """A frame that looks like no other of its shot."""
    return np.full((48, 32, 3), 20 + 50 * shot + 2 * frame, np.uint8)


def write_rendered(root: Path) -> None:
    """Write two playable arms of two videos, a third that is lost, and shares for all scenes."""
    scenes = write_scenes(root)
    write_text(root / "params.yaml", f"{PARAMS}variant: {{sample_videos: 0}}\n")
    cuts = scenes[["video_id", "scene_number"]].assign(
        start_s=scenes["scene_number"] - 1.0, end_s=scenes["scene_number"] * 1.0
    )
    write_table(root / CUTS_CSV, cuts)
    rows, judged = [], []
    for video in TEST_VIDEOS[:2]:
        for place, arm in enumerate(ARMS):
            file = rendered_video(arm, video)
            named = {"video_id": video, "variant": arm, "file": file, "frames": 100}
            figures = {"modified_scenes": 4, "modified_frames": 100, "outside_max_abs_diff": 0}
            figures |= {
                "warping_error_ratio": 1.1 + place / 10,
                "outside_psnr_db": 50.0 - 6 * place,
            }
            rows.append(dict.fromkeys(VIDEOS_TABLE.columns) | named | figures)
            for number in range(1, 5):
                scene = {"video_id": video, "scene_number": number, "arm": "variants"}
                share = {"variant": arm, "share": (number + place) / 10}
                judged.append(scene | share | {"original_share": number / 10})
            if arm != "placebo":
                write_film(root / file, Film(shots=(25,) * 4, picture=grey))
    write_table(root / VIDEO_FIGURES, pd.DataFrame(rows))
    write_table(root / JUDGED, pd.DataFrame(judged))


@pytest.fixture(scope="module")
def report(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write_rendered(root)
    with untracked():
        variant.main(Workspace(root))
    return write_report(Workspace(root))


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The page with both videos ready; where the browser has no H.264, what it lacks is said."""
    with opened(browser, report, beside=report.parents[1] / RENDERED, expected=NOT_FOUND) as page:
        if not page.evaluate("""left.canPlayType('video/mp4; codecs="avc1.640028"')"""):
            pytest.skip("this Chromium decodes no H.264: install one that does")
        until(page, "left.readyState > 1 && right.readyState > 1")
        yield page


def until(page: Page, condition: str) -> None:
    """Wait for a condition in JavaScript; Playwright's own way is refused by the page's policy."""
    deadline_s = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, condition
        page.wait_for_timeout(20)


def choice(page: Page, label: str) -> Locator:
    """A field, by the name that a screen reader says."""
    return page.get_by_role("combobox", name=label, exact=True)


def shown(page: Page) -> list[float]:
    left, right = page.evaluate("[left.currentTime, right.currentTime]")
    return [left, right]


def test_both_play_in_step_to_the_end_and_begin_again(page: Page) -> None:
    expect(choice(page, "Left")).to_have_value("baseline")
    expect(choice(page, "Right")).to_have_value("full_boost")
    # Slowly, so that a busy machine does not see the end before it has looked.
    page.locator("#speed").select_option("0.25")
    page.locator("#play").press("Enter")
    page.evaluate("left.currentTime = 0.9; right.currentTime = 2.5")
    in_step = "Math.abs(left.currentTime - right.currentTime) < 0.15"
    until(page, f"left.currentTime > 1 && {in_step}")
    expect(page.locator("#play")).to_have_text("Pause")
    choice(page, "Left").select_option("full_boost")
    until(page, f"left.readyState > 1 && !left.paused && left.currentTime > 1 && {in_step}")
    page.evaluate("left.currentTime = 3.9")
    expect(page.locator("#play")).to_have_text("Play")
    assert shown(page) == [pytest.approx(LENGTH_S, abs=0.05)] * 2
    page.locator("#play").click()
    until(page, "left.currentTime > 0.1 && left.currentTime < 2")
    page.locator("#play").click()
    left, right = shown(page)
    assert left == right


def test_they_follow_the_bar_the_chart_and_another_choice(page: Page) -> None:
    screens = page.locator(".screen")
    first = screens.nth(0).screenshot()
    page.locator("#seek").fill("2.4")
    assert shown(page) == [pytest.approx(2.401)] * 2
    until(page, "!left.seeking && !right.seeking")
    expect(page.locator("#clock")).to_have_text("2.40 of 4.00 s, scene 3")
    expect(page.locator("#now li")).to_have_text(["baseline30.0 %", "full boost40.0 %"])
    assert screens.nth(0).screenshot() != first
    assert page.locator("#shares path.share").count() == 2
    place = page.locator("#shares .playhead").get_attribute("x1")
    page.locator("#seek").press("ArrowRight")
    assert shown(page) == [pytest.approx(2.441)] * 2
    assert page.locator("#shares .playhead").get_attribute("x1") != place
    page.locator("#shares .hit").nth(1).click()
    assert shown(page) == [pytest.approx(1.001)] * 2
    choice(page, "Right").select_option("baseline")
    until(page, "right.readyState > 1 && !right.seeking")
    assert shown(page) == [pytest.approx(1.001)] * 2
    expect(page.locator("#now li")).to_have_text("baseline20.0 %")
    choice(page, "Speed").select_option("a quarter")
    assert page.evaluate("[left.playbackRate, right.playbackRate]") == [0.25, 0.25]


def test_a_lost_file_is_named_and_the_other_plays_on(page: Page) -> None:
    choice(page, "Right").select_option("placebo")
    lost = rendered_video("placebo", TEST_VIDEOS[0])
    expect(page.locator("#lost-right")).to_contain_text(lost)
    page.locator("#play").click()
    until(page, "left.currentTime > 0.1")
    choice(page, "Left").select_option("placebo")
    expect(page.locator("#lost-left")).to_contain_text(lost)
    expect(page.locator("#play")).to_be_disabled()
    choice(page, "Left").select_option("baseline")
    expect(page.locator("#play")).to_be_enabled()
    expect(page.locator("#lost-left")).to_be_hidden()


def test_videos_are_chosen_here_and_in_the_list(page: Page) -> None:
    choice(page, "Video").select_option(index=2)
    expect(page.locator("#video-facts")).to_contain_text(TEST_VIDEOS[1])
    assert TEST_VIDEOS[1] in page.evaluate("left.currentSrc")
    page.locator("#videos button", has_text=TEST_VIDEOS[2]).click()
    expect(page.locator("#not-this")).to_contain_text(f"{TEST_VIDEOS[2]} was not rendered")
    expect(page.locator("#theatre")).to_be_hidden()


def test_the_figures_of_each_arm_stand_beside_what_they_should_be(page: Page) -> None:
    figures = page.locator("#arm-figures tbody tr")
    assert figures.count() == len(ARMS)
    expect(figures.nth(1)).to_contain_text("✗ 44")
    expect(figures.nth(0)).not_to_contain_text("✗")
    expect(page.locator("#arm-figures thead")).to_contain_text("must be at least 45 dB")


def test_where_no_scene_was_cut_from_a_video_it_says_what_to_do(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    path = tmp_path / "without.html"
    write_text(
        path, report.read_text().replace('"tried":true,"videos":2', '"tried":true,"videos":0')
    )
    with opened(browser, path) as page:
        expect(page.locator("#not-rendered")).to_contain_text("scene_cuts.source: videos")
        expect(page.locator("#player")).to_be_hidden()


def test_axe_finds_nothing_and_a_phone_has_room(browser: Browser, report: Path) -> None:
    beside = report.parents[1] / RENDERED
    for options in ({"color_scheme": "light"}, {"color_scheme": "dark", **PHONE}):
        with opened(browser, report, beside=beside, expected=NOT_FOUND, **options) as page:
            choice(page, "Right").select_option("placebo")
            expect(page.locator("#lost-right")).to_be_visible()
            found = Axe().run(page, context="#playing")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (found.violations_count, wide) == (0, 0), found.generate_report()

"""The page in a real browser, used through its controls; its every error and request is watched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from stages.report.browsing import PHONE, opened
from stages.report.report_workspace import (
    KEYWORD,
    OTHER,
    SCENES_EACH,
    TEST_VIDEOS,
    write_all,
    write_report,
    write_scenes,
)

from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.stages.report.page import render

VARIANTS = 7


@pytest.fixture(scope="module")
def report(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_all(tmp_path_factory.mktemp("root")))


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    with opened(browser, report) as page:
        yield page


def metrics(report: Path) -> dict[str, Any]:
    return json.loads((report.parent / "evaluation/metrics.json").read_text())


def test_a_keyword_of_markup_shows_as_text(page: Page) -> None:
    expect(page.locator("#video-title")).to_have_text(KEYWORD)
    expect(page.locator("#videos [aria-current=true]")).to_contain_text(KEYWORD)
    assert page.locator("main script, main img[src=x]").count() == 0
    page.locator("#refused summary").first.click()
    expect(page.locator("#refused td", has_text="<b>.png")).to_be_visible()


def test_videos_are_found_and_opened(page: Page) -> None:
    assert page.locator("#videos li").count() == len(TEST_VIDEOS) + 1
    page.locator("#find").fill(TEST_VIDEOS[1])
    assert page.locator("#videos li:visible").count() == 1
    expect(page.locator("#found")).to_have_text("1 video")
    page.locator("#videos li:visible button").click()
    expect(page.locator("#video-facts")).to_contain_text(TEST_VIDEOS[1])
    page.locator("#find").fill("")
    page.locator("#part").select_option("edited")
    assert page.locator("#videos li:visible").count() == len(TEST_VIDEOS)


def test_scenes_are_walked_with_buttons_and_arrow_keys(page: Page) -> None:
    assert page.locator("#strip li").count() == SCENES_EACH
    first = page.locator("#before .picture").get_attribute("src")
    expect(page.locator("#previous")).to_be_disabled()
    page.locator("#next").click()
    expect(page.locator("#caption")).to_contain_text("Scene 2")
    assert page.locator("#before .picture").get_attribute("src") != first
    page.locator("#strip button").nth(1).press("ArrowRight")
    expect(page.locator("#strip [aria-current=true]")).to_have_attribute("aria-label", "Scene 3")
    expect(page.locator("#strip [aria-current=true]")).to_be_focused()


def test_variants_change_the_picture_and_say_what_happened(page: Page) -> None:
    assert page.locator("#variants input").count() == VARIANTS
    expect(page.locator("#variants input:checked")).to_have_value("full_boost")
    expect(page.locator("#story")).to_contain_text("times 1.5")
    expect(page.locator("#story")).to_contain_text("the judge")
    boosted = page.locator("#after .picture").get_attribute("src")
    assert boosted != page.locator("#before .picture").get_attribute("src")
    page.locator("#variants input:checked").press("ArrowDown")
    expect(page.locator("#variants input:checked")).to_have_value("reduction")
    expect(page.locator("#story")).to_contain_text("leaves this scene as it is")
    page.get_by_label("placebo").check()
    assert page.locator("#after .picture").get_attribute("src") != boosted


def test_the_wipe_shows_one_picture_or_the_other(page: Page) -> None:
    stage = page.locator("#stage")
    shots = {}
    for value in ("0", "50", "100"):
        page.locator("#wipe").fill(value)
        shots[value] = stage.screenshot()
    assert len(set(shots.values())) == 3
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 9)
    page.mouse.up()
    expect(page.locator("#wipe")).to_have_value("25")
    page.locator("#wipe").press("ArrowRight")
    expect(page.locator("#wipe")).to_have_value("26")


def test_heatmap_and_outline_are_laid_over_the_scene(page: Page) -> None:
    stage = page.locator("#stage")
    bare = stage.screenshot()
    page.locator("#opacity").fill("80")
    glowing = stage.screenshot()
    assert glowing != bare
    page.locator("#outlined").uncheck()
    assert stage.screenshot() != glowing
    expect(page.locator("#outline")).to_be_hidden()


def test_the_timeline_has_every_variant_and_chooses_scenes(page: Page) -> None:
    assert page.locator("#timeline svg[role=img] path").count() == VARIANTS
    expect(page.locator("#timeline")).to_contain_text("time in the video, s")
    page.locator("#timeline .hit").nth(2).click()
    expect(page.locator("#caption")).to_contain_text("Scene 3")
    page.locator(".timeline summary").click()
    before = page.locator("#timeline-table").inner_text()
    page.locator("#observer").select_option("judge")
    assert page.locator("#timeline-table").inner_text() != before
    assert page.locator("#timeline-table tbody tr").count() == SCENES_EACH


def test_a_video_that_was_not_redrawn_says_so(page: Page) -> None:
    page.locator("#find").fill(OTHER)
    page.locator("#videos li:visible button").click()
    expect(page.locator("#story")).to_contain_text("not redrawn")
    expect(page.locator("#observer option")).to_have_count(1)
    expect(page.locator("#timeline")).to_contain_text("scene, in order")


def test_the_proof_says_what_passed_and_what_failed(page: Page, report: Path) -> None:
    proof = page.locator("#proof")
    expect(proof.locator(".verdict")).to_contain_text("Asked for nothing, it changes nothing")
    assert proof.locator("article").count() == 8
    rows = proof.locator("tr")
    error = metrics(report)["dose_median_rel_error"]
    expect(rows.filter(has_text="relative to the share that was asked for")).to_contain_text(
        f"{100 * error:.1f} %"
    )
    expect(rows.filter(has_text="Rank correlation")).to_contain_text("pass")
    expect(rows.filter(has_text="Sham edit against the round trip")).to_contain_text("FAIL")
    expect(rows.filter(has_text="JPEG, quality 50")).to_contain_text(" to ")
    for title in ("over the dose", "in each video", "scene by scene"):
        chart = proof.locator(f"svg[role=img][aria-label*='{title}']")
        assert chart.locator("circle").count() > 3


def test_refusals_and_provenance(page: Page) -> None:
    expect(page.locator("#refused > p")).to_contain_text("3 refusals")
    expect(page.locator("#refused summary").first).to_contain_text("2 × mask empty")
    provenance = page.locator("#provenance")
    for text in ("0123abcd.dir", "560", "models/judge.py", "spectral_residual"):
        expect(provenance).to_contain_text(text)
    expect(page.locator("#demo")).to_be_visible()


def test_a_link_opens_the_scene_that_it_names(browser: Browser, report: Path) -> None:
    link = f"#video={TEST_VIDEOS[2]}&scene=3&variant=placebo"
    with opened(browser, report, link) as page:
        expect(page.locator("#video-facts")).to_contain_text(TEST_VIDEOS[2])
        expect(page.locator("#caption")).to_contain_text("Scene 3")
        expect(page.locator("#variants input:checked")).to_have_value("placebo")
        page.locator("#next").click()
        assert "scene=4" in page.url


def test_on_a_phone_it_fits_and_answers_to_touch(browser: Browser, report: Path) -> None:
    with opened(browser, report, **PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        box = page.locator("#stage").bounding_box()
        assert box is not None
        assert box["width"] > 200
        page.locator("#stage").tap(position={"x": box["width"] * 0.75, "y": 20})
        expect(page.locator("#wipe")).to_have_value("75")
        page.locator("#next").tap()
        expect(page.locator("#caption")).to_contain_text("Scene 2")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Browser, report: Path, scheme: str, device: Any) -> None:
    with opened(browser, report, color_scheme=scheme, **device) as page:
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_theme_can_be_turned_round(browser: Browser, report: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, report, color_scheme="light") as page:
        light = page.evaluate(ground)
        page.locator("#theme").click()
        assert page.evaluate(ground) != light
        expect(page.locator("#theme")).to_have_text("Light")


def test_without_variants_edits_and_proof_the_page_says_so(browser: Browser, tmp_path) -> None:
    write_scenes(tmp_path)
    with opened(browser, write_report(Workspace(tmp_path))) as page:
        expect(page.locator("#story")).to_contain_text("There are no variants yet")
        expect(page.locator("#proof")).to_contain_text("Nothing has been evaluated yet")
        expect(page.locator("#not-rendered")).to_contain_text("No video has been made yet")
        expect(page.locator("#player")).to_be_hidden()
        expect(page.locator("#refused")).to_contain_text("not been validated yet")
        expect(page.locator("#demo")).to_be_hidden()
        assert page.locator("#timeline svg[role=img] path").count() == 1


def test_of_100_videos_one_is_read_when_the_page_opens(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    text = report.read_text()
    data, block = (
        json.loads(text.split(f'id="{name}">')[1].split("</script>")[0])
        for name in ("data", "video-0")
    )
    data["videos"] = [data["videos"][0]] * 100
    path = tmp_path / "large.html"
    write_text(path, render(data, [block] * 100))
    with opened(browser, path) as page:
        page.add_init_script(
            "const parse = JSON.parse; window.read = 0;"
            "JSON.parse = (text) => { window.read += 1; return parse(text); };"
        )
        page.reload()
        expect(page.locator("#video-title")).to_have_text(KEYWORD)
        expect(page.locator("#provenance pre")).to_have_count(1)
        assert page.evaluate("window.read") == 2
        page.locator("#videos li button").nth(1).click()
        assert page.evaluate("window.read") == 3

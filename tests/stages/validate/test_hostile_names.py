"""Names and texts from outside that would do something where they are shown; the rest goes on."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_inputs import write_video
from playwright.sync_api import sync_playwright
from scene_trees import write_validate_inputs

from pipeline.ground import artefacts
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.tables import read_table, write_rows, write_table
from pipeline.ground.terminal import escaped, paragraph
from pipeline.ground.workspace import Workspace
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.names import parse_scene_name
from pipeline.scenes.refusals import read_rejections, write_rejections
from pipeline.scenes.table import read_scenes
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.params import ValidateParams
from schemas.rejected_scenes import Reason, Rejection
from schemas.scene_batch import BatchLimits, check_batch
from schemas.spreadsheets import marked, unmarked
from schemas.valid_scenes import read_valid_scenes

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MARKUP = "<img src=x onerror=alert(1)>.jpg"
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e.jpg"
FORGED = "x\n✓ all is well\r.jpg"
MANY_DIGITS = f"v00-Scene-{'9' * 20}-01.jpg"
NO_UTF_8 = os.fsdecode(b"v00-Scene-\xff01-01.jpg")
NAMES = (MARKUP, TERMINAL, FORGED, MANY_DIGITS, NO_UTF_8, "=cmd|'calc'!A0.jpg")
CUTS = "data/video_scene_cuts"


@pytest.fixture
def hostile(workspace: Workspace) -> Workspace:
    """A sound scene, and stray files of every name."""
    write_validate_inputs(workspace.root, {"v00": 1})
    for name in NAMES:
        write_bytes(workspace.path(f"{CUTS}/v00/{name}"), b"")
    return workspace


def test_validation_refuses_each_and_goes_on(hostile: Workspace) -> None:
    verdicts = validate.judge(hostile, ValidateParams())
    assert [row[:2] for row in verdicts.rows] == [("v00", 1)]
    report = hostile.path("refused.csv")
    write_rejections(report, verdicts.rejections)
    told = {one.file.removeprefix(f"{CUTS}/v00/"): one.reason for one in read_rejections(report)}
    assert set(told) == {*NAMES, "v00-Scene-\\xff01-01.jpg"} - {NO_UTF_8}
    assert set(told.values()) == {Reason.NAME_DOES_NOT_PARSE}


def test_scene_numbers_are_what_every_table_holds_exactly() -> None:
    assert parse_scene_name(f"v-Scene-{'9' * 15}-01.jpg").scene_number == 10**15 - 1
    for number in ("9" * 16, "٠٠١"):
        with pytest.raises(Exception, match="does not parse"):
            parse_scene_name(f"v-Scene-{number}-01.jpg")


def test_a_folder_that_is_no_utf_8_stops_no_stage(workspace: Workspace) -> None:
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    write_video(workspace.path("data/videos/v00.mp4"), shots=[5])
    write_bytes(workspace.path(os.fsdecode(b"data/videos/\xff/v01.mp4")), b"no video")
    scene_cuts.main(workspace)
    assert len(read_cuts(workspace.path(artefacts.CUTS_CSV))) == 1
    [refusal] = read_rejections(workspace.path(scene_cuts.REFUSED))
    assert refusal.file == "data/videos/\\xff/v01.mp4"


def is_harmless(said: str) -> bool:
    said.encode("utf-8")
    return all(line.isprintable() for line in said.split("\n")) and "\n✓ all" not in said


def test_check_shows_names_as_they_are_and_no_more(hostile: Workspace, gazeshift) -> None:
    for name in NAMES:
        write_bytes(hostile.path(f"data/videos/{name}.mp4"), b"")
    answer = gazeshift("check")
    assert is_harmless(answer.out + answer.err)
    assert "checks failed" in answer.out


def test_migrate_shows_names_as_they_are_and_no_more(
    workspace: Workspace, gazeshift, tmp_path: Path
) -> None:
    trees = tmp_path / "v2/data/screenshots_tiktok"
    for name in (*NAMES, "scene_1.png", f"scene_{'9' * 20}.png"):
        write_bytes(trees / "v00" / name, b"")
    answer = gazeshift("migrate", "--from", str(tmp_path / "v2"), "--apply")
    assert is_harmless(answer.out + answer.err)
    assert "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202e.jpg" in answer.out
    assert [path.name for path in workspace.path(artefacts.IMPORT).rglob("*.png")] == [
        "v00-Scene-001-01.png"
    ]


def test_errors_and_log_lines_are_shown_as_paragraphs(workspace: Workspace, gazeshift) -> None:
    write_text(workspace.path("params.yaml"), 'scene_cuts: {source: folder, input: "a\\e[2J"}')
    answer = gazeshift("scene_cuts")
    assert answer.status == 1
    assert "\\x1b[2J" in answer.err
    assert is_harmless(answer.err)
    assert paragraph("a\n✓ b\x1b") == "a\n  ✓ b\\x1b"


@pytest.mark.parametrize("name", ["a\tb", "10\xa0000", "a\u3000b", "👩\u200d🚀", "می\u200cخواهم"])
def test_ordinary_names_are_shown_as_they_are(name: str) -> None:
    assert escaped(name) == name
    assert escaped(f"{name}\u202e\x1b\u2028\r") == f"{name}\\u202e\\x1b\\u2028\\r"


def test_no_command_prints_past_that_door() -> None:
    root = Path(escaped.__code__.co_filename).parents[1]
    found = [path.name for path in root.rglob("*.py") if "sys.stdout." in path.read_text("utf-8")]
    assert found == ["terminal.py"]


TEXTS = st.text(st.sampled_from("'=+-@＝;\t\r\n a1.e,"), max_size=8)


@given(TEXTS)
def test_a_marked_text_is_no_formula_and_comes_back(text: str) -> None:
    shown = marked(text)
    assert unmarked(shown) == text
    cells = [cell for part in shown.splitlines() for cell in part.replace("\t", ";").split(";")]
    for cell in cells:
        assert cell[:1] not in ("=", "@", "+", "-", "＝") or float(cell)


@pytest.mark.parametrize("write", ["table", "rows"])
def test_tables_hold_no_formula_and_read_back(tmp_path: Path, write: str) -> None:
    texts = ["=cmd|'/C calc'!A0", "@SUM(A1)", "shoe;=1+1", "'quoted'", "'=x", "+size dress", "-0.5"]
    path = tmp_path / "texts.csv"
    table = pd.DataFrame({"text": texts, "number": -0.5})
    if write == "table":
        write_table(path, table)
    else:
        write_rows(path, table.columns, table.itertuples(index=False))
    cells = [line.removesuffix(",-0.5") for line in path.read_text().splitlines()[1:]]
    assert cells == [
        "'=cmd|'/C calc'!A0", "'@SUM(A1)", "shoe;'=1+1", "'quoted'", "''=x", "'+size dress", "-0.5"
    ]  # fmt: skip
    assert read_table(path, {"number": "float64"}).equals(table.astype({"text": "str"}))


def test_a_keyword_that_spreadsheets_would_run_is_read_as_it_is(workspace: Workspace) -> None:
    keyword = "=cmd|'/C calc'!A0"
    write_validate_inputs(workspace.root, {"v00": 1})
    write_text(workspace.path("data/keywords.csv"), f"_id,keyword_list[0]\nv00,{keyword}\n")
    rows = validate.judge(workspace, ValidateParams()).rows
    table = workspace.path(artefacts.SCENES)
    write_rows(table, rows[0]._fields, rows)
    assert f",'{keyword}," in table.read_text()
    assert read_scenes(table)["keyword"].tolist() == [keyword]
    assert read_valid_scenes(table)["keyword"].tolist() == [keyword]


def test_refusals_read_back_exactly(tmp_path: Path) -> None:
    told = [Rejection("=1+1", None, f"a/{FORGED}", Reason.BAD_VIDEO_ID, "-x;@y")]
    write_rejections(tmp_path / "refused.csv", told)
    assert read_rejections(tmp_path / "refused.csv") == told


@pytest.fixture
def data_docs(tmp_path: Path) -> Path:
    scenes = [f"{CUTS}/{name}" for name in (MARKUP, "</td><script>alert(2)</script>", "{{7*7}}$x")]
    batch = pd.DataFrame({"scene": scenes, "outcome": Reason.NAME_DOES_NOT_PARSE.value})
    batch = batch.assign(mask_coverage=float("nan"), alignment_score=float("nan"))
    check_batch(batch, BatchLimits(1, 0.5, 1.0), None, tmp_path / "docs")
    return tmp_path / "docs"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_the_data_docs_run_nothing(data_docs: Path) -> None:
    ran: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--disable-gpu"], chromium_sandbox=False
        )
        # Its fonts and scripts lie on the network, which the test does without.
        page = browser.new_context(offline=True).new_page()
        page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
        [path] = (data_docs / "validations").rglob("*.html")
        page.goto(path.as_uri(), wait_until="load")
        shown = page.locator("body").text_content() or ""
        assert page.locator("img[src=x]").count() == 0
        browser.close()
    assert ran == []
    assert MARKUP in shown
    assert "{{7*7}}$x" in shown

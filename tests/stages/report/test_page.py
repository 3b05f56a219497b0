"""The page as a file: what it holds, what can break out of it, which videos it shows."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from stages.report.report_workspace import KEYWORD, write_report, write_scenes

from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.pictures.degradations import DEGRADATIONS
from pipeline.proof.params import PROOF_OF
from pipeline.stages.report.page import render
from pipeline.stages.report.proof import DEGRADED, FIGURES, proof_section
from pipeline.stages.report.stage import choose_videos


@pytest.mark.parametrize("text", [KEYWORD, "<!--<script>", "/* style */", "\u2028<!-- data -->"])
def test_no_text_leaves_its_block_of_data(text: str) -> None:
    page = render({"keyword": text}, [{"found": text}])
    blocks = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page)
    assert [name for name, _ in blocks] == ["data", "video-0"]
    assert json.loads(blocks[0][1]) == {"keyword": text}
    assert json.loads(blocks[1][1]) == {"found": text}
    assert page.count("<script") == page.count("</script>") == 3


def test_the_page_names_no_address() -> None:
    page = render({}, [])
    addresses = set(re.findall(r"""(?:https?:)?//[\w./-]+""", page)) - {"//www.w3.org/2000/svg"}
    assert {address for address in addresses if ":" in address} <= {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"""\b(?:src|href)=["'](?!#)""", page)
    assert "@import" not in page


def test_playable_videos_come_first_then_redrawn_ones_and_videos_stay_whole() -> None:
    scenes = pd.DataFrame({"video_id": ["a"] * 3 + ["b"] * 2 + ["c"] * 4, "scene_number": 1})
    scenes["keyword"] = "mug"
    b, c = (pd.DataFrame({"video_id": [video]}) for video in "bc")

    def shown(max_scenes: int, rendered: pd.DataFrame) -> str:
        return "".join(choose_videos(scenes, c, rendered, max_scenes)["video_id"].unique())

    assert [shown(most, pd.DataFrame()) for most in (1, 6, 7, 9)] == ["c", "c", "ca", "cab"]
    assert [shown(most, b) for most in (1, 6)] == ["b", "bc"]


def test_of_the_videos_shown_those_with_a_keyword_in_doubt_come_first() -> None:
    scenes = pd.DataFrame({"video_id": ["a", "b", "c"], "scene_number": 1})
    scenes["keyword"] = ["mug", "gift", "gift"]
    edits = pd.DataFrame({"video_id": ["a"]})
    assert list(choose_videos(scenes, edits, pd.DataFrame(), 2)["video_id"]) == ["b", "a"]


def test_a_failed_proof_is_named_and_every_figure_of_the_gate_has_words() -> None:
    check = {"metric": "identity_psnr_db", "proof": "identity", "must": "at least 45"}
    gate = {"pass": False, "verdict": "FAIL", "failed": ["identity"]}
    section = proof_section(
        {"identity_psnr_db": 40.0, "identity_psnr_db_ci95": [39.0, 41.0]},
        {**gate, "checks": [{**check, "pass": False}]},
    )
    assert section["failed"] == ["Asked for nothing, it changes nothing"]
    (proof,) = section["proofs"]
    (figure,) = proof["figures"]
    assert (figure["value"], figure["interval"], figure["pass"]) == (40.0, [39.0, 41.0], False)
    assert set(PROOF_OF) <= set(FIGURES)


def test_every_degradation_has_words_and_a_row() -> None:
    assert set(DEGRADED) == set(DEGRADATIONS)
    metrics = {"robustness_jpeg": 0.9, "robustness_jpeg_ci95": [0.8, 1.0], "robustness_blur": 0.1}
    rows = proof_section(metrics, {"pass": True, "verdict": "", "failed": [], "checks": []})
    jpeg, blur = rows["robustness"]
    assert jpeg["label"] == "JPEG, quality 50"
    assert jpeg["judge"] == {"value": 0.9, "interval": [0.8, 1.0]}
    assert blur["people"] == {"value": None, "interval": None}


def test_a_scene_that_is_gone_is_named(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path)
    (tmp_path / scenes.iloc[-1]["attention_heatmap_path"]).unlink()
    with pytest.raises(InputError, match=r"-Scene-004-01\.jpg is missing"):
        write_report(Workspace(tmp_path))


def test_a_table_without_scenes_is_named(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path)
    scenes.head(0).to_csv(tmp_path / "data/valid_scenes.csv", index=False)
    with pytest.raises(InputError, match="has no scenes"):
        write_report(Workspace(tmp_path))

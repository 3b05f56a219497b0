"""The batch against its expectations: a normal one passes, and a wrong one is named."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from schemas.rejected_scenes import Reason
from schemas.scene_batch import COLUMNS, VALID, BatchLimits, check_batch, make_profile

LIMITS = BatchLimits(min_scenes=10, max_refused_share=0.25, max_drift=0.5)


def figures(scenes: int, seed: int, coverage: float = 0.06) -> pd.DataFrame:
    """Coverages and scores of valid scenes; `coverage` is the mean mask coverage."""
    random = np.random.default_rng(seed)
    mask_coverage = np.clip(random.normal(coverage, 0.02, scenes), 0.021, 0.9)
    return pd.DataFrame(
        {
            "scene": [f"7000/{number}" for number in range(scenes)],
            "outcome": VALID,
            "mask_coverage": mask_coverage,
            "alignment_score": mask_coverage * random.uniform(0.1, 0.7, scenes),
        }
    )


def refused(scenes: int, reason: Reason) -> pd.DataFrame:
    rows = [(f"8000/{number}", reason.value, np.nan, np.nan) for number in range(scenes)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


PROFILE = make_profile(figures(400, seed=0))


def text_of(docs: Path) -> str:
    (page,) = docs.glob("validations/**/*.html")
    return re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))


def test_a_profile_holds_the_share_of_scenes_per_bin() -> None:
    table = pd.DataFrame({"mask_coverage": [0.03, 0.04, 0.5, 0.9], "alignment_score": 0.015})
    profile = make_profile(table)
    assert profile["scenes"] == 4
    assert profile["mask_coverage"]["weights"] == [0, 0, 0.5, 0, 0, 0, 0, 0, 0.25, 0.25]
    assert profile["alignment_score"]["weights"][3] == 1


def test_a_normal_batch_passes_also_with_some_refused(tmp_path: Path) -> None:
    batch = pd.concat([figures(200, seed=1), refused(20, Reason.MASK_EMPTY)], ignore_index=True)
    assert check_batch(batch, LIMITS, PROFILE, tmp_path / "docs") == []
    assert (tmp_path / "docs/index.html").is_file()
    assert "mask_coverage" in text_of(tmp_path / "docs")


def test_a_drifting_batch_is_named_in_the_result_and_in_data_docs(tmp_path: Path) -> None:
    drifted = figures(200, seed=1).assign(mask_coverage=lambda table: table["mask_coverage"] * 3)
    (finding,) = check_batch(drifted, LIMITS, PROFILE, tmp_path / "docs")
    assert finding.startswith("the distribution of mask_coverage has drifted")
    assert "gazeshift profile" in finding
    assert float(re.findall(r"found ([\d.]+)", finding)[0]) > LIMITS.max_drift
    text = text_of(tmp_path / "docs")
    assert "Kullback-Leibler" in text
    assert "Failed" in text


def test_without_a_profile_drift_is_not_looked_at(tmp_path: Path) -> None:
    assert check_batch(figures(200, seed=1, coverage=0.5), LIMITS, None, tmp_path) == []


def test_a_reason_that_refuses_too_many_is_named_with_the_scenes(tmp_path: Path) -> None:
    batch = pd.concat([figures(70, seed=1), refused(30, Reason.MASK_EMPTY)], ignore_index=True)
    (finding,) = check_batch(batch, LIMITS, PROFILE, tmp_path)
    assert finding == "mask_empty refuses over 25% of scenes (found 30.0 %)"
    assert "8000/7" in text_of(tmp_path)


@pytest.mark.parametrize("scenes", [0, 9])
def test_too_few_scenes_are_named_even_none(tmp_path: Path, scenes: int) -> None:
    findings = check_batch(figures(scenes, seed=1), LIMITS, None, tmp_path)
    assert findings == [f"fewer than 10 scenes came in (found {scenes})"]


def test_the_same_batch_gives_the_same_site_which_fetches_nothing(tmp_path: Path) -> None:
    for name in ("first", "second"):
        check_batch(figures(60, seed=1), LIMITS, PROFILE, tmp_path / name)
    pages = sorted((tmp_path / "first").rglob("*.html"))
    assert len(pages) > 1
    for page in pages:
        again = tmp_path / "second" / page.relative_to(tmp_path / "first")
        assert page.read_bytes() == again.read_bytes()
        assert not re.search(r'<img[^>]*src="https?:', page.read_text(encoding="utf-8"))

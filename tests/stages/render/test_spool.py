"""Records that wait: given back as they were, from memory and from the disk."""

from pathlib import Path

import pytest

from pipeline.stages.render import spool
from pipeline.stages.render.spool import Spool


@pytest.mark.parametrize("most", [4, 1 << 20], ids=["on disk", "in memory"])
def test_records_come_back_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(spool, "_MOST_IN_MEMORY", most)
    with Spool(tmp_path / "new") as records:
        for number in range(5):
            records.append(bytes([number]) * (number + 1))
            assert records.read(0) == b"\0"
        assert [len(records.read(number)) for number in (4, 0, 2)] == [5, 1, 3]
        assert len(records) == 5
    assert list((tmp_path / "new").iterdir()) == []

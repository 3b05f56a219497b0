from pathlib import Path

import pytest
import torch

from pipeline.learning.fitting import StreamedCheckpoints, open_checkpoint, resume_step


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    saved = {"global_step": 3, "state_dict": {"weight": torch.arange(4.0)}}
    StreamedCheckpoints().save_checkpoint(saved, tmp_path / "run/last.ckpt")
    assert torch.equal(
        open_checkpoint(tmp_path / "run/last.ckpt")["state_dict"]["weight"], torch.arange(4.0)
    )
    assert resume_step(tmp_path / "run/last.ckpt") == 3
    assert resume_step(tmp_path / "none.ckpt") == 0


def test_one_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    StreamedCheckpoints().save_checkpoint({"global_step": 3}, path)
    with pytest.raises(AttributeError):
        StreamedCheckpoints().save_checkpoint({"global_step": 4, "broken": lambda: 0}, path)
    assert resume_step(path) == 3
    assert list(tmp_path.iterdir()) == [path]

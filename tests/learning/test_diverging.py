"""A training that diverges stops with that word, and writes no such weights."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from pipeline.ground.errors import ParamsError
from pipeline.learning.fitting import LAST, fit, open_checkpoint

BATCHES = DataLoader(TensorDataset(torch.ones(6, 1)), batch_size=1)


class Failing(pl.LightningModule):
    """One weight; from a step on, the loss, its gradient or the validation is not finite."""

    def __init__(self, fails: str, step: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.fails, self.step = fails, step
        self.params = SimpleNamespace(name="train", learning_rate=0.1)

    def training_step(self, batch: Any, index: int) -> Tensor:
        late = self.global_step >= self.step
        if late and self.fails == "loss":
            return (self.weight * torch.inf).sum()
        # The root's own value is finite, its slope is not.
        return (self.weight * 0).sqrt().sum() if late and self.fails == "slope" else self._loss()

    def validation_step(self, batch: Any, index: int) -> None:
        late = self.global_step >= self.step
        self.log("val/loss", self._loss() * (torch.nan if late and self.fails == "val" else 1))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def _loss(self) -> Tensor:
        return self.weight.square().sum()


@pytest.mark.parametrize("fails", ["loss", "slope", "val"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_stops_and_leaves_the_last_weights_that_are_numbers(fails: str, tmp_path: Path) -> None:
    validated = fails == "val"
    with pytest.raises(ParamsError, match=r"train: the training diverges: .*train\.learning_rate"):
        fit(
            Failing(fails, step=3),
            BATCHES,
            BATCHES if validated else None,
            tmp_path,
            [],
            patience=9 if validated else None,
            saved={} if validated else {"every_n_train_steps": 1},
            devices=1,
            max_epochs=1,
            val_check_interval=2 if validated else None,
            logger=False,
            enable_progress_bar=False,
        )
    last = open_checkpoint(tmp_path / LAST)
    assert torch.isfinite(last["state_dict"]["weight"]).all()
    assert last["global_step"] == (2 if validated else 3)


class OneOfTwo(SingleDeviceStrategy):
    """Stands for the process whose numbers are sound, where the other one's are not."""

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        assert not decision
        return not all


@pytest.mark.parametrize("looks", ["at losses", "at weights"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_all_processes_stop_where_one_diverges(
    looks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, every = ("train/loss", 2) if looks == "at losses" else ("a weight", 9)
    monkeypatch.setattr("pipeline.learning.fitting._LOOK_EVERY", every)
    with pytest.raises(ParamsError, match=rf"at step 2 {what} is not finite\. "):
        fit(
            Failing("never", step=9),
            BATCHES,
            None,
            tmp_path,
            [],
            patience=None,
            saved={"every_n_train_steps": 2},
            strategy=OneOfTwo(torch.device("cpu")),
            max_epochs=1,
            logger=False,
            enable_progress_bar=False,
        )

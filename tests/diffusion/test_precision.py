"""16 bits only where the device is faster in them."""

from types import MappingProxyType

import pytest
import torch

from pipeline.diffusion.precision import autocast, half_type, training_precision

CPU = torch.device("cpu")


def processor(monkeypatch: pytest.MonkeyPatch, **able: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: MappingProxyType(able))


def product_type(wanted: bool = True) -> torch.dtype:
    with autocast(CPU, wanted):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_a_processor_with_bfloat16_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, avx2=True, avx512_bf16=True)
    assert (product_type(), product_type(wanted=False)) == (torch.bfloat16, torch.float32)
    assert training_precision("auto") == "bf16-mixed"


def test_a_processor_without_it_computes_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, avx2=True, avx512_bf16=False)
    assert product_type() == torch.float32
    assert training_precision("auto") == "32-true"
    assert training_precision("bf16-mixed") == "bf16-mixed"


def test_a_gpu_edits_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch)
    assert half_type(torch.device("cuda")) == torch.float16


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_a_gpu_trains_in_the_type_it_has(monkeypatch, native: bool, precision: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert training_precision("auto") == precision

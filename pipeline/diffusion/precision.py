"""In which precision a device computes fastest: 16 bits, where it has arithmetic for them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

Precision: TypeAlias = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
"""As Lightning calls it."""


def half_type(device: torch.device) -> torch.dtype | None:
    """Return the 16-bit type that is fast on the device; None where 32 bits are faster.

    A processor without arithmetic for bfloat16 (most laptops') emulates it: the demo's UNet takes
    more than twenty times as long in it as in 32 bits.
    """
    if device.type != "cpu":
        return torch.float16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else None


def autocast(device: torch.device, wanted: bool = True) -> torch.autocast:
    """Return a context that computes in 16 bits where that is wanted and faster."""
    half = half_type(device) if wanted else None
    return torch.autocast(device.type, half, enabled=half is not None)


def training_precision(
    wanted: Precision = "auto",
) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """Return what `auto` means here: 16 bits where they are fast.

    That is bfloat16 wherever there is arithmetic for it: its range needs no scaling of the loss.
    """
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if native else "16-mixed"
    return "bf16-mixed" if half_type(torch.device("cpu")) else "32-true"

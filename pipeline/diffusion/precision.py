"""In which precision a device computes fastest: 16 bits, where it has arithmetic for them."""

from __future__ import annotations

import torch


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

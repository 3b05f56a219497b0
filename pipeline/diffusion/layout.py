"""How a UNet or a ControlNet of diffusers is laid out to compute fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

Model = TypeVar("Model", bound=nn.Module)

# Queries times keys up to which plain products are faster, and their memory is small.
_SHORT = 1 << 17


def laid_out(model: Model) -> Model:
    """Return the model with the layout and the kernels that its steps are fast with.

    - Convolutions: channels last.
    - Group normalisations: in 32 bits also where the rest computes in 16, as autocasting has it on
      a GPU. On a CPU, torch's take two to ten times as long in bfloat16 where channels come last.
    - Attention: see `Attending`.
    """
    from diffusers.models.attention_processor import Attention

    convert_conv2d_weight_memory_format(model, torch.channels_last)
    for part in model.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_pre_hook(_in_32_bits)
        elif isinstance(part, Attention):
            part.set_processor(Attending())
    return model


def summing_alike(model: nn.Module) -> None:
    """Have a model's group normalisations sum alike on any number of threads.

    With channels last, torch's sum in as many parts as there are threads; here, in two.
    """
    for part in model.modules():
        if type(part) is nn.GroupNorm:
            part.__class__ = _SummingAlike


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on so many threads while the context lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def two_threads_at_least() -> AbstractContextManager[None]:
    """Return a context that does not compute on one thread: alone it has other convolutions."""
    return threads(max(2, torch.get_num_threads()))


class _SummingAlike(nn.GroupNorm):
    def forward(self, input: Tensor) -> Tensor:
        with threads(2):
            return super().forward(input)


class Attending:
    """A processor of diffusers' attention: torch's fused kernel, or plain products.

    On a CPU in bfloat16, plain products take a third to a half of its time where sequences are
    short, forward and backward. In 32 bits they never win.
    """

    def __init__(self) -> None:
        from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

        self._plain = AttnProcessor()
        self._fused = AttnProcessor2_0()

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return what the layer makes of N×T×D or N×C×H×W; diffusers asks for these names."""
        keys = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        short = hidden_states.ndim == 3 and hidden_states.shape[1] * keys.shape[1] <= _SHORT
        in_16_bits = hidden_states.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        # The plain one of diffusers knows no normalised queries and keys.
        plain = short and in_16_bits and attn.norm_q is None
        processor = self._plain if plain else self._fused
        return processor(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def _in_32_bits(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(values.float() for values in inputs)

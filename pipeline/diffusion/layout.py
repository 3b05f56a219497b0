"""How diffusers' models are laid out to compute fast."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

Model = TypeVar("Model", bound=nn.Module)

# Queries times keys up to which plain products are faster on a CPU, and their memory is small.
_SHORT = 1 << 17


def laid_out(model: Model) -> Model:
    """Return the model with the layout and the kernels that are fast on its device.

    - Convolutions: the memory layout that they are fast in.
    - Group normalisations: in the type of their weights, 32 bits, also where others compute in 16.
      So autocasting has it on a GPU; on a CPU, torch's take two to ten times as long in bfloat16.
    - Attention: see `Attending`.
    """
    from diffusers.models.attention_processor import Attention

    convert_conv2d_weight_memory_format(model, torch.channels_last)
    for part in model.modules():
        if isinstance(part, nn.GroupNorm):
            part.register_forward_pre_hook(_in_type_of_weights)
        elif isinstance(part, Attention):
            part.set_processor(Attending())
    return model


class Attending:
    """A processor of diffusers' attention: torch's fused kernel, but for short sequences on a CPU.

    There, plain products take half of its time and less in bfloat16, forward and backward.
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
        *args: Any,
        **options: Any,
    ) -> Tensor:
        """Return what the layer makes of N×T×D (or N×C×H×W); diffusers gives the names."""
        keys = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        short = hidden_states.ndim == 3 and hidden_states.shape[1] * keys.shape[1] <= _SHORT
        plain = short and hidden_states.device.type == "cpu"
        processor = self._plain if plain else self._fused
        return processor(attn, hidden_states, encoder_hidden_states, *args, **options)


def _in_type_of_weights(norm: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    assert isinstance(norm, nn.GroupNorm)
    return tuple(values.to(norm.weight.dtype) for values in inputs)

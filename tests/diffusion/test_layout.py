import copy
from inspect import signature

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import nn

from pipeline.diffusion.layout import Attending, laid_out


class Block(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 4, 3))


def test_convolutions_get_the_layout() -> None:
    block = laid_out(Block())
    assert block[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert block(torch.ones(2, 4, 8, 8)).is_contiguous(memory_format=torch.channels_last)


def test_norms_compute_in_32_bits_among_16(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        nn.GroupNorm, "forward", lambda norm, values: seen.append(values.dtype) or values
    )
    with torch.autocast("cpu", torch.bfloat16):
        for block in (Block(), laid_out(Block()), copy.deepcopy(laid_out(Block()))):
            assert block(torch.ones(2, 4, 8, 8)).dtype is torch.bfloat16
    assert seen == [torch.bfloat16, torch.float32, torch.float32]


def test_32_bits_give_what_they_gave() -> None:
    block, images = Block(), torch.rand(2, 4, 8, 8)
    plain = block(images)
    torch.testing.assert_close(laid_out(block)(images), plain)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the processors that have attended."""
    names: list[str] = []
    for name, processor in (("plain", AttnProcessor), ("fused", AttnProcessor2_0)):

        def spied(*args, name=name, call=processor.__call__, **options):
            names.append(name)
            return call(*args, **options)

        monkeypatch.setattr(processor, "__call__", spied)
    return names


@pytest.mark.parametrize(
    ("queries", "keys", "chosen"),
    [(66, None, "plain"), (66, 16, "plain"), (1056, None, "fused"), (4096, 16, "plain")],
)
def test_short_sequences_attend_by_plain_products_in_16_bits(
    queries: int, keys: int | None, chosen: str, called: list[str]
) -> None:
    layer = Attention(8, cross_attention_dim=None if keys is None else 4, heads=2, dim_head=4)
    hidden = torch.rand(1, queries, 8)
    text = None if keys is None else torch.rand(1, keys, 4)
    exact = layer(hidden, encoder_hidden_states=text)
    laid_out(layer)
    torch.testing.assert_close(layer(hidden, encoder_hidden_states=text), exact)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(hidden, encoder_hidden_states=text)
    torch.testing.assert_close(rounded.float(), exact, atol=0.02, rtol=0)
    assert called == ["fused", "fused", chosen]


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (1, 8, 4, 4)), ({"qk_norm": "layer_norm"}, (1, 16, 8))],
    ids=["a picture's", "normalised queries"],
)
def test_what_plain_products_cannot_stays_fused(
    options: dict[str, str], shape: tuple[int, ...], called: list[str]
) -> None:
    layer = laid_out(Attention(8, heads=2, dim_head=4, **options))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.rand(shape)).shape == shape
    assert called == ["fused"]


def test_a_processor_takes_all_that_diffusers_own_takes() -> None:
    own, theirs = (list(signature(kind.__call__).parameters) for kind in (Attending, AttnProcessor))
    assert own == [name for name in theirs if name not in ("args", "kwargs")]

"""Attention on one side against the other, in log odds: the dose as an attention model sees it."""

from __future__ import annotations

import torch
from torch import Tensor

_NO_ATTENTION = 1e-9


def attention_log_odds(maps: Tensor, raised: Tensor, lowered: Tensor) -> Tensor:
    """Return the log of attention on `raised` over attention on `lowered`, N values.

    With the keyword's region against all the rest, this is the logit of its attention share.

    Args:
        maps: N×H×W, >= 0.
        raised: N×H×W or H×W, in {0, 1}.
        lowered: likewise.
    """
    up, down = ((maps * side).sum((1, 2)) for side in (raised, lowered))
    return torch.log(up + _NO_ATTENTION) - torch.log(down + _NO_ATTENTION)

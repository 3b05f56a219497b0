"""YAML that anybody may have written: what would take without end to read is refused at once."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from itertools import chain
from typing import Any

import yaml

# With every alias written out: ours have some hundred values, a long list as many as it shows.
_MOST_NODES, _MOST_PER_NODE = 10_000, 10
_DEEPEST = 100


class _Loader(yaml.SafeLoader):
    """Follows no more levels than anybody writes; Python itself ends at ten times as many."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"it is nested over {_DEEPEST} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def load_yaml(text: str) -> Any:
    """Read YAML whose aliases stand for no more than the larger of the two limits.

    Raises:
        ValueError: it is no YAML, nested too deep, or too much is written in too few words.
    """
    return deepcopy(_loaded(text))


# A stage reads params.yaml once for each of its sections.
@lru_cache(maxsize=4)
def _loaded(text: str) -> Any:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        known: dict[int, int] = {}
        written_out = _written_out(node, known)
        if written_out > (most := max(_MOST_NODES, _MOST_PER_NODE * len(known))):
            raise ValueError(f"with its aliases written out it has over {most:,} values")
        return loader.construct_document(node) if node else None
    # Of a date or a number that there is none of, the libraries say what they like.
    except (yaml.YAMLError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(str(error)) from error


def _written_out(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return how many nodes a document has where every alias is what it stands for.

    `known` is filled with that of each node, of which there are as many as were written.
    """
    if id(node) not in known:
        # Of one that holds itself there is no end.
        known[id(node)] = sys.maxsize
        children: Iterable[yaml.Node] = ()
        if isinstance(node, yaml.CollectionNode):
            children = node.value if isinstance(node, yaml.SequenceNode) else chain(*node.value)
        known[id(node)] = 1 + sum(_written_out(child, known) for child in children)
    return known[id(node)]

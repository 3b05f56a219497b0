import torch

from pipeline.serving.memory_cache import MemoryCache


def test_it_gives_back_what_it_was_given_and_forgets_the_oldest() -> None:
    cache = MemoryCache(room_gb=25e-9)
    tensors = {key: torch.full((3,), float(ord(key))) for key in "abc"}  # 12 bytes each
    for key in "abc":
        cache.put(key, {"values": tensors[key]})
    kept = cache.get("a")
    assert kept is not None
    assert torch.equal(kept["values"], tensors["a"])
    cache.prune()
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.get("c") is not None

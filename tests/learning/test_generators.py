import torch

from pipeline.learning.generators import generator_for


def test_generators_depend_on_every_number() -> None:
    draws = {
        torch.rand(1, generator=generator_for(*numbers)).item()
        for numbers in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(draws) == 4
    assert torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(1, 2))
    )

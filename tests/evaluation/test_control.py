import pytest

from pipeline.diffusion.controlnet import CONTROLNET, WEIGHTS, weights_digest
from pipeline.errors import InputError
from pipeline.storage.files import file_digest, write_bytes


def test_weights_are_known_by_their_content_and_missed_with_a_remedy(workspace) -> None:
    with pytest.raises(InputError, match="dvc repro train"):
        weights_digest(workspace)
    path = workspace.path(CONTROLNET) / WEIGHTS
    write_bytes(path, b"weights")
    assert weights_digest(workspace) == file_digest(path)

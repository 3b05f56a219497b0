"""One door to all engines: whatever runs the work, the results are the same."""

import importlib.util
import sys
from pathlib import Path

import pytest
from scene_trees import write_validate_inputs
from stage_runs import outs_of

from pipeline.ground.errors import ParamsError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.parallel import each
from pipeline.ground.params import ComputeParams
from pipeline.ground.workspace import Workspace
from pipeline.stages.validate import stage as validate

PACKAGES = {"ray": "ray", "dask": "distributed"}


def needs(backend: str) -> None:
    """Skip where the engine is not installed."""
    package = PACKAGES.get(backend)
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install {package}")


@pytest.mark.parametrize("backend", ["loky", "threading", "ray", "dask"])
def test_every_item_gives_its_result_once(backend: str) -> None:
    needs(backend)
    compute = ComputeParams(backend=backend, n_jobs=2)
    # More than one round of the engines that do not stream.
    assert sorted(each(abs, range(-1200, 0), compute, "numbers")) == [*range(1, 1201)]


def validated(root: Path, backend: str, n_jobs: int) -> dict[str, bytes]:
    """Return the outs of validate."""
    workspace = Workspace(root)
    write_validate_inputs(root, {f"70{number:02d}": 7 for number in range(14)})
    write_bytes(workspace.path("keyword_masks/7000/7000-Scene-003-01.png"), b"")
    compute = f"compute: {{backend: {backend}, n_jobs: {n_jobs}}}\n"
    write_text(workspace.path("params.yaml"), f"image_size: [48, 32]\n{compute}")
    validate.main(workspace)
    return outs_of(workspace, "validate")


@pytest.fixture(scope="module")
def by_one_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return validated(tmp_path_factory.mktemp("alone"), "loky", 1)


@pytest.mark.parametrize("backend", ["loky", "threading", "ray", "dask"])
def test_validate_writes_the_same_bytes_on_every_engine(
    tmp_path: Path, by_one_process: dict[str, bytes], backend: str
) -> None:
    needs(backend)
    assert validated(tmp_path, backend, 2) == by_one_process


@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_an_engine_that_is_not_installed_is_named_with_the_remedy(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ray.util.joblib", "distributed"):
        monkeypatch.setitem(sys.modules, module, None)
    compute = ComputeParams(backend=backend)
    with pytest.raises(ParamsError, match=f"pip install {PACKAGES[backend]}"):
        list(each(abs, range(2), compute, "numbers"))

"""Typed parameters: unknown names and wrong values are named, with what would be right."""

from pathlib import Path

import pytest

from pipeline.ground.errors import ParamsError
from pipeline.ground.params import ComputeParams, load_image_size, read_params
from pipeline.ground.workspace import Workspace


def workspace(folder: Path, params: str) -> Workspace:
    (folder / "params.yaml").write_text(params, errors="surrogateescape")
    return Workspace.find(folder)


def test_one_number_is_a_square_image_size(tmp_path: Path) -> None:
    assert load_image_size(workspace(tmp_path, "image_size: 256")) == (256, 256)
    assert load_image_size(workspace(tmp_path, "image_size: [176, 96]")) == (176, 96)
    assert load_image_size(workspace(tmp_path, "")) == (512, 512)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ("compute: {backends: loky}", r"compute\.backends: no such parameter; known are: backend"),
        ("compute: {backend: spark}", r"compute\.backend: .*'spark'"),
        ("compute: {n_jobs: -2}", r"compute\.n_jobs: .*-2"),
        ("compute: {n_jobs: 0}", r"compute\.n_jobs: .*at least 1.*found 0"),
        ("\udcff", "must be a text file in UTF-8"),
        ("compute: [", "not valid YAML"),
        ("- compute", "mapping of sections"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, params: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        ComputeParams.load(workspace(tmp_path, params))


def test_any_number_of_plain_values_is_read(tmp_path: Path) -> None:
    params = f"variant: {{keywords: [{'1,' * 10_001}]}}"
    assert len(read_params(workspace(tmp_path, params))["variant"]["keywords"]) == 10_001


def test_ten_times_what_is_written_is_the_most_that_aliases_may_stand_for(tmp_path: Path) -> None:
    one = f"one: &one [{'1,' * 3_000}]\n"
    read_params(workspace(tmp_path, f"{one}all: [{'*one,' * 8}]"))
    with pytest.raises(ParamsError, match="aliases written out it has over 30,0"):
        read_params(workspace(tmp_path, f"{one}all: [{'*one,' * 11}]"))

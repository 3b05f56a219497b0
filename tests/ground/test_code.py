"""The digest of code: what changes it, what does not, and that makers hold what they claim."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.ground import code
from pipeline.ground.code import Key, code_digest, installed_version, summary_key, versions
from pipeline.ground.record import Record
from pipeline.ground.workspace import Workspace
from pipeline.registry import DEMO_STAGES, STAGES

FILES = {
    "house/__init__.py": '"""A package."""\n',
    "house/top.py": "from house.below import SIZE\n\n\ndef area():\n    return SIZE * SIZE\n",
    "house/below.py": '"""Sizes."""\n\nSIZE = 3  # metres\n',
    "house/apart.py": "SIZE = 5\n",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own, which stands where ours does."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    monkeypatch.setattr(code, "_KEPT", tmp_path / "kept.json")
    return tmp_path


def digest_after(house: Path, name: str, text: str) -> str:
    (house / name).write_text(text)
    for cached in (code.code_digest, code.file_of, code._is_here, code._sources):
        cached.cache_clear()
    return code_digest("house.top")


TOP, BELOW, APART = "house/top.py", "house/below.py", "house/apart.py"
FOR_TYPES = "if TYPE_CHECKING:\n    from house.apart import SIZE as APART\n"
CHANGES = {
    "a constant below": (BELOW, "3", "4"),
    "an operator": (TOP, "*", "+"),
    "another block": (TOP, "return", "if SIZE:\n        return"),
    "another module": (TOP, "house.below", "house.apart"),
}
NO_CHANGES = {
    "comment and layout": (BELOW, "3  # metres", "(\n    3\n)  # feet"),
    "another docstring": (BELOW, "Sizes.", "Other words."),
    "a new docstring": (TOP, ":\n", ':\n    """In squares."""\n'),
    "a module apart": (APART, "5", "6"),
    "a new module": ("house/another.py", "", "SIZE = 7\n"),
    "an import for types": (TOP, "\n\n\n", f"\n{FOR_TYPES}\n\n"),
}


@pytest.mark.parametrize(("name", "old", "new"), CHANGES.values(), ids=CHANGES)
def test_what_the_code_does_changes_the_digest(house: Path, name: str, old: str, new: str) -> None:
    before = digest_after(house, name, FILES[name])
    assert digest_after(house, name, FILES[name].replace(old, new)) != before


@pytest.mark.parametrize(("name", "old", "new"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_changes_nothing_leaves_the_digest(house: Path, name: str, old: str, new: str) -> None:
    before = digest_after(house, TOP, FILES[TOP])
    changed = FILES[name].replace(old, new) if old else new
    assert (house / name).is_file() is bool(old)
    assert digest_after(house, name, changed) == before


def test_a_changed_block_is_told_from_its_neighbour(house: Path) -> None:
    inside = "if 1:\n    if 2:\n        a = 1\n        b = 2\n"
    outside = "if 1:\n    if 2:\n        a = 1\n    b = 2\n"
    assert digest_after(house, TOP, inside) != digest_after(house, TOP, outside)
    spread = digest_after(house, TOP, "x = {**a, b: c}\n")
    assert digest_after(house, TOP, "x = {b: a, **c}\n") != spread


def test_the_digest_is_the_same_in_a_process_that_finds_it_parsed(house: Path) -> None:
    first = digest_after(house, TOP, FILES[TOP])
    assert (house / "kept.json").is_file()
    assert digest_after(house, TOP, FILES[TOP]) == first
    (house / "kept.json").write_text("[1]")
    assert digest_after(house, TOP, FILES[TOP]) == first


def test_another_python_has_the_same_digest() -> None:
    found = (shutil.which(f"python{version}") for version in ("3.11", "3.12", "3.13"))
    others = [path for path in found if path and subprocess.run([path, "-c", ""]).returncode == 0]
    if not others:
        pytest.skip("no other Python here")
    program = "import sys; sys.path.insert(0, '.'); from pipeline.ground.code import code_digest; "
    program += "print(code_digest('pipeline.editing.scene_edits'))"
    for python in others:
        said = subprocess.run([python, "-c", program], cwd=code.ROOT, capture_output=True)
        assert said.stdout.decode().strip() == code_digest("pipeline.editing.scene_edits")


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"pipeline\.nowhere is no module"):
        code_digest("pipeline.nowhere")


def test_a_summary_depends_on_what_its_items_do() -> None:
    key = Key("inputs", ("pipeline.ground.files",))
    summed = summary_key(
        {"a": key, "b": key._replace(inputs="others")}, ["pipeline.ground.code"], "table"
    )
    assert summed.makers == ("pipeline.ground.files", "pipeline.ground.code")
    alone = summary_key({"a": key}).inputs
    assert summary_key({"a": key._replace(inputs="others")}).inputs != alone
    assert summary_key({"b": key}).inputs != alone
    assert key.digest != key._replace(makers=("pipeline.ground.code",)).digest


def test_versions_are_of_the_libraries_that_the_code_imports() -> None:
    found = versions("pipeline.heatmaps.algebra")
    assert found["numpy"] == installed_version("numpy")
    assert set(found) == {"python", "numpy"}


MAKERS = (
    "ingest.copying",
    "stages.scene_cuts.cutting",
    "stages.scene_cuts.imported",
    "stages.keyword_masks.outlines",
    "stages.keyword_masks.clipseg",
    "stages.attention_heatmap.recorded",
    "stages.attention_heatmap.predicted",
    "stages.validate.measure",
    "stages.encode.encoding",
    "scenes.pixels",
    "stages.train.run",
    "stages.attention_model.training",
    "stages.attention_model.scoring",
    "stages.variant.video",
    "stages.variant.pictures",
    "editing.scene_edits",
    "stages.render.video",
    "editing.editor",
    "editing.prepare",
    "stages.dose_curve.rows",
    "stages.evaluate.measure",
    "learning.control_check",
)
# Where files go, which processes work, what is told to whom: no result depends on it.
RUNNING = ("artefacts", "outs", "record", "workspace", "parallel")


@pytest.mark.parametrize("maker", MAKERS)
def test_what_makes_an_item_imports_nothing_that_only_runs_it(maker: str) -> None:
    held = code.closure(f"pipeline.{maker}")
    assert not held.keys() & {f"pipeline/ground/{name}.py" for name in RUNNING}
    assert not [name for name in held if name.startswith("pipeline/tracking/")]


def test_packages_have_a_docstring_and_nothing_else() -> None:
    """What a package's own file did would be in no digest."""
    for path in code.ROOT.glob("pipeline/*/**/__init__.py"):
        assert len(ast.parse(path.read_text()).body) == 1, path
    assert os.path.samefile(code.ROOT, Path(sys.modules["pipeline"].__file__ or "").parents[1])


@pytest.mark.parametrize("stage", [*STAGES, *DEMO_STAGES])
def test_the_code_of_every_stage_is_known_to_vouch_for(workspace: Workspace, stage: str) -> None:
    with Record(workspace, stage) as record:
        assert record._stage_code()

"""dvc.yaml: what it says a stage reads and writes is what the code does."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.attention.models import is_watched
from pipeline.ground.artefacts import OUTS, record_of
from pipeline.ground.code import closure
from pipeline.ground.params import ComputeParams, ModelParams, Section, read_params
from pipeline.ground.workspace import Workspace
from pipeline.registry import DEMO_STAGES, STAGES, module_of

ROOT = Path(__file__).parents[1]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ALPHA = "variant.alpha"


def paths(entries: list[Any]) -> dict[str, dict[str, Any]]:
    """Return {path: flags} of a list of outs or metrics."""
    return {
        path: flags or {}
        for entry in entries
        for path, flags in (entry.items() if isinstance(entry, dict) else [(entry, {})])
    }


def reads(stage: str, param: str) -> bool:
    """Whether the stage names the parameter, a section that holds it, or the whole file."""
    return any(
        isinstance(entry, dict) or f"{param}.".startswith(f"{entry}.")
        for entry in DVC[stage]["params"]
    )


def downstream(stages: set[str]) -> set[str]:
    """Return the stages and all that depend on their outs, directly or not."""
    made = [out for stage in stages for out in paths(DVC[stage]["outs"])]
    more = {stage for stage in DVC if any(overlap(d, out) for d in deps(stage) for out in made)}
    return stages if more <= stages else downstream(stages | more)


def deps(stage: str) -> list[str]:
    """Return a stage's deps with the parameters in them filled in."""
    params = read_params(Workspace(ROOT))

    def value(name: re.Match[str]) -> str:
        section, _, field = name[1].partition(".")
        return str(params[section][field])

    return [re.sub(r"\$\{([\w.]+)\}", value, dep) for dep in DVC[stage]["deps"]]


def overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies below it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def test_the_stages_are_those_of_the_command_line_in_its_order() -> None:
    assert [stage for stage in DVC if stage not in DEMO_STAGES] == list(STAGES)
    assert set(DVC) == {*STAGES, *DEMO_STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_folders_of_the_stages_import_closure(stage: str) -> None:
    folders = {str(Path(file).parent) for file in closure(module_of(stage).__name__)}
    deps = {dep for dep in DVC[stage]["deps"] if dep.partition("/")[0] in ("pipeline", "schemas")}
    assert deps == folders


@pytest.mark.parametrize("stage", DEMO_STAGES)
def test_the_demos_stages_name_their_own_files_and_the_folders_of_ours(stage: str) -> None:
    """In the demo's folder are its remote and its backbone's training, too: no deps of theirs."""
    files = closure(f"demo.{stage}")
    own = {file for file in files if file.startswith("demo/")}
    folders = {str(Path(file).parent) for file in set(files) - own}
    code = ("pipeline", "schemas", "demo")
    assert {dep for dep in DVC[stage]["deps"] if dep.partition("/")[0] in code} == own | folders
    assert DVC[stage]["cmd"] == f"python -m demo.{stage}"


def test_the_proof_names_the_demos_viewers_that_it_may_ask_and_all_that_they_import() -> None:
    viewers = {dep for dep in DVC["evaluate"]["deps"] if dep.startswith("demo/")}
    assert viewers == {file.relative_to(ROOT).as_posix() for file in ROOT.glob("demo/*viewers.py")}
    assert all(is_watched(file) and set(closure(file)) == {file} for file in viewers)
    evaluate = read_params(Workspace(ROOT))["evaluate"]
    named = {evaluate["judge"], *evaluate["panel"]}
    assert {name for name in named if name.endswith(".py")} <= viewers


@pytest.mark.parametrize("stage", [*STAGES, *DEMO_STAGES])
def test_outs_are_those_of_the_stage_and_kept(stage: str) -> None:
    outs = paths(DVC[stage]["outs"])
    assert set(outs) == {*OUTS[stage], record_of(stage)}
    assert all(flags == {"persist": True} for flags in outs.values())


@pytest.mark.parametrize("stage", STAGES)
def test_no_out_is_a_dep_of_its_own_stage(stage: str) -> None:
    assert not set(paths(DVC[stage]["outs"])) & set(DVC[stage]["deps"])
    assert DVC[stage]["cmd"] == f"python -m pipeline {stage}"


def test_another_alpha_runs_the_variants_their_edits_and_what_judges_and_shows_them() -> None:
    readers = {stage for stage in DVC if reads(stage, ALPHA)}
    assert readers == {"variant", "report"}
    assert downstream(readers) == {"variant", "edit", "render", "evaluate", "report"}
    assert downstream({"scene_cuts"}) == set(DVC)


@pytest.mark.parametrize("stage", STAGES)
def test_params_name_every_section_that_the_stages_code_loads(stage: str) -> None:
    """Of a section some fields will do; `compute` changes no result."""
    code = "".join((ROOT / path).read_text() for path in closure(module_of(stage).__name__))
    for other in STAGES:
        module_of(other)
    loaded = {
        section.name
        for section in subclasses(Section)
        if re.search(rf"\b{section.__name__}\.load\(", code) and section is not ComputeParams
    }
    if re.search(r"(?<!def )load_image_size\(", code):
        loaded.add("image_size")
    for name in loaded:
        assert reads(stage, name) or any(entry.startswith(f"{name}.") for entry in named(stage))


def subclasses(section: type[Section]) -> set[type[Section]]:
    """Return the sections of params.yaml."""
    found = {below for one in section.__subclasses__() for below in {one, *subclasses(one)}}
    return {one for one in found if hasattr(one, "name")}


def named(stage: str) -> list[str]:
    """Return the parameters that a stage names one by one."""
    return [entry for entry in DVC[stage]["params"] if isinstance(entry, str)]


def test_more_pictures_of_variants_rerun_no_edit() -> None:
    """The pictures are an out of their own."""
    assert {stage for stage in DVC if reads(stage, "variant.sample_videos")} == {
        "variant",
        "report",
    }


def test_every_section_of_params_yaml_loads() -> None:
    workspace = Workspace(ROOT)
    shared = (ComputeParams, ModelParams)
    known = {"image_size", *(section.load(workspace).name for section in shared)}
    for stage in STAGES:
        for value in vars(module_of(stage)).values():
            if isinstance(value, type) and issubclass(value, Section) and hasattr(value, "name"):
                value.load(workspace)
                known.add(value.name)
        assert stage in known
    assert set(read_params(workspace)) <= known

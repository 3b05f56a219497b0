"""The documents are held to what exists: links, paths, commands, parameters."""

import importlib.util
import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dvc.cli import parse_args
from dvc.utils.flatten import flatten
from dvc.utils.hydra import apply_overrides
from scene_trees import write_scene_tree

from demo.sealed import SEALED
from pipeline import cli
from pipeline.attention.models import load_attention_model
from pipeline.commands.check_setup import load_params
from pipeline.ground import params
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import SEVEN
from pipeline.pictures.tensors import tensor_of
from pipeline.registry import COMMANDS, DEMO_STAGES, STAGES, module_of
from schemas.annotations import Annotation

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


@pytest.fixture(params=DOCUMENTS, ids=NAMES)
def document(request):
    return request.param


def heading_ids(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        if anchor:
            assert anchor in heading_ids(linked.read_text()), target


def test_no_generated_part_is_empty(document):
    parts = re.findall(r"<!-- generated: (.+?) -->(.*?)<!-- end -->", document.read_text(), re.S)
    assert [name for name, text in parts if not text.strip()] == []


def test_files_that_are_named_in_the_repository_exist(document):
    folders = ("pipeline", "schemas", "docs", "demo", "tests", "benchmarks", "notebooks", ".github")
    tracked = tuple(f"{folder}/" for folder in folders)
    for name in re.findall(r"`([\w./-]+)`", document.read_text()):
        if name.startswith(tracked) and name != "demo/remote":
            assert (ROOT / name).exists(), name


def test_commands_exist(document):
    text = document.read_text()
    known = set(STAGES) | set(COMMANDS)
    assert set(re.findall(r"\bgazeshift (?!\[)([a-z_]+(?:-[a-z]+)*)\b", _code(text))) <= known
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", _code(text))) <= targets
    assert set(re.findall(r"\bdvc repro ([a-z_]+)\b", _code(text))) <= {*STAGES, *DEMO_STAGES}


def test_parameters_are_in_the_shipped_params_or_in_a_section_model(document):
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, field in re.findall(r"`([a-z_]+)\.([a-z_]+)\b(?!/)", document.read_text()):
        if isinstance(shipped.get(section), dict) and field not in {"py", "csv", "json"}:
            assert field in _fields(section), f"{section}.{field}"


# What stands for the words in capitals of a usage line.
_FOR = {"STAGE": "variant", "SOURCE": "folder"} | dict.fromkeys(
    ("PORT", "TIMEOUT", "NUMBER", "CACHE_GB", "DEGREES"), "5"
)


def test_command_lines_are_accepted(document) -> None:
    code = _code(document.read_text()).replace("[", "").replace("]", "")
    for line in re.findall(r"(?:\bgazeshift|python -m pipeline) ([a-z_-]+ [^\n`#]+)", code):
        # Of a choice {one,other} the first.
        words = [re.sub(r"^\{([\w-]+),.*\}$", r"\1", word) for word in shlex.split(line)]
        cli._parser().parse_args([_FOR.get(word, word) for word in words])
    for line in re.findall(r"(?:^|`)dvc ([a-z]+ [^\n`#]*)", code, re.MULTILINE):
        words = shlex.split(line.replace("…", "x").split("&&")[0])
        assert parse_args(words).func is not None, line


def test_extras_exist(document) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(re.findall(r"gazeshift\[(\w+)\]", document.read_text())) <= set(extras)


def test_outputs_that_are_named_are_made(document) -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    outs = [next(iter(out)) for stage in stages for out in stage["outs"]]
    outs += ["reports/fixations", "reports/migration", SEALED]
    for name in re.findall(r"`((?:outputs|reports)/[\w./-]+)`", document.read_text()):
        path = name.rstrip("/")
        assert any(path.startswith(out) or out.startswith(f"{path}/") for out in outs), name


def test_params_that_are_shown_are_taken_by_the_stages_and_by_dvc(document, tmp_path) -> None:
    text = document.read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    dvc = (ROOT / "dvc.yaml").read_text()
    named = {*re.findall(r"\$\{(\w+\.\w+)\}", dvc), *re.findall(r"^    - (\w+\.\w+)$", dvc, re.M)}
    for shown in [*blocks, *re.findall(r"`(\w+: \{[^`]*\})`", text)]:
        values = yaml.safe_load((ROOT / "params.yaml").read_text()) | yaml.safe_load(shown)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
        load_params(Workspace(tmp_path))
        for section, field in (name.split(".") for name in named - {"evaluate.judge"}):
            assert field in values[section] or section not in yaml.safe_load(shown), shown
    for section, field, value in re.findall(r"`(\w+)\.(\w+): ([^`]+)`", text):
        (tmp_path / "params.yaml").write_text(
            yaml.safe_dump({section: {field: yaml.safe_load(value)}})
        )
        load_params(Workspace(tmp_path))


def test_dvc_sets_every_parameter_of_the_docs(tmp_path) -> None:
    shipped = flatten(yaml.safe_load((ROOT / "params.yaml").read_text()))
    documented = set()
    section = ""
    for line in (ROOT / "docs/params.md").read_text().splitlines():
        if found := re.match(r"(## )?(?:\| `)?([\w.]+)", line):
            section = found[2] + "." if found[1] else section
            documented |= {section + found[2]} if line.startswith("| `") else set()
    by_name = {name for name in shipped if name.startswith("evaluate.gate.")}
    assert shipped.keys() - by_name == {
        name for name in documented if ".NAME" not in name and name != "evaluate.gate"
    }
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    extra = {"window": "late", "alpha": 2}
    values = {name: json.dumps(value) for name, value in shipped.items()}
    values["variant.extra"] = "{late_half: {window: late, alpha: 2}}"
    apply_overrides(path, [f"{name}={value}" for name, value in values.items()])
    changed = yaml.safe_load(path.read_text())
    assert changed["variant"]["extra"] == {"late_half": extra}
    changed["variant"]["extra"] = None
    assert flatten(changed) == shipped


def _fields(section: str) -> set[str]:
    for stage in STAGES:
        module_of(stage)
    models = [params.Section]
    for model in models:
        models += model.__subclasses__()
    return {
        field
        for model in models
        if vars(model).get("name") == section
        for field in model.model_fields
    }


def _code(text: str) -> str:
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def test_generated_parts_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for path in generate.DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        assert generate.generated(text, {}) == text, f"{path.name} is out of date: make docs"


def test_the_outline_file_that_is_shown_is_one() -> None:
    text = (ROOT / "docs/data_format.md").read_text()
    (shown,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert Annotation.model_validate_json(shown).tracks[0].keyframes[1].time_s == 0.5


def test_the_python_that_the_api_reference_shows_runs(workspace, monkeypatch) -> None:
    write_scene_tree(workspace.root, {"v1": 3})
    monkeypatch.chdir(workspace.root)
    text = (ROOT / "docs/api.md").read_text()
    example = re.search(r"```python\n(from pipeline import .*?)```", text, re.DOTALL)
    shown: dict[str, Any] = {}
    exec(example[1], shown)
    assert shown["sample"]["control"].shape == (2, 176, 96)
    assert set(shown["tables"]) == set(SEVEN)


def test_the_attention_model_that_is_shown_is_one(workspace) -> None:
    (shown,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/own_data.md").read_text(), re.DOTALL
    )
    write_text(workspace.path("models/own.py"), shown)
    image = np.random.default_rng(0).integers(0, 255, (90, 60, 3), np.uint8)
    assert (
        load_attention_model("models/own.py", workspace.root).maps(tensor_of(image[None])).std() > 0
    )


def test_troubleshooting_quotes_messages_that_exist():
    code = " ".join(path.read_text() for path in (ROOT / "pipeline").rglob("*.[pj][ys]"))
    flat = re.sub(r'"\s*\n\s*f?"', "", code)
    quoted = re.findall(r'\*\*"([^"]+)"\*\*', (ROOT / "docs/troubleshooting.md").read_text())
    assert len(quoted) >= 10
    for words in quoted:
        assert words in flat, words

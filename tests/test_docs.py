"""The documents are held to what exists: links, paths, commands, parameters."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

from pipeline import params
from pipeline.cli import COMMANDS, STAGES

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


def test_files_that_are_named_in_the_repository_exist(document):
    tracked = ("pipeline/", "schemas/", "docs/", "demo/", "tests/", "benchmarks/", ".github/")
    for name in re.findall(r"`([\w./-]+)`", document.read_text()):
        if name.startswith(tracked) and name != "demo/remote":
            assert (ROOT / name).exists(), name


def test_commands_exist(document):
    text = document.read_text()
    known = set(STAGES) | set(COMMANDS)
    assert set(re.findall(r"\bgazeshift (?!\[)([a-z_]+)\b", _code(text))) <= known
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", _code(text))) <= targets
    assert set(re.findall(r"\bdvc repro ([a-z_]+)\b", _code(text))) <= set(STAGES)


def test_parameters_are_in_the_shipped_params_or_in_a_section_model(document):
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, field in re.findall(r"`([a-z_]+)\.([a-z_]+)\b(?!/)", document.read_text()):
        if isinstance(shipped.get(section), dict) and field not in {"py", "csv", "json"}:
            assert field in _fields(section), f"{section}.{field}"


def _fields(section: str) -> set[str]:
    for stage in STAGES.values():
        importlib.import_module(stage.module)
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


def test_troubleshooting_quotes_messages_that_exist():
    code = " ".join(path.read_text() for path in (ROOT / "pipeline").rglob("*.py"))
    flat = re.sub(r'"\s*\n\s*f?"', "", code)
    quoted = re.findall(r'\*\*"([^"]+)"\*\*', (ROOT / "docs/troubleshooting.md").read_text())
    assert len(quoted) >= 10
    for words in quoted:
        assert words in flat, words

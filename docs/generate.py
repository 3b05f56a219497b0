"""Writes the generated parts of these documents, so that they say what the code says.

A part lies between `<!-- generated: KIND NAME -->` and `<!-- end -->` and is what the function of
that kind makes of NAME; all else is written by hand. `make docs` rewrites the parts. What is
measured (the demo's proof) is rewritten where a run of the demo has left its figures.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, get_args

import griffe
import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from demo import results
from pipeline import cli
from pipeline.attention.models import MODELS, OBSERVERS
from pipeline.ground.params import Section, SharedParams
from pipeline.registry import COMMANDS, STAGES, module_of
from schemas import keywords
from schemas.columns import Column, Table
from schemas.rejected_scenes import REMEDIES

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    ROOT / "README.md",
    *(ROOT / f"docs/{name}.md" for name in ("data_format", "own_data", "params", "api", "method")),
)

Kinds: TypeAlias = Mapping[str, Callable[[str], Iterable[str]]]

_PART = re.compile(r"(<!-- generated: (\w+) ?(\S*) -->\n).*?(<!-- end -->)", re.DOTALL)
_BOUND = ("self", "cls")
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "string": "text",
    "null": "`null`",
    "object": "by name",
}
_DTYPES = {
    "str": "text",
    "int64": "whole number",
    "float64": "number",
    "bool": "True or False",
    "boolean": "True or False",
}


def main() -> None:
    """Rewrite the documents."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for path in DOCUMENTS:
        old = path.read_text(encoding="utf-8")
        new = generated(old, MEASURED if results.measured(ROOT) else {})
        if new != old:
            path.write_text(new, encoding="utf-8")
            sys.stderr.write(f"wrote {path.relative_to(ROOT)}\n")


def generated(text: str, measured: Kinds) -> str:
    """Return a document with its generated parts as they should be now.

    Args:
        text: of the document.
        measured: the parts that are measured, where there are measurements; else they stay.
    """
    kinds = {**_KINDS, **measured}

    def part(found: re.Match[str]) -> str:
        begin, kind, name, end = found.groups()
        if kind not in kinds:
            return found[0]
        lines = re.sub(r"\n{3,}", "\n\n", "\n".join(kinds[kind](name)).strip())
        return f"{begin}\n{lines}\n\n{end}"

    return _PART.sub(part, text)


def _columns(name: str) -> Iterator[str]:
    """Yield columns, and a table's rules across them. NAME is MODULE:TABLE or MODULE:COLUMNS."""
    place, _, attribute = name.partition(":")
    found: Table | Mapping[str, Column] = getattr(importlib.import_module(place), attribute)
    table = found if isinstance(found, Table) else Table(attribute, found)
    yield from _head("column", "values", "meaning")
    for column, one in table.columns.items():
        values = one.rule.error.removeprefix("must be ") if one.rule else _DTYPES[one.dtype]
        blank = ", or blank" if one.nullable else ""
        yield _row(f"`{column}`", values + blank, one.meaning)
    across = [rule.error for rule in table.rules]
    if table.unique:
        across.append(f"no two rows may share {' and '.join(table.unique)}")
    if across:
        yield f"\nAcross columns and rows: {'; '.join(across)}."


def _record(name: str) -> Iterator[str]:
    """Yield the documented fields of a class. NAME is MODULE:CLASS."""
    yield from _head("field", "type", "meaning")
    for member in _code(name).members.values():
        if isinstance(member, griffe.Attribute) and member.docstring:
            yield _row(f"`{member.name}`", f"`{member.annotation}`", member.docstring.value)


def _keywords(_: str) -> Iterator[str]:
    """Yield the columns of keywords.csv, and what they hold."""
    yield from _head("column", "meaning")
    for constant in ("ID_COLUMNS", "KEYWORD_COLUMNS"):
        names = " or ".join(f"`{name}`" for name in getattr(keywords, constant))
        yield _row(names, _meaning(_code(f"schemas.keywords:{constant}")))
    yield _row(f"`{keywords.further_column(1)}`, …", "Further products, optional.")
    limit = f"at most {keywords.LONGEST} characters, none of them a control character"
    yield f"\nA keyword has {limit}."


def _reasons(_: str) -> Iterator[str]:
    """Yield why scenes are refused, and what to do."""
    yield from _head("reason", "what to do")
    for reason, remedy in REMEDIES.items():
        yield _row(f"`{reason}`", remedy)


def _models(_: str) -> Iterator[str]:
    """Yield the attention models that need no training here."""
    yield from _head("name", "what", "gradient")
    for name, place in (MODELS | OBSERVERS).items():
        module, _, attribute = place.partition(":")
        model = getattr(importlib.import_module(module), attribute)
        what = str(model.__doc__).partition("\n\n")[0]
        yield _row(f"`{name}`", what, "yes" if model.differentiable else "no")


def _sections(_: str) -> Iterator[str]:
    """Yield all sections of params.yaml, those that stages share first."""
    for stage in STAGES:
        module_of(stage)
    yield from _head("field", "default", "values", "meaning")
    yield from _fields(SharedParams, "")
    models = {model.name: model for model in _subclasses(Section) if "name" in vars(model)}
    for name in sorted(models, key=["compute", "model", *STAGES].index):
        yield f"\n## {name}\n\n{_meaning(_source(models[name]))}\n"
        yield from _head("field", "default", "values", "meaning")
        yield from _fields(models[name], "")


def _subclasses(model: type[Section]) -> Iterator[type[Section]]:
    for child in model.__subclasses__():
        yield child
        yield from _subclasses(child)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    allowed = model.model_json_schema()["properties"]
    source = _source(model)
    for name, member in {**source.members, **source.all_members}.items():
        if name not in model.model_fields:
            continue
        field = model.model_fields[name]
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from _fields(type(default), f"{prefix}{name}.")
            continue
        shown = "none" if field.is_required() else _yaml(default)
        yield _row(f"`{prefix}{name}`", shown, _values(allowed[name]), _meaning(member))
        for argument in get_args(field.annotation):
            if isinstance(argument, type) and issubclass(argument, BaseModel):
                yield from _fields(argument, f"{prefix}{name}.NAME.")


def _values(schema: Mapping[str, Any]) -> str:
    """Return what a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(_values(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema["type"] == "array":
        number = f"{schema['minItems']} × " if "minItems" in schema else ""
        return f"[{number}{_values(schema.get('items') or schema['prefixItems'][0])}]"
    bounds = (f"{sign} {schema[key]:g}" for key, sign in _BOUNDS.items() if key in schema)
    return f"{_TYPES[schema['type']]} {', '.join(bounds)}".strip()


def _yaml(value: Any) -> str:
    """Return a value as params.yaml would have it; the entries of a longer mapping one a line."""
    plain = to_jsonable_python(value, exclude_none=True)
    if isinstance(plain, dict) and len(plain) > 2:
        return "<br>".join(f"{key}: {_yaml(entry)}" for key, entry in plain.items())
    text: str = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=1e9)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def _api(name: str) -> Iterator[str]:
    """Yield the reference of a class or function. NAME is MODULE:OBJECT."""
    yield from _entry(_code(name), "###")


def _module(name: str) -> Iterator[str]:
    """Yield the reference of what a module offers."""
    yield f"### {name}\n\n{_meaning(_code(name))}\n"
    yield from _members(_code(name), "####")


def _members(owner: Any, level: str) -> Iterator[str]:
    """Yield what a module or class offers: attributes as a list, each other thing by itself."""
    public = [
        member
        for member in owner.members.values()
        if not member.is_alias and member.is_public and member.docstring and not member.is_special
    ]
    for member in public:
        if isinstance(member, griffe.Attribute):
            yield f"- `{member.name}`: {_line(_meaning(member))}"
    for member in public:
        if not isinstance(member, griffe.Attribute):
            yield from _entry(member, level)


def _entry(entry: Any, level: str) -> Iterator[str]:
    yield f"\n{level} {entry.name}\n"
    function = entry.members.get("__init__") if isinstance(entry, griffe.Class) else entry
    if function is not None:
        yield f"```python\n{_signature(entry, function)}\n```\n"
    yield from _docstring(entry)
    yield from _members(entry, f"{level}#")


def _signature(entry: Any, function: Any) -> str:
    parameters = [_parameter(one) for one in function.parameters if one.name not in _BOUND]
    returns = f" -> {function.returns}" if function is entry else ""
    line = f"{entry.name}({', '.join(parameters)}){returns}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{entry.name}(", *(f"    {one}," for one in parameters), f"){returns}"])


def _parameter(parameter: griffe.Parameter) -> str:
    text = parameter.name + (f": {parameter.annotation}" if parameter.annotation else "")
    default = parameter.default
    if isinstance(default, griffe.ExprName):
        default = _code(default.canonical_path).value
    return text if default is None else f"{text} = {default}"


def _docstring(entry: Any) -> Iterator[str]:
    for section in entry.docstring.parse("google"):
        if section.kind is griffe.DocstringSectionKind.text:
            yield f"{section.value}\n"
        else:
            yield f"{section.kind.value.capitalize()}:\n"
            for item in section.value:
                title = getattr(item, "name", None) or item.annotation
                yield f"- `{title}`: {_line(item.description)}"
            yield ""


def _commands(_: str) -> Iterator[str]:
    """Yield the command line, without the options that all commands have."""
    yield from _head("command", "what")
    for name, purpose in {**STAGES, **COMMANDS}.items():
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            cli.main([name, "--help"])
        usage = _line(shown.getvalue().partition("\n\n")[0]).removeprefix("usage: ")
        yield _row(f"`{usage.replace(' [-h] [--root DIR]', '')}`", purpose)


def _meaning(member: Any) -> str:
    if member.docstring is None:
        raise ValueError(f"{member.path} has no docstring: say what it means.")
    return str(member.docstring.value)


def _source(model: type) -> Any:
    return _code(f"{model.__module__}:{model.__name__}")


def _code(path: str) -> Any:
    return _modules()[path.replace(":", ".")]


@cache
def _modules() -> griffe.ModulesCollection:
    loader = griffe.GriffeLoader(search_paths=[ROOT])
    for package in ("pipeline", "schemas"):
        loader.load(package)
    return loader.modules_collection


def _head(*names: str) -> Iterable[str]:
    return _row(*names), f"|{'---|' * len(names)}"


def _row(*cells: str | None) -> str:
    shown = (_line(cell or "").replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(shown)} |"


def _line(text: str) -> str:
    return " ".join(text.split())


_KINDS: Kinds = {
    "columns": _columns,
    "record": _record,
    "keywords": _keywords,
    "reasons": _reasons,
    "models": _models,
    "sections": _sections,
    "api": _api,
    "module": _module,
    "commands": _commands,
}
MEASURED: Kinds = {
    "result": lambda _: results.paragraph(ROOT),
    "proof": lambda _: results.table(ROOT),
    "predictor": lambda _: results.predictor(ROOT),
}

if __name__ == "__main__":
    main()

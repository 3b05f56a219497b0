"""What code makes an item: the import closure of a module, as a digest that only code changes.

A digest is made of syntax trees, so comments, docstrings and line breaks do not count. A module
counts if another one of the closure imports it by name, anywhere in its text; imports for type
checkers alone do not. `__init__.py` files of packages hold nothing but docstrings, as a test has
it, but for `pipeline`'s own, which gives the public API its short names.
"""

from __future__ import annotations

import ast
import json
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.files import digest, write_text

ROOT = Path(__file__).parents[2]
"""Where our packages lie: the repository, or the copy of it that runs."""

# Parsing is slow and its result small, so it is kept where Python keeps what it compiles.
_KEPT = Path(__file__).with_name("__pycache__") / "syntax.json"
_MOST_KEPT = 2000


class _Source(NamedTuple):
    """What a source file comes to."""

    syntax: str
    """Digest of its syntax tree."""
    imports: list[str]
    """Dotted names that it imports; of `from a import b` both `a` and `a.b`."""


class Key(NamedTuple):
    """What an item depends on."""

    inputs: str
    """Digest of all that goes into it but code."""
    makers: tuple[str, ...]
    """Modules whose import closures make it."""

    @property
    def code(self) -> str:
        """Digest of the code that makes it."""
        return code_digest(*self.makers)

    @property
    def digest(self) -> str:
        """Digest of both."""
        return digest(self.inputs, self.code)


def summary_key(keys: Mapping[str, Key], makers: Iterable[str] = (), *inputs: str) -> Key:
    """Return what a summary of items {name: key} depends on: all of theirs, and its own."""
    of_items = (maker for key in keys.values() for maker in key.makers)
    found = digest(*inputs, *keys, *(key.inputs for key in keys.values()))
    return Key(found, tuple(dict.fromkeys((*of_items, *makers))))


@cache
def code_digest(*modules: str) -> str:
    """Return the digest of all code of ours that the import closures of modules hold.

    Args:
        modules: dotted names of ours, or paths of Python files: absolute, or relative to `ROOT`.

    Raises:
        ValueError: there is no such module.
    """
    files = closure(*modules)
    return digest(*(part for name in sorted(files) for part in (name, files[name].syntax)))


def libraries(*modules: str) -> set[str]:
    """Return the packages of others that the import closures of modules name."""
    named = {name for file in closure(*modules).values() for name in file.imports}
    top = {name.partition(".")[0] for name in named if file_of(name) is None}
    return {name for name in top - sys.stdlib_module_names if not _is_here(name)}


@cache
def versions(*modules: str) -> dict[str, str]:
    """Return {package of others: version} of all that the closures of modules import and is here.

    Packages are called as they are installed ("opencv-…" for cv2).
    """
    named = {name for package in libraries(*modules) for name in _distributions(package)}
    return {name: installed_version(name) for name in ("python", *sorted(named))}


def installed_version(distribution: str) -> str:
    """Return the version of an installed package, without a build's own suffix; "" of no such."""
    if distribution == "python":
        return platform.python_version().rpartition(".")[0]
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return ""


def _distributions(package: str) -> list[str]:
    return [package] if installed_version(package) else sorted(set(_packages().get(package, ())))


@cache
def _packages() -> Mapping[str, list[str]]:
    return packages_distributions()


def closure(*modules: str) -> dict[str, _Source]:
    """Return {file: what it comes to} of modules and all of ours that they import.

    Files are named by their path below `ROOT`, those that lie elsewhere by their name alone.

    Raises:
        ValueError: there is no such module.
    """
    found: dict[str, _Source] = {}
    waiting = []
    for module in modules:
        first = maker_file(module)
        if first is None:
            raise ValueError(f"{module} is no module below {ROOT}")
        waiting.append(first)
    while waiting:
        path = ROOT / waiting.pop()
        name = maker_of(path) if path.is_relative_to(ROOT) else path.name
        if name not in found:
            found[name] = _sources().read(path)
            waiting += [file for one in found[name].imports if (file := file_of(one))]
    _sources().keep()
    return found


def maker_file(maker: str) -> str | None:
    """Return the file of a maker, a module of ours or a Python file; None where it is not there."""
    file = maker if maker.endswith(".py") else file_of(maker)
    return file if file and (ROOT / file).is_file() else None


def maker_of(path: Path) -> str:
    """Return what a Python file is called among makers: its path below `ROOT`, if it is there."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


@cache
def file_of(module: str) -> str | None:
    """Return the file of a module of ours, relative to `ROOT`; None for anything else's."""
    if not _is_here(module.partition(".")[0]):
        return None
    base = module.replace(".", "/")
    return next((p for p in (f"{base}.py", f"{base}/__init__.py") if (ROOT / p).is_file()), None)


@cache
def _is_here(top: str) -> bool:
    """Whether a package or module of that name lies at `ROOT`."""
    return (ROOT / top).is_dir() or (ROOT / f"{top}.py").is_file()


class _Sources:
    """Source files as digests, remembered by their contents from process to process."""

    def __init__(self) -> None:
        try:
            kept = json.loads(_KEPT.read_text(encoding="utf-8"))
            self._known = {content: _Source(*source) for content, source in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._known = {}
        self._is_new = False
        # Another parser, Python's or ours, may find something else in the same text.
        self._parser = digest(sys.version, Path(__file__).read_bytes())

    def read(self, path: Path) -> _Source:
        """Return what a file comes to."""
        content = path.read_bytes()
        key = digest(content, self._parser)
        source = self._known.get(key)
        if source is None:
            source, self._is_new = _parsed(content), True
            self._known[key] = source
        return source

    def keep(self) -> None:
        """Remember what was parsed; where nothing can be written, it is parsed again next time."""
        if self._is_new:
            self._is_new = False
            try:
                write_text(_KEPT, json.dumps(dict([*self._known.items()][-_MOST_KEPT:])))
            except OSError:
                return


@cache
def _sources() -> _Sources:
    return _Sources()


def _parsed(content: bytes) -> _Source:
    tree = ast.parse(content)
    imports = dict.fromkeys(_imports(tree))
    return _Source(digest("\n".join(_syntax(tree))), list(imports))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            # Relative ones: ours has none, and in a file from outside they lead nowhere.
            if child.module and not child.level:
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not _is_for_types(child):
            yield from _imports(child)


def _syntax(node: ast.AST) -> Iterator[str]:
    """Yield a tree's nodes and values but for empty fields, in which Python's versions differ."""
    yield f"({type(node).__name__}"
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            if value:
                yield f"{name}["
                for part in value:
                    yield from _part(part)
                yield "]"
        elif value is not None:
            yield f"{name}="
            yield from _part(value)
    yield ")"


def _part(part: object) -> Iterator[str]:
    if not isinstance(part, ast.AST):
        yield repr(part)
    elif not (_is_text(part) or _is_for_types(part)):
        yield from _syntax(part)


def _is_text(node: ast.AST) -> bool:
    """Whether it is a docstring, or any other text that stands by itself."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_types(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:`, with nothing else that runs."""
    return (
        isinstance(node, ast.If)
        and getattr(node.test, "id", "") == "TYPE_CHECKING"
        and not node.orelse
    )

"""What the served editor is packed with: where it is served, nothing else is installed."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from pipeline.serving.pack import requirements

ROOT = Path(__file__).parents[2]
OURS = "import sys, pipeline.serving.served_editor\n" + (
    "print(*(m.__file__ for n, m in list(sys.modules.items()) if n.split('.')[0] in "
    "('pipeline', 'schemas')))"
)


def imported_at_the_top(file: str) -> set[str]:
    """Return the packages that a module imports when it is imported."""
    nodes = ast.parse(Path(file).read_text()).body
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | named}


def test_what_the_served_editor_imports_is_required() -> None:
    command = [sys.executable, "-c", OURS]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = set().union(*map(imported_at_the_top, files.split())) - {"pipeline", "schemas"}
    distributions = importlib.metadata.packages_distributions()
    required = {line.partition("==")[0].lower() for line in requirements()}
    third_party = {name: distributions[name] for name in names if name in distributions}
    assert {"av", "cv2", "torch"} <= set(third_party)
    assert not {
        name
        for name, owners in third_party.items()
        if not required & {owner.lower() for owner in owners}
    }

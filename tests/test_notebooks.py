"""The notebooks run from top to bottom on a small workspace, with all that they train and draw."""

import base64
import io
import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image
from scene_trees import videos_of, write_validate_inputs
from stages.train.test_stage import STARVED

from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.provenance import heatmap_file
from pipeline.pictures.reading import read_grey

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARAMS = f"""
image_size: [48, 32]
compute: {{n_jobs: 1}}
model: {{backbone: models/tiny}}
train: {json.dumps(STARVED)}
attention_model: {{epochs: 1, network: {{area_px: 512, scales: 2, width: 4}}}}
distil: {{steps: 4, batch_size: 2, warmup_steps: 1, factors: [0.5, 1.0, 2.0], val_every: 2}}
variant: {{sample_videos: 1, on_clip: solve}}
edit: {{videos: test, steps: 2, refinements: 1, half_precision: false}}
"""


@pytest.fixture
def small(workspace: Workspace, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Videos of all three splits with recorded heatmaps, one without a real keyword; a backbone."""
    videos = [*videos_of("train", 3), *videos_of("val", 2), *videos_of("test", 1)]
    write_validate_inputs(workspace.root, dict.fromkeys(videos, 3))
    for path in workspace.path("attention_heatmap").rglob("*.jpg"):
        path.write_bytes(heatmap_file(read_grey(path).astype(np.float32), 95, "recorded"))
    keywords = workspace.path("data/keywords.csv")
    keywords.write_text(keywords.read_text().replace(f"{videos[2]},sneaker", f"{videos[2]},sale"))
    shutil.copytree(tiny_backbone, workspace.path("models/tiny"))
    workspace.path("params.yaml").write_text(PARAMS)
    workspace.path("schemas").mkdir()
    shutil.copy(ROOT / "schemas/reference_profile.json", workspace.path("schemas"))
    shutil.copytree(ROOT / "notebooks", workspace.path("notebooks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return workspace


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(notebook: Path) -> None:
    cells = nbformat.read(notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize(
    ("name", "pictures"), [("data_validation", 2), ("workflow_v3_with_attention_heatmaps", 6)]
)
def test_notebooks_run(small: Workspace, name: str, pictures: int) -> None:
    path = small.path(f"notebooks/{name}.ipynb")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.data for output in outputs if output.output_type != "stream"]
    shown = [base64.b64decode(data["image/png"]) for data in found if "image/png" in data]
    assert len(shown) == pictures
    for picture in shown:
        assert np.asarray(Image.open(io.BytesIO(picture)).convert("L")).std() > 5
    if name.startswith("workflow"):
        trained = json.loads(small.path("reports/train/metrics.json").read_text())
        assert trained["steps"] == STARVED["steps"]

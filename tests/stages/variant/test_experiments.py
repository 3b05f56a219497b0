"""The stage under a real DVC, in a repository of its own."""

import csv
import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from hashlib import blake2b
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc_repository import OURS, DvcRepository, stages
from scene_trees import SCENES, write_scene_tree

from pipeline.ground.tables import write_rows
from pipeline.tracking.store import EXPERIMENT
from schemas.scenes_without_product import WITHOUT_PRODUCT_TABLE

NOT_SHOWN = "data/scenes_without_product.csv"
TREES = ("attention_heatmap", "keyword_masks", "data/video_scene_cuts", NOT_SHOWN)
STATES = ("Queued", "Running", "Success", "Failed")
PARAMS = """\
image_size: [48, 32]
compute: {n_jobs: 1}
variant:
  alpha: 1.5
  sample_videos: 1
"""


def the_variants_part() -> dict[str, Any]:
    """Of our dvc.yaml the stage `variant` and what DVC shows of it."""
    ours = yaml.safe_load((OURS / "dvc.yaml").read_text())
    shown = [plot for plot in ours["plots"] if "reports/variant/shares.csv" in plot]
    return {**stages("variant"), "metrics": ["reports/variant/headline.json"], "plots": shown}


class Repository(DvcRepository):
    """A git and DVC repository with two videos, its `variant` stage run and committed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.init(git=True)
        write_scene_tree(root, {"70000": 3, "70001": 3})
        write_rows(root / NOT_SHOWN, WITHOUT_PRODUCT_TABLE.columns, [])
        (root / "params.yaml").write_text(PARAMS)
        (root / "dvc.yaml").write_text(yaml.safe_dump(the_variants_part()))
        (root / "data.dvc").write_text(yaml.safe_dump({"outs": [{"path": path} for path in TREES]}))
        ignored = [".gazeshift", "mlruns", *TREES]
        (root / ".gitignore").write_text("".join(f"/{path}\n" for path in ignored))
        shutil.copytree(OURS / ".dvc/plots", root / ".dvc/plots", dirs_exist_ok=True)
        self.dvc("commit", "-q", "-f", "data.dvc")
        self.dvc("repro", "-q")
        self.commit()

    def commit(self) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "A state")

    def finished(self) -> list[str]:
        """Wait for the queue's experiments; return how they ended."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            last = [line.split()[-1:] for line in self.dvc("queue", "status").splitlines()]
            states = [word for words in last for word in words if word in STATES]
            if not {"Queued", "Running"} & set(states):
                break
            time.sleep(1)
        return states

    def outputs(self) -> dict[str, bytes]:
        files = [path for out in ("outputs", "reports") for path in (self.root / out).rglob("*.*")]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    def experiments(self) -> dict[str, float]:
        """Return {alpha: mean share of full_boost}, as `dvc exp show` lists them."""
        return {row["variant.alpha"]: float(row["share.full_boost"]) for row in self.shown()}

    def shown(self, *options: str) -> list[dict[str, str]]:
        """Return the rows of `dvc exp show`."""
        return list(csv.DictReader(StringIO(self.dvc("exp", "show", "--csv", *options))))

    def runs(self) -> dict[str, dict]:
        """Return {name: tags} of the runs in the repository's MLflow store."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.root}/mlruns/mlflow.db")
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        return {run.info.run_name.split(" (")[0]: run.data.tags for run in runs}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path)
    yield made
    made.dvc("queue", "stop", "--kill")


def test_an_experiment_in_a_copy_leaves_the_workspace_as_it_was(repository: Repository) -> None:
    before = repository.outputs()
    repository.dvc("exp", "run", "-q", "--temp", "-S", "variant.alpha=2")
    assert repository.outputs() == before
    assert repository.run("git", "status", "--short") == ""
    shares = repository.experiments()
    assert shares["2"] > shares["1.5"]
    # As `make experiments` has it: the dose and what it changed, and nothing else.
    (line,) = re.findall(r"\tdvc exp show (.*)", (OURS / "Makefile").read_text())
    options = shlex.split(line.replace("$$", "$"))
    assert repository.shown()[0].keys() > repository.shown(*options)[0].keys()
    assert repository.shown(*options)[0].keys() - {"rev", "typ", "Created", "parent"} == {
        "Experiment",
        "feasible",
        "share.full_boost",
        "variant.alpha",
    }
    runs = repository.runs()
    assert set(runs) == {"variant α=1.5", "variant α=2.0"}
    tags = runs["variant α=2.0"]
    assert tags["dvc.stage"] == "variant"
    assert tags["dvc.exp"]
    # DVC writes the dose into the copy's params.yaml.
    head = repository.run("git", "rev-parse", "HEAD").strip()
    assert tags["git.commit"] == f"{head}-dirty"
    # In the copy that the experiment ran in, these were the same files.
    for tag, file in {"data.dvc": "data.dvc", "data.valid_scenes": SCENES}.items():
        content = (repository.root / file).read_bytes()
        assert tags[tag] == blake2b(content, digest_size=16).hexdigest()
    tracked = yaml.safe_load((repository.root / "data.dvc").read_text())["outs"]
    folders = {out["path"]: out["nfiles"] for out in tracked if "nfiles" in out}
    assert folders == {tree: 6 for tree in TREES if not tree.endswith(".csv")}
    plots = json.loads(repository.dvc("plots", "show", "--json"))["data"]
    (plot,) = plots["reports/variant/shares.csv"]
    assert plot["content"]["encoding"]["color"]["field"] == "variant"
    assert len(plot["content"]["data"]["values"]) == 7 * 12


def test_a_queued_grid_and_a_run_in_the_workspace(repository: Repository) -> None:
    before, head = repository.outputs(), repository.run("git", "rev-parse", "HEAD")
    assert "dvc exp run --queue -S 'variant.alpha=0.5," in (OURS / "README.md").read_text()
    repository.dvc("exp", "run", "-q", "--queue", "-S", "variant.alpha=0.5,3")
    repository.dvc("queue", "start", "-j", "2")
    assert repository.finished() == ["Success", "Success"]
    assert repository.outputs() == before
    assert repository.run("git", "status", "--short") == ""
    assert repository.run("git", "rev-parse", "HEAD") == head
    shares = repository.experiments()
    assert shares["0.5"] < shares["1.5"] < shares["3"]
    assert set(repository.runs()) == {f"variant α={alpha}" for alpha in (0.5, 1.5, 3.0)}

    repository.dvc("exp", "run", "-q", "-S", "variant.alpha=2")
    assert repository.outputs() != before
    repository.dvc("exp", "run", "-q", "-S", "variant.alpha=1.5")
    assert repository.outputs() == before

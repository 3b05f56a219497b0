"""The whole line as a repository of its own: our code, copied, and the least data that runs it."""

import shutil
from pathlib import Path
from typing import Any, Self

import yaml
from dvc_repository import OURS, DvcRepository
from ingest_inputs import write_fixations, write_outlines, write_video
from scene_trees import videos_of
from stage_runs import outs_of
from stages.evaluate.pretended_edits import JUDGE
from tiny_backbone import save_tiny_backbone

from pipeline.ground.artefacts import OUTS
from pipeline.ground.files import write_text
from pipeline.ground.workspace import Workspace

CODE = (
    *("pipeline", "schemas", "dvc.yaml", ".dvcignore", ".gitignore"),
    *(f"demo/{module.name}" for module in (OURS / "demo").glob("*.py")),
)
SIZE = (96, 64)
# Of each part of the split; the proof needs two videos to have an interval.
VIDEOS = {"train": 2, "val": 1, "test": 2}
PARAMS: dict[str, Any] = {
    "image_size": [48, 32],
    "compute": {"n_jobs": 1},
    "attention_heatmap": {"pixels_per_degree": 6.0},
    "validate": {"min_valid_fraction": 0.5},
    "model": {"backbone": "models/tiny"},
    "encode": {"batch_size": 2},
    "train": {
        "steps": 4,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "embedding_channels": [4, 8],
        "precision": "32-true",
        "val_every": 2,
        "samples": 1,
    },
    "distil": {
        "steps": 4,
        "batch_size": 2,
        "warmup_steps": 1,
        "factors": [0.5, 1.0, 2.0],
        "val_every": 2,
    },
    "attention_model": {
        "epochs": 1,
        "batch_size": 4,
        "network": {"area_px": 256, "scales": 2, "width": 4},
    },
    "variant": {"sample_videos": 1},
    "edit": {"videos": "test", "steps": 2, "half_precision": False, "strength_limit": 1.5},
    "dose_curve": {"alphas": [0.5, 1.0, 2.0], "ablation_alphas": [2.0]},
    "evaluate": {
        "judge": "models/judge.py",
        "least_videos": 2,
        "control_draws": 1,
        "panel": ["spectral_residual"],
    },
}


class WholeLine(DvcRepository):
    """A repository that runs its own copy of our code."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, root)
        self.environment["OMP_NUM_THREADS"] = "1"
        self.leave_mlflow_alone()

    def fill(self) -> None:
        """Copy our code into it, and make five videos; nothing runs yet."""
        root = self.root
        self.init(git=True)
        for name in CODE:
            source = OURS / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            (root / name).parent.mkdir(exist_ok=True)
            options = {"ignore": shutil.ignore_patterns("__pycache__")} if source.is_dir() else {}
            copy(source, root / name, **options)
        videos = [video for part, count in VIDEOS.items() for video in videos_of(part, count)]
        for video_id in videos:
            _write_inputs(root, video_id)
        rows = "".join(f"{video_id},sneaker\n" for video_id in videos)
        write_text(root / "data/keywords.csv", f"video_id,keyword\n{rows}")
        write_text(root / "models/judge.py", JUDGE)
        shipped = yaml.safe_load((OURS / "params.yaml").read_text())
        params = {name: _merged(section, PARAMS.get(name)) for name, section in shipped.items()}
        write_text(root / "params.yaml", yaml.safe_dump(params, sort_keys=False))
        save_tiny_backbone(root / "models/tiny")

    def copy(self, root: Path) -> Self:
        """Return a copy of it, with all that was made."""
        shutil.copytree(self.root, root, symlinks=True)
        return type(self)(root)

    def stage(self, name: str) -> None:
        """Run one stage, without DVC."""
        self.run("python", "-m", "pipeline", name)

    def forget(self, stage: str) -> None:
        """Delete a stage's outs and all that is remembered of any work."""
        for out in OUTS[stage]:
            path = self.root / out
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in (".gazeshift", "checkpoints", f"reports/records/{stage}.jsonl"):
            path = self.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def outs(self, stage: str) -> dict[str, bytes]:
        """Return the files of a stage's outs by their paths."""
        return outs_of(Workspace(self.root), stage)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file of the code."""
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))


def _merged(shipped: Any, ours: Any) -> Any:
    return shipped | ours if isinstance(ours, dict) else shipped if ours is None else ours


def _write_inputs(root: Path, video_id: str) -> None:
    """Write a video of two shots, the outline of its product and its viewers' fixations."""
    write_video(root / f"data/videos/{video_id}.mp4", [25, 25], size=SIZE)
    left = 10 + int(video_id[-2:]) % 5
    product = [[left, 20], [left + 22, 20], [left + 22, 52], [left, 52]]
    write_outlines(root, video_id, SIZE, (0, 0, 2, product))
    rows = ((onset, 0.3, left + 3 * n, 30 + 6 * n) for n in range(4) for onset in (0.1, 1.2))
    write_fixations(root, video_id, *rows)

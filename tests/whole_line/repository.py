"""The whole line as a repository of its own: our code, copied, and the least data that runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from dvc_repository import OURS, DvcRepository
from ingest_inputs import write_video
from tiny_backbone import save_tiny_backbone

from pipeline.ground.artefacts import OUTS
from pipeline.ground.files import write_text
from pipeline.scenes.split import split_of

DRAWN = ("backgrounds", "counterfactual", "distractors", "drawing", "make_corpus", "palette")
DEMO = (*DRAWN, "products", "scenes", "shapes", "viewers", "__init__")
CODE = (
    *("pipeline", "schemas", "dvc.yaml", ".dvcignore", ".gitignore"),
    *(f"demo/{name}.py" for name in DEMO),
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
    "attention_model": {
        "epochs": 1,
        "batch_size": 4,
        "network": {"area_px": 256, "scales": 2, "width": 4},
    },
    "variant": {"sample_videos": 1},
    "edit": {"videos": "test", "steps": 2, "half_precision": False, "strength_limit": 1.5},
    "dose_curve": {"alphas": [0.5, 1.0, 2.0], "ablation_alphas": [2.0]},
    "evaluate": {"judge": "models/judge.py", "least_videos": 2, "control_draws": 1},
}
JUDGE = """
import numpy as np

def attention_map(image):
    pixels = image.astype(float)
    return np.square(pixels - pixels.mean((0, 1))).sum(2) + 3000
"""


class WholeLine(DvcRepository):
    """A git and DVC repository with a copy of our code and five videos; nothing has run yet."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, git=True)
        self._use_own_code()
        for name in CODE:
            source = OURS / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            (root / name).parent.mkdir(exist_ok=True)
            options = {"ignore": shutil.ignore_patterns("__pycache__")} if source.is_dir() else {}
            copy(source, root / name, **options)
        for video_id in video_ids():
            _write_inputs(root, video_id)
        rows = "".join(f"{video_id},sneaker\n" for video_id in video_ids())
        write_text(root / "data/keywords.csv", f"video_id,keyword\n{rows}")
        write_text(root / "models/judge.py", JUDGE)
        shipped = yaml.safe_load((OURS / "params.yaml").read_text())
        params = {name: _merged(section, PARAMS.get(name)) for name, section in shipped.items()}
        write_text(root / "params.yaml", yaml.safe_dump(params, sort_keys=False))
        save_tiny_backbone(root / "models/tiny")

    def _use_own_code(self) -> None:
        """Run the copy, and leave MLflow alone: nothing listens there."""
        self.environment |= {
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }

    @classmethod
    def at(cls, root: Path) -> WholeLine:
        """Return the repository that lies at `root` already."""
        repository = cls.__new__(cls)
        repository.root = root
        repository.environment = DvcRepository.environment_of(root)
        repository._use_own_code()
        return repository

    def copy(self, root: Path) -> WholeLine:
        """Return a copy of it, with all that was made."""
        shutil.copytree(self.root, root, symlinks=True)
        return WholeLine.at(root)

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
        paths = [self.root / out for out in OUTS[stage]]
        files = [f for path in paths for f in ([path] if path.is_file() else path.rglob("*"))]
        return {
            file.relative_to(self.root).as_posix(): file.read_bytes()
            for file in files
            if file.is_file()
        }

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file of the code."""
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))


def _merged(shipped: Any, ours: Any) -> Any:
    return shipped | ours if isinstance(ours, dict) else shipped if ours is None else ours


def video_ids() -> list[str]:
    ids = [f"7{number:018}" for number in range(100)]
    return [
        video
        for part, count in VIDEOS.items()
        for video in [one for one in ids if split_of(one) == part][:count]
    ]


def _write_inputs(root: Path, video_id: str) -> None:
    """Write a video of two shots, the outline of its product and its viewers' fixations."""
    write_video(root / f"data/videos/{video_id}.mp4", [25, 25], size=SIZE)
    left = 10 + int(video_id[-2:]) % 5
    square = [[left, 20], [left + 22, 20], [left + 22, 52], [left, 52]]
    track = [{"time_s": t, "polygons": [square]} for t in (0, 2)]
    outline = {
        "video_id": video_id,
        "frame_width": SIZE[1],
        "frame_height": SIZE[0],
        "tracks": [{"keyword_index": 0, "keyframes": track}],
    }
    write_text(root / f"data/annotations/{video_id}.json", json.dumps(outline))
    rows = [
        f"P{n},{onset},0.3,{left + 3 * n},{30 + 6 * n}" for n in range(4) for onset in (0.1, 1.2)
    ]
    header = "viewer,onset_s,duration_s,x_px,y_px\n"
    write_text(root / f"data/fixations/{video_id}.csv", header + "\n".join(rows) + "\n")

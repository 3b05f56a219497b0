import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

from demo import viewers
from pipeline.attention.models import load_attention_model
from pipeline.ground.errors import ParamsError
from pipeline.ground.files import write_text
from pipeline.pictures.tensors import tensor_of
from pipeline.stages.evaluate.judge import judged_share, refuse_guide

ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
SCENES = [RNG.integers(0, 256, (96, 54, 3), dtype=np.uint8) for _ in range(2)]
VIEWERS = load_attention_model("demo/viewers.py", ROOT)


def test_the_demos_viewers_are_the_same_each_time_and_see_bytes() -> None:
    first = VIEWERS.maps(tensor_of(SCENES[0][None]))[0].numpy()
    assert (first == viewers.attention_map(SCENES[0])).all()


def test_judges_see_less_noise_than_the_smallest_effect() -> None:
    """Another panel of as many viewers sees nearly the same change of a share."""
    mask = np.zeros((96, 54), bool)
    mask[30:60, 15:40] = True
    edited = SCENES[0].copy()
    edited[mask] = 255 - edited[mask] // 3
    changes = []
    for panel in (viewers.JUDGES, range(9000, 9256)):
        maps = [viewers.attention_heatmap(s, panel, 5.0, 1.5) for s in (SCENES[0], edited)]
        before, after = (viewers.attention_share(one, mask) for one in maps)
        changes.append(after - before)
    assert abs(changes[0]) > 0.02
    assert changes[0] == pytest.approx(changes[1], abs=0.006)


def test_share_by_hand(tmp_path) -> None:
    write_text(tmp_path / "models/red.py", "def attention_map(image): return image[..., 0]")
    judge = load_attention_model("models/red.py", tmp_path)
    scene = np.array([[0, 50], [100, 250]], np.uint8)[..., None].repeat(3, -1)
    mask = np.array([[False, True], [False, True]])
    assert judged_share(judge, scene, mask) == pytest.approx(0.75)
    assert judged_share(judge, scene * 0, mask) is None


def test_a_judge_that_is_the_guide_is_refused_whatever_its_name(tmp_path) -> None:
    guide = load_attention_model("centre_surround", tmp_path)
    write_text(
        tmp_path / "models/own_judge.py",
        "from pathlib import Path\n"
        "from pipeline.attention.models import load_attention_model\n"
        "from pipeline.pictures.tensors import tensor_of\n"
        "def attention_map(image):\n"
        "    guide = load_attention_model('centre_surround', Path())\n"
        "    return 3 * guide.maps(tensor_of(image[None]))[0].numpy()\n",
    )
    for location in ("models/own_judge.py", "centre_surround"):
        judge = load_attention_model(location, tmp_path)
        with pytest.raises(ParamsError, match=r"edit\.guide.*proves nothing"):
            refuse_guide(judge, guide, SCENES, (96, 54))
    for judge in (VIEWERS, load_attention_model("spectral_residual", tmp_path)):
        refuse_guide(judge, guide, SCENES, (96, 54))


def test_nothing_in_the_package_imports_the_demo() -> None:
    for path in [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("schemas/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "demo" for name in names), path


def test_the_viewers_import_nothing_of_the_project() -> None:
    assert "pipeline" not in inspect.getsource(viewers)

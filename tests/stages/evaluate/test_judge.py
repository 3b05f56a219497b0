import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

from demo import viewers
from pipeline.attention.models import load_attention_model
from pipeline.ground.errors import InputError, ParamsError
from pipeline.stages.evaluate.judge import attention_share, judged_map, load_judge, refuse_guide

ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
SCENES = [RNG.integers(0, 256, (96, 54, 3), dtype=np.uint8) for _ in range(2)]
GUIDE_AS_JUDGE = """
from pathlib import Path
import torch
from pipeline.attention.models import load_attention_model

def attention_map(image):
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    return 3 * load_attention_model("centre_surround", Path()).maps(pixels)[0].numpy()
"""


def write_judge(folder: Path, source: str) -> Path:
    path = folder / "own_judge.py"
    path.write_text(source)
    return path


def test_the_demo_judge_is_found_by_its_path_and_is_the_same_each_time() -> None:
    judge = load_judge(ROOT / "demo/viewers.py")
    first = judged_map(judge, SCENES[0])
    assert first.shape == (96, 54)
    assert (first == judged_map(judge, SCENES[0])).all()


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


def test_share_by_hand() -> None:
    attention = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert attention_share(attention, attention > 2) == pytest.approx(0.7)
    assert attention_share(attention * 0, attention > 2) is None


def test_a_judge_that_is_the_guide_is_refused_whatever_its_name(tmp_path) -> None:
    guide = load_attention_model("centre_surround", tmp_path)
    disguised = load_judge(write_judge(tmp_path, GUIDE_AS_JUDGE))
    with pytest.raises(ParamsError, match=r"edit\.guide.*proves nothing"):
        refuse_guide(disguised, guide, SCENES, (96, 54))
    refuse_guide(load_judge(ROOT / "demo/viewers.py"), guide, SCENES, (96, 54))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import numpy as np\ndef attention_map(image): return np.ones((2, 2))", "shape"),
        ("def attention_map(image): return image[..., 0] * -1.0", "negative"),
        ("def attention_map(image): return image[..., 0] / 0.0", "not finite"),
    ],
    ids=["shape", "negative", "infinite"],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_no_map_is_refused(tmp_path, source, words) -> None:
    with pytest.raises(InputError, match=words):
        judged_map(load_judge(write_judge(tmp_path, source)), SCENES[0])


def test_a_file_without_the_function_and_no_file_are_named(tmp_path) -> None:
    with pytest.raises(ParamsError, match="has no function `attention_map`"):
        load_judge(write_judge(tmp_path, "x = 1"))
    with pytest.raises(ParamsError, match="is no Python file"):
        load_judge(tmp_path / "missing.py")


def test_nothing_in_the_package_imports_the_demo() -> None:
    for path in [*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("schemas/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "demo" for name in names), path


def test_the_viewers_import_nothing_of_the_project() -> None:
    assert "pipeline" not in inspect.getsource(viewers)

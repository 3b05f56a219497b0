"""The served editor, loaded as MLflow loads it and asked over HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_editor import register_controlnet, write_controlnet, write_tiny_editor

from pipeline.commands import promote
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import requested_share
from pipeline.pictures.reading import encode, rgb_pixels
from pipeline.serving.edit_requests import as_text, example_row
from pipeline.serving.served_editor import ANSWER_FIELDS, EditAnswer

SIZE = (64, 40)
CHAMPION = f"models:/{promote.EDITOR}@{promote.ALIAS}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data root whose editor of random weights has been promoted."""
    root = tmp_path_factory.mktemp("serving")
    workspace = Workspace(root)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlruns/mlflow.db")
        write_tiny_editor(workspace)
        register_controlnet(workspace, write_controlnet(workspace, 1))
        promote.main(workspace)
        yield root


@pytest.fixture(scope="module")
def model(root: Path) -> Any:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{root}/mlruns/mlflow.db")
    return mlflow.pyfunc.load_model(CHAMPION)


def request(**changes: Any) -> dict[str, Any]:
    return example_row(SIZE) | changes


def pixels(text: str) -> np.ndarray:
    return rgb_pixels(b64decode(text))


def grey(level: int, size: tuple[int, int] = SIZE) -> str:
    return as_text(encode(np.full(size, level, np.uint8), "png"))


def test_a_boost_changes_the_product_alone_and_says_what_it_achieved(model) -> None:
    asked = request(alpha=2.0)
    (answer,) = model.predict([asked])
    changed = (pixels(answer["edited_image"]) != pixels(asked["image"])).any(-1)
    product = pixels(asked["mask"])[..., 0] > 127
    assert changed[product].mean() > 0.3
    assert not changed[:5].any()
    assert answer["feasible"]
    assert answer["planned_share"] == pytest.approx(answer["requested_share"], rel=0.02)
    dose = requested_share(answer["guide_share_before"], 2.0)
    assert answer["reached"] == (abs(answer["guide_share_after"] / dose - 1) <= 0.05)


def test_alpha_1_gives_the_original_back_bit_for_bit(model) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    (answer,) = model.predict([request(image=as_text(encode(noise, "png")), alpha=1.0)])
    assert (pixels(answer["edited_image"]) == noise).all()
    assert answer["guide_share_after"] == answer["guide_share_before"] > 0
    assert answer["reached"]
    assert answer["feasible"]


def test_several_rows_are_answered_as_each_alone_and_again(model) -> None:
    rows = [request(alpha=alpha) for alpha in (0.5, 1.0, 1.5)]
    together = model.predict(rows)
    (alone,) = model.predict(rows[2:])
    assert [answer["requested_share"] for answer in together] == sorted(
        answer["requested_share"] for answer in together
    )
    assert together[2] == alone


BAD = {
    "no base64": ({"image": "a picture"}, r"row 0, image: must be the base64 text"),
    "no image": ({"mask": as_text(b"hello")}, r"row 0, mask: unreadable_image: not a readable"),
    "coloured heatmap": ({"heatmap": request()["image"]}, r"heatmap: wrong_image_mode"),
    "sizes differ": ({"mask": grey(255, (32, 40))}, r"mask: must have the image's size, 40x64"),
    "empty mask": ({"mask": grey(0)}, r"row 0, mask: mask_empty: no pixel is over half grey"),
    "full mask": ({"mask": grey(255)}, r"row 0, mask: mask_full"),
    "constant heatmap": ({"heatmap": grey(9)}, r"row 0, heatmap: heatmap_constant: .*is 9"),
    "blank keyword": ({"keyword": "  "}, r"row 0, keyword: keyword_blank: must name a thing"),
    "no thing": ({"keyword": "shop now"}, r"row 0, keyword: keyword_not_visual"),
    "alpha nan": ({"alpha": float("nan")}, r"row 0, alpha: must be a number from 0 to 100"),
    "alpha negative": ({"alpha": -1.0}, r"row 0, alpha: must be .* found -1"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_a_bad_field_is_named_with_its_rule(model, changes, message) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=message) as caught:
        model.predict([request(**changes)])
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_all_that_is_wrong_is_named_at_once(model) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"row 0, mask: [^\0]*row 1, alpha: "):
        model.predict([request(mask=grey(0)), request(alpha=-1.0)])


def test_the_model_holds_no_pickle_and_all_it_needs(root: Path) -> None:
    (folder,) = root.glob("mlruns/artifacts/models/*/artifacts")
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "editor_model.py",
        "code/pipeline/ground/params.py",
        "code/schemas/keywords.py",
    } <= files
    packed = {Path(name).suffix for name in files if name.startswith("artifacts/")}
    assert packed <= {".safetensors", ".json", ".txt", ".yaml"}
    assert not [name for name in files if re.search(r"\.(pkl|pickle|pt|pth|bin|ckpt)$", name)]


def test_the_answers_fields_are_those_of_the_signature() -> None:
    assert EditAnswer._fields == tuple(ANSWER_FIELDS)


def test_mlflow_is_imported_by_the_tracking_and_the_served_script_alone() -> None:
    repository = Path(__file__).parents[2]
    importing = {
        path.relative_to(repository).as_posix()
        for path in (repository / "pipeline").rglob("*.py")
        if re.search(r"^\s*(import|from) mlflow\b", path.read_text(), re.MULTILINE)
    }
    tracking = {f"pipeline/tracking/{name}.py" for name in ("models", "runs", "store")}
    assert importing == {*tracking, "pipeline/serving/editor_model.py"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow models serve` of the champion, from a folder that is not the repository."""
    command = ["mlflow", "models", "serve", "-m", CHAMPION, "--env-manager", "local"]
    yield from served(command, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def own_server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`gazeshift serve`, likewise."""
    yield from served(["pipeline", "serve", "--root", str(root)], tmp_path_factory.mktemp("other"))


def served(module: list[str], folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", *module, "--host", "127.0.0.1", "--port", str(port)]
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PATH": scripts, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/ping", process, folder / "log")
        yield f"{url}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(log.read_text())


def post(url: str, rows: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"dataframe_records": rows}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        asked = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_server_answers_and_refuses(server: str, model) -> None:
    asked = request(alpha=2)
    status, answer = post(server, [asked])
    assert status == 200
    (edited,) = answer["predictions"]
    (expected,) = model.predict([request(alpha=2.0)])
    assert set(edited) == set(ANSWER_FIELDS)
    assert edited["guide_share_after"] == pytest.approx(expected["guide_share_after"], abs=1e-3)
    assert pixels(edited["edited_image"]).shape == (*SIZE, 3)

    status, answer = post(server, [request(keyword="")])
    assert status == 400
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "row 0, keyword: keyword_blank" in answer["message"]

    without = {field: value for field, value in request().items() if field != "mask"}
    status, answer = post(server, [without])
    assert status == 400
    assert "mask" in answer["message"]


def test_our_own_server_answers_the_same_with_the_models_code(own_server: str, model) -> None:
    asked = request(alpha=2.0)
    status, answer = post(own_server, [asked])
    assert status == 200
    (expected,) = model.predict([asked])
    (edited,) = answer["predictions"]
    assert set(edited) == set(ANSWER_FIELDS)
    assert edited["guide_share_after"] == pytest.approx(expected["guide_share_after"], abs=1e-3)
    status, answer = post(own_server, [request(keyword="a" * 201)])
    assert status == 422
    assert "row 0, keyword: must have at most 200 characters" in answer["message"]

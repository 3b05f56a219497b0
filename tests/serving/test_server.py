"""What the server says no to, before any model runs, and what it stops."""

import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from tiny_editor import write_tiny_editor

from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.serving.edit_requests import MAX_ROWS, as_text, example_row
from pipeline.serving.served_editor import ANSWER_FIELDS, ServedEditor, Stopped
from pipeline.serving.server import Server

ROW = example_row((64, 40))


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> ServedEditor:
    workspace = Workspace(tmp_path_factory.mktemp("editor"))
    write_tiny_editor(workspace)
    return ServedEditor(workspace)


@pytest.fixture(scope="module")
def server(editor: ServedEditor) -> Iterator[Server]:
    """A server on a port of its own, which `url_of` knows."""
    server = Server(editor, timeout_s=5, max_body=1 << 20, max_waiting=1)
    config = uvicorn.Config(server.app, port=0, log_level="error", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    wait_until(lambda: running.started)
    (listening,) = running.servers[0].sockets
    server.app.state.port = listening.getsockname()[1]
    yield server
    running.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def no_model_runs(editor: ServedEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "edit", lambda *_: pytest.fail("a model runs"))


@pytest.fixture
def slow(editor: ServedEditor, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let every step of a model take a tenth of a second; when steps were made."""
    steps: list[float] = []
    go_on = editor._go_on

    def slowly(module: object, inputs: object) -> None:
        steps.append(time.monotonic())
        time.sleep(0.1)
        go_on()

    handle = editor._editor.denoiser.backbone.unet.register_forward_pre_hook(slowly)
    yield steps
    handle.remove()


def wait_until(so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(server: Server, body: bytes, path: str = "invocations") -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{server.app.state.port}/{path}"
    asked = urllib.request.Request(url, body or None, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else {}


def body_of(*rows: Any) -> bytes:
    return json.dumps({"dataframe_records": rows}).encode()


def large_png(width: int, height: int) -> str:
    """A PNG whose header announces a size."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b""), b"IEND")
    file = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )
    return as_text(b"\x89PNG\r\n\x1a\n" + file)


def test_a_call_is_answered_and_there_are_no_pages(server) -> None:
    status, answer = ask(server, body_of(ROW))
    assert status == 200
    assert set(answer["predictions"][0]) == set(ANSWER_FIELDS)
    for page in ("docs", "redoc", "openapi.json", ""):
        assert ask(server, b"", page)[0] == 404


REFUSED = {
    "body": (b"x" * (2 << 20), 413, "body: a call has at most 1,048,576 bytes"),
    "no JSON": (b"{", 400, "body: must be JSON"),
    "deep JSON": (b"[" * 100_000, 400, "body: must be JSON"),
    "marks": (b'{"dataframe_records":[' + b"{}," * 60_000, 422, "body: more than 100,000 objects"),
    "no rows": (b"[]", 422, "body: must be an object with a list 'dataframe_records'"),
    "rows": (body_of(*[{}] * (MAX_ROWS + 1)), 422, f"rows: a call holds at most {MAX_ROWS}"),
    "no row": (body_of(3), 422, "row 0, all fields: must be an object with image"),
    "no field": (body_of({"image": ""}), 422, "row 0, mask: is missing"),
    "keyword": (body_of(ROW | {"keyword": "a" * 10_000}), 422, "row 0, keyword: must have at most"),
    "no text": (body_of(ROW | {"keyword": ["mug"]}), 422, "row 0, keyword: must be a text"),
    "half a text": (body_of(ROW | {"keyword": "mug \ud800"}), 422, "keyword: must be a text"),
    "picture": (
        body_of(ROW | {"image": large_png(8000, 2001)}),
        422,
        "row 0, image: image_too_large: 8000x2001 pixels, at most 16,000,000",
    ),
    "huge alpha": (body_of(ROW | {"alpha": 10**4000}), 422, "row 0, alpha: must be a number"),
    "true": (body_of(ROW | {"alpha": True}), 422, "row 0, alpha: must be a number"),
}


@pytest.mark.usefixtures("no_model_runs")
@pytest.mark.parametrize(("body", "status", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_too_much_or_wrong_is_named(server, body, status, message) -> None:
    found, answer = ask(server, body)
    assert found == status
    assert message in answer["message"]
    assert len(answer["message"]) < 4000


@pytest.mark.usefixtures("no_model_runs")
@pytest.mark.parametrize("first", [{}, {"alpha": -1}, {"image": ""}], ids=["good", "bad", "none"])
def test_pictures_that_are_too_many_together_are_named(server, monkeypatch, first) -> None:
    monkeypatch.setattr("pipeline.serving.edit_requests.MAX_CALL", 5000)
    status, answer = ask(server, body_of(ROW | first, ROW))
    assert (status, answer["message"].count("more than 5,000 pixels")) == (422, 3)
    assert "row 1, image: " in answer["message"]


def noisy(seed: int) -> dict[str, Any]:
    """A scene that no cache knows."""
    noise = np.random.default_rng(seed).integers(0, 256, (64, 40, 3), np.uint8)
    return ROW | {"image": as_text(encode(noise, "png"))}


def test_few_wait_and_who_gets_no_answer_in_time_costs_nothing_more(server, slow) -> None:
    server.timeout_s = 2.0
    answers: list[tuple[int, dict[str, Any]]] = []
    calls = [
        threading.Thread(target=lambda seed=seed: answers.append(ask(server, body_of(noisy(seed)))))
        for seed in range(2)
    ]
    for call in calls:
        call.start()
    wait_until(lambda: server._calls == 2)
    status, answer = ask(server, body_of(noisy(2)))
    assert (status, answer["error_code"]) == (429, "TOO_MANY_REQUESTS")
    for call in calls:
        call.join()
    ended = time.monotonic()
    server.timeout_s = 5
    assert [status for status, _ in answers] == [504, 504]
    time.sleep(0.5)
    assert not [step for step in slow if step > ended + 0.2]
    assert server._calls == 0


def test_who_has_hung_up_is_not_worked_for(server, slow) -> None:
    body = body_of(noisy(3))
    with socket.create_connection(("127.0.0.1", server.app.state.port)) as connection:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        wait_until(lambda: slow)
    ended = time.monotonic()
    time.sleep(0.6)
    assert not [step for step in slow if step > ended + 0.3]


def test_who_stops_sending_does_not_keep_others_waiting(server, monkeypatch) -> None:
    monkeypatch.setattr(server, "idle_s", 0.2)
    with socket.create_connection(("127.0.0.1", server.app.state.port)) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    wait_until(lambda: server._calls == 0)


def test_work_that_is_stopped_leaves_no_more_than_the_cache_may_hold(
    tmp_path: Path, editor: ServedEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.serving.edit_requests import read_requests

    cache = editor._editor.cache
    monkeypatch.setattr(cache, "room_gb", 0.0)
    steps = iter(range(12))
    with pytest.raises(Stopped):
        editor.edit(read_requests([noisy(4)], editor.image_size), lambda: next(steps, None) is None)
    assert not cache._kept

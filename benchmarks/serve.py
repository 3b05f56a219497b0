"""Whether the server holds: memory over a thousand calls, each of another scene, and vast keywords.

    python benchmarks/serve.py --calls 1000

needs a repository in which `gazeshift promote` could run; `--editor DIR` names a packed one.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np

from pipeline.ground.params import load_image_size
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.serving.edit_requests import as_text, example_row
from pipeline.serving.pack import pack_editor

_REPORTS = 10
_KEYWORD_BYTES = (1 << 10, 1 << 20, 100 << 20)


def main() -> None:
    """Start a server, call it, and report the memory it holds and how soon it refuses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--cache-gb", type=float, default=0.1, help="full after the first calls")
    parser.add_argument("--editor", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.editor or Path(name) / "editor"
        if not options.editor:
            pack_editor(Workspace.find(), folder)
        size = load_image_size(Workspace(folder))
        server = _Server(folder, options.cache_gb)
        try:
            for length in _KEYWORD_BYTES:
                before = time.perf_counter()
                status = server.call(_scene(0, size) | {"keyword": "k" * length})
                seconds = time.perf_counter() - before
                sys.stdout.write(
                    f"a keyword of {length / 1024:,.0f} KB: status {status} after {seconds:.2f} s, "
                    f"{server.resident_mb():.0f} MB\n"
                )
            held = []
            for number in range(options.calls):
                status = server.call(_scene(number, size))
                assert status == 200, f"call {number}: status {status}"
                if (number + 1) % max(1, options.calls // _REPORTS) == 0:
                    held.append(server.resident_mb())
                    sys.stdout.write(f"{number + 1} calls: {held[-1]:.0f} MB\n")
                    sys.stdout.flush()
        finally:
            server.end()
    half = held[len(held) // 2 :]
    sys.stdout.write(f"over the second half: {half[-1] - half[0]:+.0f} MB\n")


class _Server:
    """`gazeshift serve` of a packed editor, in a process of its own."""

    def __init__(self, folder: Path, cache_gb: float) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        command = (sys.executable, "-m", "pipeline.serving.server", str(folder))
        options = ("--port", port, "--cache-gb", str(cache_gb))
        self._process = subprocess.Popen([*command, *options])
        self._url = f"http://127.0.0.1:{port}"
        while True:
            try:
                urlopen(f"{self._url}/ping")
                break
            except URLError:
                assert self._process.poll() is None, "the server ended"
                time.sleep(0.2)

    def call(self, row: dict[str, object]) -> int:
        """Ask for one edit; return the status."""
        body = json.dumps({"dataframe_records": [row]}).encode()
        request = Request(f"{self._url}/invocations", body, {"Content-Type": "application/json"})
        try:
            with urlopen(request) as answer:
                answer.read()
                return int(answer.status)
        except HTTPError as refusal:
            return refusal.code

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def _scene(seed: int, size: tuple[int, int]) -> dict[str, object]:
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return example_row(size) | {"image": as_text(encode(noise, "png"))}


if __name__ == "__main__":
    main()

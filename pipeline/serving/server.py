"""The served editor over HTTP, with limits: `gazeshift serve` becomes this.

What is asked is checked before any model runs, one call is worked on at a time, few may wait, and
work ends when nobody waits for it. There are no pages: neither `/docs` nor any other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from asyncio import Future
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.ground.errors import GazeshiftError, InputError
from pipeline.ground.memory import keep_freed_memory
from pipeline.ground.workspace import Workspace
from pipeline.serving.edit_requests import EditRequest, read_requests
from pipeline.serving.served_editor import EditAnswer, ServedEditor, as_rows

LOG = logging.getLogger(__name__)

MAX_BODY = 64 << 20
"""Bytes of a call."""

MAX_WAITING = 8
"""Calls that wait for the one that is worked on."""

TIMEOUT_S = 60.0
"""From a call's first byte to its answer."""

IDLE_S = 10.0
"""Between two parts of a body."""

# Of rows there are few, and they are flat: a body with more marks than this would take seconds to
# read, in which nobody else is answered.
_MOST_MARKS = 100_000
_MARKS = (b"{", b"[", b",")
_ROWS = "dataframe_records"
# Beside those that wait: the kernel's own queue is for the rest.
_CONNECTIONS = 64
_RETRY = {"Retry-After": "5"}


class Refused(Exception):
    """A call that is not answered with edits."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """Answers calls with an editor.

    Args:
        editor: works on one at a time.
        timeout_s: seconds that a call may take.
        max_body: its bytes.
        max_waiting: calls beside the one that is worked on.
        idle_s: seconds that the next part of a body may take.
    """

    def __init__(
        self,
        editor: ServedEditor,
        timeout_s: float = TIMEOUT_S,
        max_body: int = MAX_BODY,
        max_waiting: int = MAX_WAITING,
        idle_s: float = IDLE_S,
    ) -> None:
        self.editor = editor
        self.timeout_s = timeout_s
        self.max_body = max_body
        self.max_waiting = max_waiting
        self.idle_s = idle_s
        self._calls = 0
        # So that what breaks a rule need not wait for edits.
        self._checking = ThreadPoolExecutor(1)
        self._editing = ThreadPoolExecutor(1)
        self.app = Starlette(
            routes=[
                Route("/ping", self._ping, methods=["GET"]),
                Route("/invocations", self._invocations, methods=["POST"]),
            ]
        )

    async def _ping(self, _: Request) -> Response:
        return Response("\n")

    async def _invocations(self, request: Request) -> Response:
        stop = Event()
        full = self._calls > self.max_waiting
        self._calls += not full
        try:
            async with asyncio.timeout(self.timeout_s):
                body = await self._body(request, 0 if full else self.max_body)
                if full:
                    raise Refused(
                        HTTPStatus.TOO_MANY_REQUESTS,
                        f"{self.max_waiting} calls wait already: ask again later.",
                    )
                loop = asyncio.get_running_loop()
                asked = await loop.run_in_executor(self._checking, self._asked, body)
                work = loop.run_in_executor(self._editing, self.editor.edit, asked, stop.is_set)
                answers = await _unless_disconnected(request, work)
                return JSONResponse({"predictions": as_rows(answers)})
        except TimeoutError:
            text = f"not done within {self.timeout_s:g} s: ask for fewer scenes at once."
            return _refusal(HTTPStatus.GATEWAY_TIMEOUT, text)
        except Refused as refused:
            return _refusal(refused.status, str(refused))
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except Exception:
            LOG.exception("a call failed")
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the server's log says what failed.")
        finally:
            stop.set()
            self._calls -= not full

    async def _body(self, request: Request, most: int) -> bytes:
        """Return the body; one of more than `most` bytes is read to its end and not kept."""
        parts, size = [], 0
        stream = request.stream()
        while part := await self._part(stream):
            size += len(part)
            if size <= most:
                parts.append(part)
            else:
                parts.clear()
        if most and size > most:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"body: a call has at most {most:,} bytes, found {size:,}. Send fewer or smaller "
                "pictures.",
            )
        return b"".join(parts)

    async def _part(self, stream: AsyncGenerator[bytes, None]) -> bytes:
        """Return the next part of a body; empty at its end."""
        try:
            async with asyncio.timeout(self.idle_s):
                return await anext(stream, b"")
        except TimeoutError as error:
            text = f"body: nothing came for {self.idle_s:g} s."
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, text) from error

    def _asked(self, body: bytes) -> list[EditRequest]:
        """Return what a body asks for."""
        if sum(map(body.count, _MARKS)) > _MOST_MARKS:
            raise Refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"body: more than {_MOST_MARKS:,} objects, lists and commas. A call has few rows, "
                "and they are flat.",
            )
        try:
            content = json.loads(body)
        # Deep nesting, and digits without end, are no syntax errors.
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"body: must be JSON: {error}.") from error
        rows = content.get(_ROWS) if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise Refused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"body: must be an object with a list {_ROWS!r} (docs/serving.md).",
            )
        try:
            return read_requests(rows, self.editor.image_size)
        except InputError as error:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


async def _unless_disconnected(
    request: Request, work: Future[list[EditAnswer]]
) -> list[EditAnswer]:
    """Return what the work gives.

    Raises:
        ClientDisconnect: who asked has gone.
    """
    # After the body, nothing else is received.
    gone = asyncio.ensure_future(request.receive())
    try:
        either: set[Future[Any]] = {work, gone}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        gone.cancel()
        # Where it has not begun; else it ends with its next step.
        work.cancel()


def _refusal(status: HTTPStatus, message: str) -> Response:
    content: dict[str, Any] = {"error_code": status.name, "message": message}
    headers = _RETRY if status == HTTPStatus.TOO_MANY_REQUESTS else None
    return JSONResponse(content, status, headers)


def main() -> int:
    """Serve the editor of a folder that `pack_editor` wrote; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S)
    parser.add_argument("--cache-gb", type=float, default=1.0)
    options = parser.parse_args()
    keep_freed_memory()
    try:
        editor = ServedEditor(Workspace(options.folder), options.cache_gb)
    except GazeshiftError as error:
        sys.stderr.write(f"gazeshift serve: {error}\n")
        return 1
    uvicorn.run(
        Server(editor, options.timeout).app,
        host=options.host,
        port=options.port,
        log_level="warning",
        lifespan="off",
        limit_concurrency=_CONNECTIONS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

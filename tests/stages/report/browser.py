"""A headless Chromium, and pages whose every error and request is watched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Without these it looks up hosts of its own; a page's requests are watched below.
QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE = {"viewport": {"width": 360, "height": 760}, "has_touch": True, "is_mobile": True}


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start Chromium; skip the test, saying so, where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), chromium_sandbox=False
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, link: str = "", **options: Any) -> Iterator[Page]:
    """Open a page; at the end it must have raised no error and asked the network for nothing."""
    context = browser.new_context(**options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", path.as_uri())) else wrong.append(request.url)
        ),
    )
    page.goto(path.as_uri() + link)
    yield page
    context.close()
    assert wrong == []

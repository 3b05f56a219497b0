"""The page opened in a real browser; its every error and request is watched."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 360, "height": 760}, "has_touch": True, "is_mobile": True}


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    link: str = "",
    beside: Path | None = None,
    expected: str | None = None,
    **options: Any,
) -> Iterator[Page]:
    """Open a page; at the end it must have raised no error and asked the network for nothing.

    Args:
        browser: where.
        path: the page.
        link: the part of its address after the path.
        beside: a folder that it may read from.
        expected: words of an error that it may tell.
        options: of the browser's context.
    """
    context = browser.new_context(**options)
    page = context.new_page()
    wrong: list[str] = []
    own = ("data:", path.as_uri(), *([f"{beside.as_uri()}/"] if beside else []))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(own) else wrong.append(request.url),
    )
    page.goto(path.as_uri() + link)
    yield page
    context.close()
    assert [words for words in wrong if expected is None or expected not in words] == []

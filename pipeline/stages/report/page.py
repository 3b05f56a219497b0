"""The page itself: template, style, code and data in one file that asks the network for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

_SCRIPTS = ("dom.js", "charts.js", "player.js", "viewer.js", "sections.js", "start.js")


def render(data: dict[str, Any], blocks: Iterable[dict[str, Any]]) -> str:
    """Return the page.

    Args:
        data: what is read at once.
        blocks: of each video, in the order of `data["videos"]`; read when the video is opened.
    """
    scripts = "\n".join(_asset(name) for name in _SCRIPTS)
    parts = [_data("data", data)]
    parts += [_data(f"video-{place}", block) for place, block in enumerate(blocks)]
    page = _asset("page.html").replace("/* style */", _asset("page.css"))
    before, after = page.replace("/* scripts */", scripts).split("<!-- data -->")
    return "".join((before, *parts, after))


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _data(name: str, content: dict[str, Any]) -> str:
    """Return a block of JSON that no browser runs and that no content can leave."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # "<" begins whatever could end the block or open a comment in it, and stands in strings only.
    safe = text.replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{safe}</script>\n'

"""What is said on the terminal: names and texts from outside are shown and cannot steer it."""

from __future__ import annotations

import logging
import os
import sys
from unicodedata import category


def say(*lines: str) -> None:
    """Print lines, each of them one whatever it holds."""
    sys.stdout.writelines(f"{escaped(line)}\n" for line in lines)


def all_said() -> None:
    """Pass on what was said.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    sys.stdout.flush()


def hush() -> None:
    """Say nothing more: whoever reads, such as `head`, has enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def escaped(text: str) -> str:
    r"""Return a text with what is no letter, sign or space as `repr` shows it: `\x1b`, `\udcff`.

    Tabs, spaces of any width and the joiners of emoji and scripts pass: names have them.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if _is_shown(letter) else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in "\t\u200c\u200d" or category(letter) == "Zs"


def paragraph(text: str) -> str:
    """Return a text whose lines after the first are indented, so that none passes for another's."""
    return "\n  ".join(escaped(line) for line in text.split("\n"))


class Lines(logging.Formatter):
    """Shows a message so; a traceback under it stays as it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the message as a paragraph."""
        return paragraph(super().formatMessage(record))

"""The text of a file that somebody else wrote, in whichever encoding, or an error: no mojibake."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from pipeline.ground.errors import InputError

LOG = logging.getLogger(__name__)

UTF_8 = "utf-8-sig"
"""With a mark at its begin or without."""

_ENCODINGS = (
    *(f"windows-125{number}" for number in range(8)),
    *("cp874", "koi8-r", "gb18030", "big5hkscs", "cp932", "euc-jp", "cp949"),
)
"""In which spreadsheets and editors save, by the language of the system, when it is not Unicode."""

_SAMPLE = 200_000
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
# No word mixes Latin letters with others or with signs ("cafי", "ksi¹¿ka"), and no text holds
# what draws boxes or controls terminals.
_NO_WORD = re.compile(
    r"[\u0080-\u009f\u2500-\u259f]"
    r"|[a-z](?=[^\x00-\x7f\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f‘’“”‚„«»–—…·•°®™€£ \xa0])"
    r"|[^\x00-\x7f\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f‘’“”‚„«»–—…·•°®™€£ \xa0](?=[a-z])"
)
# Iceland's letters stand where Turkey's and Romania's do.
_DISPUTED = re.compile("[ÐðÝýÞþ]")
# How much less likely another reading must be; two languages in Latin letters are alike.
_MARGIN, _LATIN_MARGIN, _DISPUTED_MARGIN = 0.75, 0.9, 0.55
# Letters that tell one script from another.
_ENOUGH = 3


def unicode_of(content: bytes) -> str:
    """Return which form of Unicode a text is in, if it is Unicode, by its first bytes."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    # Every second byte of UTF-16 is zero, as long as the letters are Latin.
    if content[:200].count(0) > len(content[:200]) // 4:
        return "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    return UTF_8


def decode(path: Path, content: bytes) -> str:
    """Return a text file's text; what is neither UTF-8 nor UTF-16 is recognised, and that is said.

    Raises:
        InputError: it is not known which of several encodings it is in.
    """
    unicode = unicode_of(content)
    if unicode != UTF_8:
        return content.decode(unicode, errors="replace")
    try:
        return content.decode(UTF_8)
    except UnicodeDecodeError:
        encoding, example = _recognised(path, content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} looks like {encoding}, but byte {error.start} is none of it. {_REMEDY}"
        ) from error
    LOG.warning("%s is not UTF-8: read as %s, such as %r", path, encoding, example)
    return text


_REMEDY = "Save it as UTF-8 (in Excel: 'CSV UTF-8')."


def _recognised(path: Path, content: bytes) -> tuple[str, str]:
    """Return the encoding, and a line in it that is not ASCII."""
    import chardet

    lines = [line for line in re.split(rb"[\r\n]+", content) if not line.isascii()]
    sample = b"\n".join(lines)
    if len(sample) > _SAMPLE:
        sample = sample[: sample.rfind(b"\n", 0, _SAMPLE) + 1 or _SAMPLE]
    readings: dict[str, tuple[str, float]] = {}
    found = chardet.detect_all(sample, ignore_threshold=True, include_encodings=_ENCODINGS)
    for one in found:
        try:
            text = sample.decode(one["encoding"] or "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
        if not _NO_WORD.search(text):
            readings.setdefault(text, (str(one["encoding"]), one["confidence"]))
    if not readings:
        raise InputError(f"{path} is in no encoding that is known. {_REMEDY}")
    (text, (encoding, best)), *further = readings.items()
    is_latin = _LATIN.search(text)
    rivals = [
        name
        for other, (name, confidence) in further
        if confidence >= (_LATIN_MARGIN if is_latin else _MARGIN) * best
        or (_DISPUTED.search(other) and confidence >= _DISPUTED_MARGIN * best)
    ]
    few = not is_latin and sum(letter > "\x7f" for letter in text) < _ENOUGH
    if rivals or few:
        example = text.partition("\n")[0][:80]
        others = "".join(f", but it may be {name}" for name in rivals[:2])
        raise InputError(
            f"{path} is not UTF-8, and it is not sure what else it is: as {encoding} it has "
            f"{example!r}{others}. {_REMEDY}"
        )
    return encoding, text.partition("\n")[0][:80]

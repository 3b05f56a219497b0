"""Reading `data/keywords.csv`, whoever wrote it; what a keyword may be says `schemas.keywords`."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.ground.encodings import decode
from pipeline.ground.errors import InputError
from pipeline.ground.files import open_file
from pipeline.ground.trouble import file_trouble
from pipeline.scenes.names import check_video_id, normal_id
from schemas.keywords import ID_COLUMNS, KEYWORD_COLUMNS, LONGEST, further_column, refusal
from schemas.rejected_scenes import Reason, Rejection

LOG = logging.getLogger(__name__)

_DELIMITERS = ",;\t"
# No limit: an open quotation mark makes one cell of the rest of a file.
_LONGEST_CELL = 2**31 - 1
_AS_FLOAT = re.compile(r"\d+(\.\d+)?e\+?\d+|\d+\.0+", re.IGNORECASE)


class KeywordTable(NamedTuple):
    """What `data/keywords.csv` says.

    `keywords` maps a video to its keywords. The position in the tuple is the number in
    `keyword_list[n]`, in an outline's `keyword_index` and in a mask's `.kn`; the first is never
    blank, a further one is "" where its cell is blank or was left out. `rejections` are whole
    videos without a usable first keyword (or rows without a usable id), `left_out` are further
    keywords that name nothing visible: their video stays.
    """

    keywords: dict[str, tuple[str, ...]]
    rejections: list[Rejection]
    left_out: list[Rejection]


def read_keywords(path: Path) -> KeywordTable:
    """Read a stranger's keywords.csv: any common encoding, delimiter and line end; ids as text.

    Raises:
        InputError: there is no such file, it is no CSV, or a required column is missing.
    """
    table = KeywordTable({}, [], [])
    rows: dict[str, tuple[str, ...]] = {}
    disagree: set[str] = set()
    for line, video_id, keywords in _rows(path):
        wrong = _wrong_id(video_id)
        if wrong:
            found = f"line {line}: {wrong}"
            rejection = Rejection.of((video_id, None), path.name, Reason.BAD_VIDEO_ID, found)
            table.rejections.append(rejection)
        elif rows.setdefault(video_id, keywords) != keywords:
            disagree.add(video_id)
    for video_id, keywords in rows.items():
        if video_id in disagree:
            reason: Reason | None = Reason.KEYWORD_DUPLICATE
            found = f"{_quoted(keywords)} and, in another row, other keywords"
        else:
            reason, found = refusal(keywords[0]), _shown(keywords[0])
        if reason:
            table.rejections.append(Rejection.of((video_id, None), path.name, reason, found))
        else:
            table.keywords[video_id] = _usable(video_id, keywords, path.name, table.left_out)
    return table


def _usable(
    video_id: str, keywords: tuple[str, ...], file: str, left_out: list[Rejection]
) -> tuple[str, ...]:
    """Return the keywords with refused further ones blanked, and no blanks at the end."""
    usable = [keywords[0]]
    for number, keyword in enumerate(keywords[1:], start=1):
        reason = refusal(keyword)
        usable.append("" if reason else keyword)
        if reason is Reason.KEYWORD_NOT_VISUAL:
            found = f"{further_column(number)}: {_shown(keyword)}"
            left_out.append(Rejection.of((video_id, None), file, reason, found))
    while not usable[-1]:
        usable.pop()
    return tuple(usable)


def _wrong_id(video_id: str) -> str:
    """Return what is wrong with an id, "" if nothing is."""
    if not video_id:
        return "the id is blank"
    if _AS_FLOAT.fullmatch(video_id):
        return (
            f"id {video_id!r} was saved as a number and has lost digits; format the column as "
            "text, paste the ids again and export again"
        )
    try:
        check_video_id(video_id)
    except InputError as error:
        return str(error)
    return ""


def _rows(path: Path) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (line number, video id, keywords) of all rows that are not blank throughout."""
    csv.field_size_limit(_LONGEST_CELL)
    text = _text(path)
    if "\0" in text:
        raise InputError(f"{path} is no text: it holds NUL characters. Export it as CSV, UTF-8.")
    delimiter, columns = _columns(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        width = len(next(reader))
        for cells in reader:
            cells = [" ".join(cell.split()) for cell in cells]
            if not any(cells):
                continue
            if any(cells[width:]):
                LOG.warning(
                    "%s, line %d: %d cells under %d headers; quote a keyword that holds %r",
                    *(path, reader.line_num, len(cells), width, delimiter),
                )
            cells += [""] * (width - len(cells))
            video_id, *keywords = (cells[column] if column >= 0 else "" for column in columns)
            yield reader.line_num, normal_id(video_id), tuple(keywords)
    except csv.Error as error:
        raise InputError(
            f"{path}, near line {reader.line_num}: {error}. Close every quotation mark; inside "
            "quoted text, write it twice."
        ) from error


def _columns(path: Path, text: str) -> tuple[str, list[int]]:
    """Return the delimiter and where the id and the keywords 0, 1, … stand (-1: no such column)."""
    headers: list[str] = []
    for delimiter in _DELIMITERS:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        found = [" ".join(cell.split()).casefold() for cell in cells]
        if len(found) > len(headers):
            headers = found
        id_column = _first(found, ID_COLUMNS)
        keyword_column = _first(found, KEYWORD_COLUMNS)
        if id_column >= 0 and keyword_column >= 0:
            numbers = [n for n in range(1, len(found)) if further_column(n) in found]
            last = max(numbers, default=0)
            further = [_first(found, (further_column(n),)) for n in range(1, last + 1)]
            return delimiter, [id_column, keyword_column, *further]
    raise InputError(
        f"{path} needs a column {' or '.join(ID_COLUMNS)} and a column "
        f"{' or '.join(KEYWORD_COLUMNS)}; found: {', '.join(headers)[:200] or 'an empty file'}. "
        "Name the columns in its first line."
    )


def _first(headers: list[str], names: tuple[str, ...]) -> int:
    return next((headers.index(name) for name in names if name in headers), -1)


def _text(path: Path) -> str:
    try:
        with open_file(path) as file:
            content = file.read()
    except OSError as error:
        if told := file_trouble(error):
            raise told from error
        if not isinstance(error, FileNotFoundError):
            raise
        raise InputError(
            f"{path} is missing. Write one line per video under the headers "
            f"{ID_COLUMNS[0]},{KEYWORD_COLUMNS[0]}."
        ) from error
    return decode(path, content)


def _quoted(keywords: tuple[str, ...]) -> str:
    return ", ".join(_shown(keyword) for keyword in keywords if keyword) or "a blank keyword"


def _shown(keyword: str) -> str:
    if len(keyword) <= LONGEST:
        return repr(keyword)
    return f"{keyword[:20]!r}… of {len(keyword):,} characters, at most {LONGEST}"

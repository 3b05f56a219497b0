"""`data/keywords.csv`: what each video advertises.

One row per video: its id, its keyword, and further keywords where it advertises several things.
`pipeline.scenes.keywords.read_keywords` reads any common form of such a file.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from schemas.rejected_scenes import Reason

ID_COLUMNS = ("_id", "video_id")
"""The video; the first of these names that is there wins."""

KEYWORD_COLUMNS = ("keyword_list[0]", "keyword")
"""The advertised product, a thing that one can see; the first name that is there wins."""


def further_column(number: int) -> str:
    """Return the column of a further keyword, numbered from 1."""
    return f"keyword_list[{number}]"


BLANK = frozenset({"", "-", "--", "n/a", "na", "nan", "none", "null", "nil"})
"""How a missing keyword comes out of spreadsheets and pandas."""

WORDS = Path(__file__).parent / "words"
"""Words by what they do in a keyword: each list says in its first lines what it holds."""

_CURRENCY = r"(?:[$€£¥₹₫₽]|us ?\$|r\$|usd|eur|gbp|rp)"
_AMOUNT = rf"(?:{_CURRENCY} ?)?\d[\d.,]*(?: ?(?:%|k|{_CURRENCY}))?"
NOT_VISUAL = re.compile(
    "|".join(
        (
            r"(?:use |with |promo |discount |coupon |voucher )+code\b.*",
            rf"{_AMOUNT} off .*",
            r"free (?:worldwide )?(?:shipping|delivery|returns?|trial) (?:on|over|for|to|with) .*",
            r"black friday\b.*",
            r"(?:\d+ day )?money back guarantee",
            # Addresses, hashtags and handles.
            r"(?:https?://|www\.)\S*",
            r"[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|shop|store|co|io|de|uk|fr|app)(?:/\S*)?",
            r"[#@]\w\S*(?: [#@]\w\S*)*",
        )
    )
)
"""Phrases with a free part; one must match the whole keyword."""

_WORD = re.compile(rf"{_AMOUNT}(?![^\W\d_])|[^\W_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(rf"{_AMOUNT}|[\d_]+(?:st|nd|rd|th|am|pm|x|h|min|days?|s)?")
# Thai, Japanese, Chinese and Korean letters.
_NO_BLANKS = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# "l'offre", "dell'offerta"; in other words the apostrophe begins an ending.
_LONGEST_ARTICLE = 2


LONGEST = 200
"""Characters of a keyword: far above what a text encoder reads, which is 77 tokens."""


def _is_text(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cs")


def refusal(keyword: str) -> Reason | None:
    """Return why a keyword cannot be looked for in a picture, None if it can.

    Refused is what has no word that may name a thing: calls to action, prices, dates, praise; and
    English phrases for an act or a state, as "hair loss". A word that no list has may name a
    thing, so that brands and the nouns of other languages pass.
    So is one that is longer than a text encoder reads, or has control characters.
    """
    if len(keyword) > LONGEST or not all(map(_is_text, keyword)):
        return Reason.KEYWORD_NOT_VISUAL
    text = _plain(keyword)
    if text.strip(" .") in BLANK:
        return Reason.KEYWORD_BLANK
    text = text.strip(" .!?,:;*\"'“”()[]")
    if NOT_VISUAL.fullmatch(text):
        return Reason.KEYWORD_NOT_VISUAL
    words = _words(text)
    if len(words) == 1 and words[0] in _list("homographs"):
        return None
    things = _possible_things(words)
    any_thing = things <= _list("vague") and not _list("calls").isdisjoint(words)
    if not things or any_thing or _is_act_or_state(words, things):
        return Reason.KEYWORD_NOT_VISUAL
    return None


def is_doubtful(keyword: str) -> bool:
    """Tell of a keyword that is not refused whether a person should look at it.

    It reads like a call or a sentence ("protect your home"), ends in a word that names nothing
    ("garden bed built"), names any thing ("gift"), or is a word of calls that is a thing as well.
    """
    words = _words(_plain(keyword))
    homographs = _list("homographs")
    opens_as_call = len(words) > 1 and words[0] in _list("verbs")
    ends_in_nothing = len(words) > 1 and words[-1] in _nothing() and words[-1] not in homographs
    return (
        _possible_things(words) <= _list("vague")
        or homographs.issuperset(words)
        or not _list("sentence").isdisjoint(words)
        or opens_as_call
        or ends_in_nothing
    )


def _is_act_or_state(words: list[str], things: set[str]) -> bool:
    """Tell of an English phrase; "zapatillas running" and "sac de voyage" are things."""
    is_english = things <= _list("english_things") and _list("connectors").isdisjoint(words)
    return is_english and len(words) > 1 and words[-1] in _list("english_nouns")


def _plain(keyword: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", keyword).casefold().split())


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(text)]


def _possible_things(words: list[str]) -> set[str]:
    """Return the words that no list says to name nothing; a verb does so where it is one."""
    return {
        word
        for position, word in enumerate(words)
        if not _names_nothing(word)
        and not (word in _list("verbs") and _is_verb_at(position, words))
    }


def _is_verb_at(position: int, words: list[str]) -> bool:
    if not position:
        return not _list("calls").isdisjoint(words[1:])
    return words[position - 1] in _list("before_verbs")


@lru_cache(maxsize=2**16)
def _names_nothing(word: str) -> bool:
    if word in _nothing() or _NUMBER.fullmatch(word):
        return True
    if _NO_BLANKS.fullmatch(word):
        return bool(_run_of_calls().fullmatch(word))
    head, apostrophe, tail = word.partition("'")
    article = len(head) <= _LONGEST_ARTICLE or head == "dell"
    return bool(apostrophe) and (tail if article else head) in _nothing()


@cache
def _list(name: str) -> frozenset[str]:
    lines = (WORDS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    words = (word for line in lines if not line.startswith("#") for word in line.split())
    return frozenset(map(_plain, words))


@cache
def _nothing() -> frozenset[str]:
    return _list("english") | _list("calls")


@cache
def _run_of_calls() -> re.Pattern[str]:
    parts = sorted(filter(_NO_BLANKS.fullmatch, _list("calls")), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(parts)})+")

"""`data/keywords.csv`: what each video advertises.

One row per video: its id, its keyword, and further keywords where it advertises several things.
`pipeline.scenes.keywords.read_keywords` reads any common form of such a file.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
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
"""Words that name nothing one can see: `english.txt`, and `calls.txt` of the large languages."""

VAGUE = frozenset(
    """
    accessories accessory account ad ads advert advertisement app application apps brand brands
    channel collection collections content drop drops game games gift gifts item items page present
    product products range store stores stuff thing things video videos website
    """.split()
)
"""Words that name any thing: with a call or praise beside them nothing, else a doubtful keyword."""

SERVICES = frozenset(
    """
    career careers coverage degree degrees diploma financing funding insurance investment
    investments job jobs lending loan loans mortgage mortgages program programme programmes programs
    training tutoring
    """.split()
)
"""Services: what ends in one, as "pet insurance", names nothing, whatever comes before."""

POINTING = frozenset(
    """
    all any every her his i it its me mine my our ours that the their them these they this those us
    we what which you your yours
    """.split()
)
"""Words of English sentences: what has one and names a thing is a doubtful keyword."""

CALLS = frozenset(
    """
    book browse check choose claim clean click create discover download enjoy explore find fix get
    give grab help join keep learn make meet order pack pick play protect put save say see ship shop
    sign start stream swipe tag take tap treat try turn unlock use wash watch wear win
    """.split()
)
"""English verbs of calls to action; some are things themselves, as "watch"."""

_BEFORE_VERBS = frozenset("can don't i just let's never now please so they to we will you".split())

HOMOGRAPHS = frozenset("bad chat fall four handy kind lit pain pull see spring tap".split())
"""Words of calls, times and praise that are things too, here or in another large language.

German "handy" is a phone, French "pain" bread: alone they are doubtful and are not refused.
"""

_CURRENCY = r"(?:[$€£¥₹₫₽]|us ?\$|r\$|usd|eur|gbp|rp)"
_AMOUNT = rf"(?:{_CURRENCY} ?)?\d[\d.,]*(?: ?(?:%|k|{_CURRENCY}))?"
NOT_VISUAL_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:use |with |promo |discount |coupon |voucher )+code\b.*",
        rf"{_AMOUNT} off .*",
        r"free (?:worldwide )?(?:shipping|delivery|returns?|trial) (?:on|over|for|to|with) .*",
        # Addresses, hashtags and handles.
        r"(?:https?://|www\.)\S*",
        r"[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|shop|store|co|io|de|uk|fr|app)(?:/\S*)?",
        r"[#@]\w\S*(?: [#@]\w\S*)*",
    )
)
"""Phrases with a free part; each must match the whole keyword."""

_WORD = re.compile(rf"{_AMOUNT}(?![^\W\d_])|[^\W_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(rf"{_AMOUNT}|[\d_]+(?:st|nd|rd|th|am|pm|x|h|min|days?|s)?")
_CASELESS = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def refusal(keyword: str) -> Reason | None:
    """Return why a keyword cannot be looked for in a picture, None if it can.

    Refused is what has no word that may name a thing: calls to action, prices, dates, praise,
    services. A word that no list has may name one, so brands and other languages' nouns pass.
    """
    text = _plain(keyword)
    if text.strip(" .") in BLANK:
        return Reason.KEYWORD_BLANK
    text = text.strip(" .!?,:;*\"'“”()[]")
    if any(pattern.fullmatch(text) for pattern in NOT_VISUAL_PATTERNS):
        return Reason.KEYWORD_NOT_VISUAL
    words = _words(text)
    if len(words) == 1 and words[0] in HOMOGRAPHS:
        return None
    left = _may_be_things(words)
    vague = VAGUE.issuperset(left) and not _calls().isdisjoint(words)
    if not left or vague or words[-1] in SERVICES:
        return Reason.KEYWORD_NOT_VISUAL
    return None


def is_doubtful(keyword: str) -> bool:
    """Tell of a keyword that is not refused whether a person should look at it.

    It reads like a call or a sentence ("protect your home"), ends in something unseen ("hair
    growth"), or names any thing ("gift").
    """
    words = _words(_plain(keyword))
    left = _may_be_things(words)
    return (
        VAGUE.issuperset(left)
        or not POINTING.isdisjoint(words)
        or (len(words) > 1 and words[0] in CALLS and words[0] != "watch")
        or (len(words) > 1 and words[-1] in _unseen())
    )


def _plain(keyword: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", keyword).casefold().split())


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(text)]


def _may_be_things(words: list[str]) -> list[str]:
    """Return the words that no list calls unseen; a verb is none, where it is one."""
    left = []
    for position, word in enumerate(words):
        before = words[position - 1] if position else ""
        first = not position and any(other in _calls() for other in words[1:])
        is_verb = word in CALLS and (first or before in _BEFORE_VERBS)
        if not is_verb and not _names_nothing(word):
            left.append(word)
    return left


def _names_nothing(word: str) -> bool:
    unseen = _unseen()
    if word in unseen or _NUMBER.fullmatch(word):
        return True
    if _CASELESS.fullmatch(word):
        return bool(_run_of_calls().fullmatch(word))
    head, apostrophe, tail = word.partition("'")
    # French and Italian articles, and the English genitive.
    return bool(apostrophe) and (tail if len(head) < 3 or head == "dell" else head) in unseen





@cache
def _list(name: str) -> frozenset[str]:
    lines = (WORDS / name).read_text(encoding="utf-8").splitlines()
    return frozenset(
        unicodedata.normalize("NFKC", word).casefold()
        for line in lines
        if not line.startswith("#")
        for word in line.split()
    )


def _calls() -> frozenset[str]:
    return _list("calls.txt")


@cache
def _unseen() -> frozenset[str]:
    return _list("english.txt") | _calls()


@cache
def _run_of_calls() -> re.Pattern[str]:
    parts = sorted((word for word in _calls() if _CASELESS.fullmatch(word)), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(parts)})+")

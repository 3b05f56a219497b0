"""`data/keywords.csv`: what each video advertises.

One row per video: its id, its keyword, and further keywords where it advertises several things.
`pipeline.scenes.keywords.read_keywords` reads any common form of such a file.
"""

from __future__ import annotations

import re
import unicodedata

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

NOT_VISUAL = frozenset(
    " ".join(phrase.split())
    for phrase in re.split(
        ",",
        """
    shop, shop now, shop today, shop online, shop here, tap to shop, buy, buy now, buy today,
    order now, order today, order online, get yours, get yours now, get it now, get started,
    get the app, click here, click below, click the link, tap here, tap the link, swipe up,
    learn more, read more, see more, find out more, discover more, watch more, watch now, sign up,
    sign up now, subscribe, subscribe now, follow us, follow me, like and subscribe, download now,
    install now, try now, try it now, try it free, join now, book now, apply now, call now,
    contact us, visit us, visit our website, link in bio, link in description, link below,
    sale, on sale, big sale, flash sale, final sale, summer sale, winter sale, black friday,
    black friday sale, cyber monday, clearance, clearance sale, deal, deals, best deal, best deals,
    hot deal, special offer, limited offer, limited time, limited time offer, limited time only,
    today only, offer, offers, discount, discounts, discount code, promo, promo code, promotion,
    coupon code, voucher code, use code, cashback, best price, best prices, low price, low prices,
    half price, bogo, free, for free, new arrival, new arrivals, just dropped, coming soon, out now,
    available now, in stock, back in stock, sold out, selling fast, last chance, hurry, hurry up,
    while stocks last, best seller, bestseller, trending, viral, must have, money back guarantee,
    satisfaction guaranteed, high quality, best quality, premium quality, fast shipping,
    fast delivery, next day delivery, easy returns, for you page, foryou, fyp, ad, advertisement,
    sponsored, thank you, thanks
    """,
    )
)
"""Calls to action, prices and praise; matched whole: "sale" is refused, "sale sign" is not.

The list errs on the side of taking a keyword: what it misses gives an empty mask later on.
"""

_CURRENCY = r"(?:[$€£¥₹]|us ?\$|usd|eur|gbp)"
_AMOUNT = rf"(?:{_CURRENCY} ?)?\d[\d.,]*(?: ?(?:%|percent|{_CURRENCY}|dollars?|euros?|bucks))?"
_COUNT = r"(?:one|two|three|\d+)"
NOT_VISUAL_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # Numbers, prices and percentages: "50% off", "save up to $20", "only 9.99", "from €5".
        rf"(?:save |get |extra |up to |from |only |just |under |over |now |for )*{_AMOUNT}"
        r"(?: (?:off|discount|sale|cashback|only|each|or less|now|today|today only|everything))*",
        rf"{_AMOUNT} off (?:everything|sitewide|all orders|your (?:first |next )?order)",
        rf"buy {_COUNT},? get {_COUNT}(?: free| half price| \d+% off)?",
        rf"{_COUNT} for (?:the price of )?{_COUNT}",
        r"free (?:worldwide )?(?:shipping|delivery|returns?|trial)"
        r"(?: (?:(?:on|over|for|to|with) .*|today|now|worldwide|included))?",
        r"(?:use |with |promo |discount |coupon |voucher )+code:? ?\S*",
        # Addresses, hashtags and handles.
        r"(?:https?://|www\.)\S*",
        r"[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|shop|store|co|io|de|uk|fr|app)(?:/\S*)?",
        r"[#@]\w\S*(?: [#@]\w\S*)*",
    )
)
"""Phrases with a free part; each must match the whole keyword."""


LONGEST = 200
"""Characters of a keyword: far above what a text encoder reads, which is 77 tokens."""


def _is_text(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cs")


def refusal(keyword: str) -> Reason | None:
    """Return why a keyword cannot be looked for in a picture, None if it can.

    Besides the phrases above, a keyword without a single letter names nothing, nor does one that is
    longer than a text encoder reads, or has control characters.
    """
    if len(keyword) > LONGEST or not all(map(_is_text, keyword)):
        return Reason.KEYWORD_NOT_VISUAL
    text = " ".join(unicodedata.normalize("NFKC", keyword).casefold().split())
    if text.strip(" .") in BLANK:
        return Reason.KEYWORD_BLANK
    text = text.strip(" .!?,:;*\"'“”()[]")
    words = " ".join(text.replace("-", " ").split())
    if not any(character.isalpha() for character in text) or words in NOT_VISUAL:
        return Reason.KEYWORD_NOT_VISUAL
    if any(pattern.fullmatch(text) for pattern in NOT_VISUAL_PATTERNS):
        return Reason.KEYWORD_NOT_VISUAL
    return None

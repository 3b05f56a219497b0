"""Text files in other encodings than ours: read rightly, or refused, but never as mojibake."""

from pathlib import Path

import pytest

from pipeline.ground.encodings import decode
from pipeline.ground.errors import InputError

PATH = Path("keywords.csv")
WORDS = {
    "gb18030": "运动鞋 项链 口红 吸尘器",
    "big5": "運動鞋 項鍊 口紅 吸塵器",
    "cp932": "スニーカー 腕時計 口紅 化粧水",
    "euc-kr": "운동화 목걸이 립스틱 청소기",
    "cp1251": "кроссовки сумка помада платье",
    "koi8-r": "кроссовки сумка помада платье",
    "cp1253": "παπούτσια τσάντα φόρεμα καρέκλα",
    "cp1255": "נעליים תיק שמלה כיסא",
    "cp1256": "حذاء حقيبة فستان كرسي",
    "cp1250": "łóżko krzesło buty sukienka książka",
    "cp1252": "tênis óculos relógio colchão maçã",
    "utf-8": "café 运动鞋",
    "utf-8-sig": "café 运动鞋",
    "utf-16": "café 运动鞋",
}


def table(words: str) -> str:
    rows = (f"{7123456789012345678 + i},{word}\n" for i, word in enumerate(words.split()))
    return "_id,keyword\n" + "".join(rows)


@pytest.mark.parametrize(("encoding", "words"), WORDS.items(), ids=WORDS)
def test_an_encoding_is_recognised(encoding: str, words: str) -> None:
    text = table(words)
    assert decode(PATH, text.encode(encoding)) == text


UNSURE = {
    "Icelandic": table("þvottavél skór").encode("cp1252"),
    "Turkish, one word": table("ayakkabı").encode("cp1254"),
    "Arabic, one word": table("حذاء").encode("cp1256"),
}


@pytest.mark.parametrize("content", UNSURE.values(), ids=UNSURE)
def test_what_is_not_sure_is_refused_with_a_remedy(content: bytes) -> None:
    with pytest.raises(InputError, match=r"keywords\.csv .*Save it as UTF-8"):
        decode(PATH, content)


def test_what_was_recognised_is_said(caplog: pytest.LogCaptureFixture) -> None:
    decode(PATH, table("кроссовки сумка").encode("cp1251"))
    assert "not UTF-8: read as Windows-1251, such as '7123456789012345678,кроссовки'" in caplog.text

"""Keyword tables as strangers write them: whatever the program, the ids and words come out."""

from pathlib import Path

import pytest

from pipeline.ground.errors import InputError
from pipeline.scenes.keywords import KeywordTable, read_keywords
from schemas.keywords import refusal
from schemas.rejected_scenes import Reason

ID = "7123456789012345678"
OTHER = "7123456789012345679"
PLAIN = f"_id,keyword_list[0]\n{ID},café chair\n{OTHER},mug\n"
READ = {ID: ("café chair",), OTHER: ("mug",)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keywords.csv"


def read(file: Path, text: str) -> KeywordTable:
    file.write_bytes(text.encode())
    return read_keywords(file)


FORMS = {
    "plain": PLAIN.encode(),
    "BOM": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 LE without BOM": PLAIN.encode("utf-16-le"),
    "UTF-16 BE without BOM": PLAIN.encode("utf-16-be"),
    "latin-1": PLAIN.encode("latin-1"),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "quoted newline": PLAIN.replace("café chair", '"café\r\nchair"').encode(),
    "spaces": PLAIN.replace("café chair", '"café  chair "').encode(),
    "other headers": PLAIN.replace("_id,keyword_list[0]", " Video_ID , Keyword ").encode(),
    "blank rows": PLAIN.replace("\n", "\n,,\n").encode(),
    "no last line end": PLAIN.rstrip().encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_common_form_reads_the_same(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert read_keywords(file) == (READ, [], [])


def test_the_id_column_may_stand_anywhere_among_others(file: Path) -> None:
    table = read(file, f'likes,keyword_list[0],note,_id\n3,mug,"a, b",{ID}\n')
    assert table.keywords == {ID: ("mug",)}


NO_IDS = {
    "exponent": "7.12345678901235E+18",
    "decimal": "7123456789012345678.0",
    "German": "7,12E+18",
    "separator": "a/b",
    "parent": "..",
    "blank": "",
    "space": "a b",
    "long": "x" * 129,
}


@pytest.mark.parametrize("video_id", NO_IDS.values(), ids=NO_IDS)
def test_an_id_that_is_none_is_refused_with_its_line(file: Path, video_id: str) -> None:
    table = read(file, f'_id,keyword\n{ID},mug\n"{video_id}",chair\n')
    assert table.keywords == {ID: ("mug",)}
    (rejection,) = table.rejections
    assert rejection.reason is Reason.BAD_VIDEO_ID
    assert rejection.file == "keywords.csv"
    assert rejection.found.startswith("line 3: ")


def test_equal_rows_are_one_and_rows_that_disagree_are_refused(file: Path) -> None:
    table = read(file, f"_id,keyword\n{ID},mug\n{ID},mug\n{OTHER},mug\n{OTHER},cup\n")
    assert table.keywords == {ID: ("mug",)}
    assert [(one.video_id, one.reason) for one in table.rejections] == [
        (OTHER, Reason.KEYWORD_DUPLICATE)
    ]


def test_further_keywords_keep_their_numbers(file: Path) -> None:
    table = read(
        file,
        "_id,keyword_list[0],keyword_list[1],keyword_list[2],keyword_list[3]\n"
        f"{ID},mug,,chair,\n{OTHER},mug,shop now,lamp,\n",
    )
    assert table.keywords == {ID: ("mug", "", "chair"), OTHER: ("mug", "", "lamp")}
    assert table.rejections == []
    (left_out,) = table.left_out
    assert (left_out.video_id, left_out.reason) == (OTHER, Reason.KEYWORD_NOT_VISUAL)
    assert left_out.found == "keyword_list[1]: 'shop now'"


def test_a_first_keyword_that_cannot_be_used_refuses_the_video(file: Path) -> None:
    table = read(file, f"_id,keyword_list[0],keyword_list[1]\n{ID},,chair\n{OTHER},50% off,mug\n")
    assert table.keywords == {}
    assert {one.video_id: one.reason for one in table.rejections} == {
        ID: Reason.KEYWORD_BLANK,
        OTHER: Reason.KEYWORD_NOT_VISUAL,
    }


def test_an_unquoted_delimiter_is_reported(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(file, f"_id,keyword\n{ID},mug, red\n").keywords == {ID: ("mug",)}
    assert "line 2: 3 cells under 2 headers" in caplog.text


def test_a_short_row_has_a_blank_keyword(file: Path) -> None:
    (rejection,) = read(file, f"_id,keyword\n{ID}\n").rejections
    assert rejection.reason is Reason.KEYWORD_BLANK


def test_a_table_with_a_header_only_is_empty(file: Path) -> None:
    assert read(file, "_id,keyword\n") == ({}, [], [])


NO_TABLES = {
    "empty": ("", "an empty file"),
    "no columns": ("id,word\n1,mug\n", "found: id, word"),
    "one column": (f"_id,word\n{ID},mug\n", r"keyword_list\[0\] or keyword"),
    "open quote": (f'_id,keyword\n{ID},"mug\n', "near line 2.*Close every quotation mark"),
    "stray quote": (f'_id,keyword\n{ID},"mug"s\n', "near line 2"),
    "NUL": (f"_id,keyword\n{ID},m\0ug\n", "NUL characters"),
    "open quote in header": ('"_id,keyword\n' + f"{ID},mug\n" * 10_000, "needs a column"),
}


@pytest.mark.parametrize(("text", "says"), NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_keyword_table_is_an_error_that_helps(file: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        read(file, text)
    assert len(str(error.value)) < 600


def test_binary_content_is_an_error_that_helps(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 2000)
    with pytest.raises(InputError, match=r"keywords\.csv"):
        read_keywords(file)


def test_a_missing_file_and_a_folder_are_named(file: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        read_keywords(file)
    file.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_keywords(file)


@pytest.mark.parametrize("keyword", ["shoe" * 50_000, "shoe\x1b[31m", "sh\x07oe"])
def test_what_no_one_types_is_no_keyword_and_shown_in_short(file: Path, keyword: str) -> None:
    assert refusal(keyword) is Reason.KEYWORD_NOT_VISUAL
    table = read(file, f"_id,keyword\n{ID},mug\n{OTHER},{keyword}\n")
    assert table.keywords == {ID: ("mug",)}
    (rejection,) = table.rejections
    assert rejection.reason is Reason.KEYWORD_NOT_VISUAL
    assert len(rejection.found) < 100


@pytest.mark.parametrize("keyword", ["", "  ", "-", "N/A", "nan", "None", "NULL", ". "])
def test_blank_however_it_is_written(keyword: str) -> None:
    assert refusal(keyword) is Reason.KEYWORD_BLANK


@pytest.mark.parametrize(
    "keyword",
    [
        "Shop now",
        "SHOP  NOW!",
        "“Shop now”",
        "50% off",
        "up to 50% off",
        "save $20",
        "€9,99",
        "only 9.99",
        "buy one, get one free",
        "3 for 2",
        "free shipping",
        "free shipping on orders over $50",
        "use code SAVE10",
        "link in bio",
        "limited-time offer",
        "#fyp #ad",
        "@somebody",
        "www.example.com/shop",
        "example.shop",
        "2024",
        "!!!",
        "👟",
        "５０％　ｏｆｆ",
    ],
)
def test_what_one_cannot_see(keyword: str) -> None:
    assert refusal(keyword) is Reason.KEYWORD_NOT_VISUAL


@pytest.mark.parametrize(
    "keyword",
    ["sneaker", "sale sign", "shopping bag", "7up", "iPhone 15", "кроссовки", "鞋", "gift card"],
)
def test_what_one_can_see(keyword: str) -> None:
    assert refusal(keyword) is None


def test_no_keyword_takes_the_patterns_long() -> None:
    # A pattern that backtracks would not end here.
    for part in ("#a", "a.", "save ", "50% off ", "use ", "9,"):
        refusal(part * 2000 + " ?b")

"""File names of scenes, and ids from strangers."""

import unicodedata

import pytest

from pipeline.ground.errors import InputError
from pipeline.scenes.names import SceneName, check_video_id, parse_scene_name

ID = "7123456789012345678"


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        (f"{ID}-Scene-001-01.jpg", SceneName(ID, 1)),
        (f"{ID}-Scene-1000-02.PNG", SceneName(ID, 1000, 2)),
        (f"{ID}-Scene-012-01.k1.png", SceneName(ID, 12, 1, 1)),
        ("a-Scene-001-01-Scene-002-01.jpg", SceneName("a-Scene-001-01", 2)),
    ],
    ids=["plain", "four digits", "second keyword", "id like a name"],
)
def test_names_parse_and_are_written_back(file_name: str, expected: SceneName) -> None:
    name = parse_scene_name(file_name)
    assert name == expected
    assert name.file(file_name.rsplit(".")[-1]) == file_name


def test_scenes_sort_by_number_and_not_as_text() -> None:
    names = [parse_scene_name(f"v-Scene-{number}-01.jpg") for number in ("1000", "999", "001")]
    assert [name.scene_number for name in sorted(names)] == [1, 999, 1000]


@pytest.mark.parametrize("file_name", ["scene_1.png", f"{ID}-Scene-1-01.jpg", f"{ID}.jpg", ""])
def test_other_names_are_refused(file_name: str) -> None:
    with pytest.raises(InputError, match="does not parse"):
        parse_scene_name(file_name)


@pytest.mark.parametrize(
    "video_id",
    ["café", "видео_1", "動画", "विज्ञापन", "โฆษณา", "إعلان", "பட்டு", "광고-2"],
)
def test_letters_of_all_scripts_and_their_marks_are_allowed(video_id: str) -> None:
    normal = unicodedata.normalize("NFC", video_id)
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, video_id)
        assert check_video_id(written) == normal
        assert parse_scene_name(f"{written}-Scene-001-01.jpg") == SceneName(normal, 1)


@pytest.mark.parametrize(
    "video_id",
    [
        "",
        "..",
        "a/b",
        "a\\b",
        "a..b",
        "a\n",
        "-rf",
        ".x",
        "a" * 129,
        "動" * 67,
        "\u0301a",
        "a\u200bb",
        "a\u202eb",
        "\ud800",
    ],
)
def test_ids_that_reach_beyond_their_folder_are_refused(video_id: str) -> None:
    with pytest.raises(InputError, match="is not allowed"):
        check_video_id(video_id)

"""Stage attention_heatmap: from fixations, from a saliency model, from heatmaps that exist."""

import re

import numpy as np
import pytest
import torch
from ingest_inputs import FIXATIONS_HEADER, make_cuts, write_fixations
from PIL import Image
from stage_runs import refusals, tree, written_at

from pipeline.attention.network import AttentionNetwork
from pipeline.attention.network_config import NetworkConfig
from pipeline.attention.predictor import save_predictor
from pipeline.ground.artefacts import CUTS, CUTS_CSV, HEATMAPS
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode, read_grey
from pipeline.scenes.cuts import write_cuts
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.attention_heatmap import stage as attention_heatmap
from pipeline.stages.attention_heatmap.stage import REFUSED
from schemas.rejected_scenes import Reason

SIZE = (96, 64)
HEADER = FIXATIONS_HEADER.encode()


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    set_params(workspace, "{pixels_per_degree: 6}")
    return workspace


def set_params(workspace: Workspace, section: str) -> None:
    text = f"compute: {{n_jobs: 1}}\nattention_heatmap: {section}\n"
    write_text(workspace.path("params.yaml"), text)


def heatmap(workspace: Workspace, name: str) -> np.ndarray:
    return read_grey(workspace.path(f"{HEATMAPS}/{name.split('-')[0]}/{name}"))


def peak(levels: np.ndarray) -> tuple[int, ...]:
    """Centre of what is at full scale, as (row, column)."""
    return tuple(np.argwhere(levels >= 254).mean(axis=0).round().astype(int))


def test_each_scene_has_the_fixations_of_its_time(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 3}, SIZE)
    write_fixations(
        workspace.root, "v", (0.1, 0.3, 20.5, 30.5), (0.9, 0.4, 50.5, 70.5), (2.5, 0.2, -3, 5)
    )
    attention_heatmap.main(workspace)
    first = heatmap(workspace, "v-Scene-001-01.jpg")
    assert first.shape == SIZE
    assert first.max() == 255
    assert peak(first) == (30, 20)
    # 0.1 s of the second fixation lie in the first scene, against 0.3 s of the first.
    assert first[70, 50] == pytest.approx(255 / 3, abs=3)
    assert peak(heatmap(workspace, "v-Scene-002-01.jpg")) == (70, 50)
    assert refusals(workspace, "attention_heatmap") == [("v", 3, Reason.NO_FIXATIONS)]
    with Image.open(workspace.path(f"{HEATMAPS}/v/v-Scene-001-01.jpg")) as image:
        assert image.info["comment"] == b"gazeshift heatmap_source=recorded"


def test_sigma_is_one_degree_of_visual_angle(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    write_fixations(workspace.root, "v", (0.1, 0.3, 20.5, 30.5))
    attention_heatmap.main(workspace)
    one_sigma = pytest.approx(255 * np.exp(-0.5), abs=2)
    assert heatmap(workspace, "v-Scene-001-01.jpg")[30, 26] == one_sigma
    set_params(workspace, "{pixels_per_degree: 6, sigma_degrees: 2}")
    attention_heatmap.main(workspace)
    assert heatmap(workspace, "v-Scene-001-01.jpg")[30, 32] == one_sigma


BAD = {
    "empty": (b"", "^empty.csv is no table"),
    "binary": (b"\x00\xff\xfe\x01", "^binary.csv is not UTF-8"),
    "column": (b"viewer,onset_s,duration_s,x_px\nP1,0,1,2\n", "there is no column 'y_px'"),
    "time": (HEADER + b"P1,0,-1,2,3\nP2,0,0,2,3\n", "duration_s: must be more than 0.*line 2"),
    "text": (HEADER + b"P1,0,1,2,3\nP2,0,1,left,3\n", "x_px: .*left in line 3"),
    "blank": (HEADER + b"P1,0,1,2,3\nP2,0,1,,3\n", "x_px: .*line 3"),
    "infinite": (HEADER + b"P1,0,1,inf,3\n", "x_px: must be finite"),
    "fractions": (HEADER + b"P1,0,1,0.2,0.3\nP2,0,1,0.9,0.8\n", "x_px, y_px: .* fractions"),
    "milliseconds": (HEADER + b"P1,0,280,20,30\nP1,400,250,20,30\n", "In ms they would be"),
    "onsets": (HEADER + b"P1,0,0.3,20,30\nP1,400,0.2,20,30\n", "begin after the video's end"),
    "screen": (HEADER + b"P1,0,0.3,20,30\nP2,0,0.3,900,30\n", "1 of 2 .* outside the frame"),
    "corner": (HEADER + b"".join(b"P%d,0,1,%d,9\n" % (i, i) for i in range(31)), "upper left"),
    "eyes": (HEADER + b"P1,0,0.3,20,30\nP1,0.01,0.3,20,30\n", "1 of 2 .* last has ended"),
    "foreign": (b"a;b;c\n1;2;3\n", "^foreign.csv has the columns 'a', 'b', 'c'.*import-fixations"),
    "cell": (HEADER + b"P1,1,0,1,2,3\n", "more cells than the header"),
}
"""What is wrong with a video's file, and what is said of it."""


def test_bad_files_refuse_their_scenes_and_the_rest_go_on(workspace: Workspace) -> None:
    make_cuts(workspace, {**dict.fromkeys(BAD, 2), "good": 1}, SIZE)
    for video_id, (content, _) in BAD.items():
        write_bytes(workspace.path(f"data/fixations/{video_id}.csv"), content)
    write_fixations(workspace.root, "good", (0.1, 0.3, 20, 30))
    attention_heatmap.main(workspace)
    assert list(tree(workspace.path(HEATMAPS))) == ["good/good-Scene-001-01.jpg"]
    refused = read_rejections(workspace.path(REFUSED))
    assert [one.video_id for one in refused] == sorted([*BAD, *BAD])
    assert {one.reason for one in refused} == {Reason.FIXATIONS_UNREADABLE}
    for one in refused:
        assert re.search(BAD[one.video_id][1], one.found)


def test_files_from_a_spreadsheet_are_read(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    text = '\ufeffviewer, onset_s,duration_s,x_px,y_px,note\r\nNA,0.1,0.3,20.5,30.5,"a\r\nb"\r\n'
    write_bytes(workspace.path("data/fixations/v.csv"), text.encode())
    attention_heatmap.main(workspace)
    assert peak(heatmap(workspace, "v-Scene-001-01.jpg")) == (30, 20)


def test_an_export_that_leaves_nothing_open_is_read_as_it_is(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    text = "viewer;onset_s;duration_s;x_px;y_px\nP1;0,1;0,3;20,5;30,5\n"
    write_bytes(workspace.path("data/fixations/v.csv"), text.encode("utf-16"))
    attention_heatmap.main(workspace)
    assert peak(heatmap(workspace, "v-Scene-001-01.jpg")) == (30, 20)


def test_of_an_export_with_other_stimuli_the_videos_rows_count(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    text = "viewer;video;onset_s;duration_s;x_px;y_px\n"
    text += "P1;v.mp4;0,1;0,3;20,5;30,5\nP1;intro.png;0,1;0,3;60,5;90,5\n"
    write_text(workspace.path("data/fixations/v.csv"), text)
    attention_heatmap.main(workspace)
    assert peak(heatmap(workspace, "v-Scene-001-01.jpg")) == (30, 20)


def test_fixations_outside_the_frame_are_counted_and_said(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    inside = (0.1, 0.3, 20, 30)
    write_fixations(workspace.root, "v", inside, inside, inside, (0.1, 0.3, -3, 30))
    attention_heatmap.main(workspace)
    assert "most of v: 1 (25.0%) outside the frame" in caplog.text


def test_scenes_without_a_file_without_fixations_or_without_times_are_refused(
    workspace: Workspace,
) -> None:
    scenes = make_cuts(workspace, {"early": 2, "header": 1, "missing": 1, "timeless": 1}, SIZE)
    timeless = scenes[-1]._replace(start_s=None, end_s=None)
    write_cuts(workspace.path(CUTS_CSV), [*scenes[:-1], timeless])
    for video_id in ("early", "timeless"):
        write_fixations(workspace.root, video_id, (0.1, 0.3, 20, 30))
    write_fixations(workspace.root, "header")
    attention_heatmap.main(workspace)
    assert list(tree(workspace.path(HEATMAPS))) == ["early/early-Scene-001-01.jpg"]
    refused = read_rejections(workspace.path(REFUSED))
    assert {one.reason for one in refused} == {Reason.NO_FIXATIONS}
    assert [(one.video_id, one.found) for one in refused] == [
        ("early", "none in the frame from 1.000 to 2.000 s; the file's last ends at 0.400 s"),
        ("header", "none in the frame from 0.000 to 1.000 s; the file's last ends at 0.000 s"),
        ("missing", "no such file"),
        ("timeless", "the scene's times are unknown: put scenes.csv beside the imported cuts"),
    ]


def test_an_edited_viewer_file_remakes_its_video_alone(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    make_cuts(workspace, {"a": 1, "b": 1}, SIZE)
    for video_id in ("a", "b", "orphan"):
        write_fixations(workspace.root, video_id, (0.1, 0.3, 20, 30))
    attention_heatmap.main(workspace)
    assert "belong to no video that was cut into scenes: 1 files" in caplog.text
    before = written_at(workspace.path(HEATMAPS), "jpg")
    write_fixations(workspace.root, "b", (0.1, 0.3, 50, 70))
    attention_heatmap.main(workspace)
    after = written_at(workspace.path(HEATMAPS), "jpg")
    assert after["a-Scene-001-01.jpg"] == before["a-Scene-001-01.jpg"]
    assert peak(heatmap(workspace, "b-Scene-001-01.jpg")) == (70, 50)


def test_a_model_predicts_where_nobody_was_recorded(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    set_params(workspace, "{source: saliency}")
    attention_heatmap.main(workspace)
    with Image.open(workspace.path(f"{HEATMAPS}/v/v-Scene-001-01.jpg")) as image:
        comment = b"gazeshift heatmap_source=predicted model=spectral_residual"
        assert image.info["comment"] == comment
        assert image.size == SIZE[::-1]
        assert image.getextrema()[1] == 255


def test_a_predictor_that_sees_another_image_size_maps_anew(workspace: Workspace) -> None:
    def maps(image_size: int) -> dict[str, bytes]:
        section = "{source: predictor, input: models/untrained}"
        set_params(workspace, f"{section}\nimage_size: {image_size}")
        attention_heatmap.main(workspace)
        return tree(workspace.path(HEATMAPS))

    make_cuts(workspace, {"v": 2}, SIZE)
    torch.manual_seed(0)
    save_predictor(AttentionNetwork(NetworkConfig()), workspace.path("models/untrained"))
    first, second = maps(64), maps(32)
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)
    assert maps(64) == first


def test_a_python_file_of_ones_own_maps_scenes(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    source = "import numpy as np\ndef attention_map(image): return np.eye(*image.shape[:2])"
    write_bytes(workspace.path("models/own.py"), source.encode())
    set_params(workspace, "{source: predictor, input: models/own.py}\nimage_size: 64")
    attention_heatmap.main(workspace)
    found = heatmap(workspace, "v-Scene-001-01.jpg")
    assert min(found[0, 0], found[-1, -1]) > 200 > found[0, -1]


def test_a_damaged_scene_image_is_refused(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 2}, SIZE)
    write_bytes(workspace.path(f"{CUTS}/v/v-Scene-001-01.jpg"), b"no image")
    set_params(workspace, "{source: saliency}")
    attention_heatmap.main(workspace)
    assert refusals(workspace, "attention_heatmap") == [("v", 1, Reason.UNREADABLE_IMAGE)]
    assert list(tree(workspace.path(HEATMAPS))) == ["v/v-Scene-002-01.jpg"]


def test_existing_heatmaps_are_taken_over_byte_for_byte(workspace: Workspace) -> None:
    set_params(workspace, "{source: folder, input: data/import/attention_heatmap}")
    folder = workspace.path("data/import/attention_heatmap")
    write_bytes(folder / "v/v-Scene-001-01.jpg", encode(np.eye(8, dtype=np.uint8) * 200, "jpg"))
    attention_heatmap.main(workspace)
    assert tree(workspace.path(HEATMAPS)) == tree(folder)


def test_a_change_of_source_leaves_nothing_behind(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 2}, SIZE)
    write_fixations(workspace.root, "v", (0.1, 0.3, 20, 30))
    attention_heatmap.main(workspace)
    recorded = tree(workspace.root / HEATMAPS)
    set_params(workspace, "{source: saliency}")
    attention_heatmap.main(workspace)
    assert len(tree(workspace.root / HEATMAPS)) == 2
    set_params(workspace, "{pixels_per_degree: 6}")
    attention_heatmap.main(workspace)
    assert tree(workspace.root / HEATMAPS) == recorded


def test_a_missing_input_is_named(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, SIZE)
    with pytest.raises(InputError, match=r"attention_heatmap\.input: there is no data/fixations"):
        attention_heatmap.main(workspace)

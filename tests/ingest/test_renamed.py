"""Renamed files: a refusal ends with its cause, and names the file as it is called now."""

import numpy as np
import pytest
from ingest_inputs import write_outlines, write_video
from scene_trees import write_validate_inputs

from pipeline.ground import artefacts
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.scenes.cuts import read_cuts
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.keyword_masks import stage as keyword_masks
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.params import ValidateParams
from schemas.rejected_scenes import Reason


def refused(workspace: Workspace, report: str) -> list[tuple[str, Reason]]:
    return [(one.file, one.reason) for one in read_rejections(workspace.path(report))]


def rename(workspace: Workspace, old: str, new: str) -> None:
    workspace.path(new).parent.mkdir(parents=True, exist_ok=True)
    workspace.path(old).rename(workspace.path(new))


def cut(workspace: Workspace) -> tuple[list[str], list[tuple[str, Reason]]]:
    write_text(workspace.path("params.yaml"), "compute: {n_jobs: 1}\n")
    scene_cuts.main(workspace)
    cut = [scene.video_id for scene in read_cuts(workspace.path(artefacts.CUTS_CSV))]
    return cut, refused(workspace, scene_cuts.REFUSED)


def test_a_videos_suffix_is_judged_anew_in_every_run(workspace: Workspace) -> None:
    write_video(workspace.path("data/videos/v00.mp4"), shots=[5])
    rename(workspace, "data/videos/v00.mp4", "data/videos/v00.webm")
    wrong = ("data/videos/v00.webm", Reason.VIDEO_UNREADABLE)
    assert cut(workspace) == ([], [wrong])
    rename(workspace, "data/videos/v00.webm", "data/videos/v00.mp4")
    assert cut(workspace) == (["v00"], [])
    rename(workspace, "data/videos/v00.mp4", "data/videos/v00.webm")
    assert cut(workspace) == ([], [wrong])
    assert not workspace.path(f"{artefacts.CUTS}/v00").exists()


def test_a_file_of_another_kind_takes_no_videos_place(workspace: Workspace) -> None:
    write_video(workspace.path("data/videos/v00.mp4"), shots=[5])
    write_bytes(workspace.path("data/videos/v00.avi"), b"not a video")
    assert cut(workspace) == (["v00"], [("data/videos/v00.avi", Reason.VIDEO_UNREADABLE)])


def test_a_refused_video_is_called_by_its_name(workspace: Workspace) -> None:
    for name in ("data/videos/v00.mp4", "data/videos/v00.mov"):
        if name.endswith("mp4"):
            write_bytes(workspace.path(name), b"not a video")
        else:
            rename(workspace, "data/videos/v00.mp4", name)
        assert cut(workspace) == ([], [(name, Reason.VIDEO_UNREADABLE)])


@pytest.mark.parametrize("folder", ["data/annotations", "data/annotations/more"])
def test_refused_outlines_are_called_by_their_name(workspace: Workspace, folder: str) -> None:
    write_video(workspace.path("data/videos/v00.mp4"), shots=[5])
    cut(workspace)
    write_outlines(workspace.root, "v00", (10, 10))
    keyword_masks.main(workspace)
    if folder != "data/annotations":
        rename(workspace, "data/annotations/v00.json", f"{folder}/v00.json")
        keyword_masks.main(workspace)
    [(file, _)] = refused(workspace, keyword_masks.REFUSED)
    assert file == f"{folder}/v00.json"


def judged(workspace: Workspace) -> list[tuple[str, Reason]]:
    rejections = validate.judge(workspace, ValidateParams()).rejections
    return [(one.file, one.reason) for one in rejections]


def test_a_refused_mask_is_called_by_its_name(workspace: Workspace) -> None:
    write_validate_inputs(workspace.root, {"v00": 2})
    mask = "keyword_masks/v00/v00-Scene-002-01.png"
    write_bytes(workspace.path(mask), encode(np.full((96, 54), 9, np.uint8), "png"))
    assert judged(workspace) == [(mask, Reason.MASK_EMPTY)]
    moved = "keyword_masks/v00-Scene-002-01.png"
    rename(workspace, mask, moved)
    assert judged(workspace) == [(moved, Reason.MASK_EMPTY)]

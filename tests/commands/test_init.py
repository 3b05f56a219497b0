import json
import shutil
from pathlib import Path

import pytest
import yaml
from dvc_repository import OURS, DvcRepository
from ingest_inputs import write_video

from pipeline.commands import init
from pipeline.commands.check_setup import load_params
from pipeline.commands.init_settings import image_size
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import write_text
from pipeline.ground.params import read_params
from pipeline.ground.workspace import Workspace

DEMO = ("data/videos/demo.mp4", "data/annotations/demo.json", "data/CORPUS.md")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the demo's params and inputs like the demo's; only read."""
    root = tmp_path_factory.mktemp("demo")
    repository = DvcRepository(root)
    repository.init()
    shutil.copy(OURS / "params.yaml", root)
    write_video(root / DEMO[0])
    for name in DEMO[1:]:
        write_text(root / name, "the demo's")
    places = ("data/videos", "data/annotations", "data/CORPUS.md")
    outs = [{"path": place, "remote": "demo"} for place in places]
    write_text(root / "data.dvc", yaml.safe_dump({"outs": outs}))
    repository.dvc("remote", "add", "demo", str(root / "remote"))
    repository.dvc("commit", "-q", "-f", "data.dvc")
    return root


@pytest.fixture
def workspace(demo: Path, tmp_path: Path) -> Workspace:
    """A copy of it, with a video of one's own, 64 wide and 96 high, and its keyword."""
    root = tmp_path / "copy"
    shutil.copytree(demo, root)
    write_video(root / "data/videos/own.mp4", size=(96, 64))
    write_text(root / "data/keywords.csv", "video_id,keyword\nown,mug\n")
    return Workspace(root)


def tracked(workspace: Workspace) -> dict[str, dict[str, str]]:
    outs = yaml.safe_load(workspace.path("data.dvc").read_text())["outs"]
    return {out.pop("path"): out for out in outs}


def test_videos_and_keywords_alone_take_the_demos_place(workspace: Workspace, capsys) -> None:
    assert init.main(workspace, yes=True) == 0
    assert not any(workspace.path(name).exists() for name in DEMO)
    assert workspace.path("data/videos/own.mp4").is_file()
    assert tracked(workspace).keys() == {"data/videos", "data/keywords.csv"}
    assert all(out["md5"] and "remote" not in out for out in tracked(workspace).values())
    load_params(workspace)
    params = read_params(workspace)
    assert params["keyword_masks"]["source"] == "clipseg"
    assert params["attention_heatmap"]["model"] == params["edit"]["guide"] == "people_a"
    assert params["evaluate"]["judge"] == "people_b"
    assert not {"people_a", "people_b"} & {*params["evaluate"]["panel"]}
    assert "demo" not in json.dumps(params["evaluate"])
    assert "dvc repro edit" in capsys.readouterr().out
    text = workspace.path("params.yaml").read_text()
    assert "# annotations | clipseg | folder" in text
    assert init.main(workspace) == 0
    assert workspace.path("params.yaml").read_text() == text
    assert "as proposed" not in capsys.readouterr().out


def test_nothing_is_written_or_removed_before_it_is_agreed_to(workspace: Workspace, capsys) -> None:
    before = {path: path.read_bytes() for path in workspace.root.glob("[dp]*/**/*.*")}
    texts = [workspace.path(name).read_text() for name in ("data.dvc", "params.yaml")]
    assert init.main(workspace) == 1
    shown = capsys.readouterr().out
    assert "+  source: clipseg" in shown
    assert "3 files of the demo are removed" in shown
    assert {path: path.read_bytes() for path in workspace.root.glob("[dp]*/**/*.*")} == before
    assert [workspace.path(name).read_text() for name in ("data.dvc", "params.yaml")] == texts


def test_a_file_of_the_demo_that_was_changed_is_ones_own(workspace: Workspace) -> None:
    write_text(workspace.path("data/annotations/demo.json"), "mine")
    assert init.main(workspace, yes=True) == 0
    assert workspace.path("data/annotations/demo.json").read_text() == "mine"
    assert read_params(workspace)["keyword_masks"]["source"] == "annotations"


def test_without_ads_or_keywords_it_says_what_to_put_where(workspace: Workspace, capsys) -> None:
    workspace.path("data/keywords.csv").unlink()
    assert init.main(workspace, yes=True) == 1
    assert "own" in workspace.path("data/keywords.csv").read_text()
    assert "demo" not in workspace.path("data/keywords.csv").read_text()
    assert "run `gazeshift init` again" in capsys.readouterr().out
    workspace.path("data/videos/own.mp4").unlink()
    with pytest.raises(InputError, match="there are no ads yet; the demo's do not count"):
        init.main(workspace, yes=True)


def test_what_the_files_do_not_say_is_asked_by_the_name_of_its_option(workspace) -> None:
    write_text(workspace.path("data/fixations/own.csv"), "viewer,onset_s,duration_s,x_px,y_px\n")
    with pytest.raises(InputError, match="--pixels-per-degree NUMBER"):
        init.main(workspace, yes=True)
    write_text(workspace.path("data/annotations/own.json"), "{}")
    write_text(workspace.path("data/import/keyword_masks/own/own-Scene-001-01.png"), "")
    with pytest.raises(InputError, match=r"--masks annotations\|folder"):
        init.main(workspace, pixels_per_degree=30.0, yes=True)
    with pytest.raises(InputError, match=r"--attention folder: .*attention_heatmap holds no files"):
        init.main(workspace, masks="folder", attention="folder", yes=True)
    assert init.main(workspace, masks="folder", pixels_per_degree=30.0, yes=True) == 0
    params = read_params(workspace)
    assert params["keyword_masks"]["input"] == "data/import/keyword_masks"
    assert params["attention_heatmap"]["pixels_per_degree"] == 30
    assert params["edit"]["guide"] == "outputs/attention_model"
    assert "data/import/keyword_masks" in tracked(workspace)


def test_another_backbone_brings_its_size_and_the_training_that_suits_it(workspace) -> None:
    assert init.main(workspace, yes=True) == 0
    assert init.main(workspace, backbone="someone/stable-diffusion", yes=True) == 0
    load_params(workspace)
    params = read_params(workspace)
    assert params["model"]["backbone"] == "someone/stable-diffusion"
    assert params["image_size"] == [640, 448]
    assert params["train"]["steps"] == 20_000
    assert params["distil"]["depth"] == params["edit"]["depth"]
    assert params["train"]["gradient_checkpointing"] is True


def test_the_size_suits_the_backbone_and_the_pictures(tmp_path: Path) -> None:
    assert image_size(tmp_path, 9 / 16) == [704, 384]
    assert image_size(tmp_path, 1) == [512, 512]
    write_text(
        tmp_path / "unet/config.json",
        json.dumps({"sample_size": [44, 24], "block_out_channels": [1, 1, 1]}),
    )
    write_text(tmp_path / "vae/config.json", json.dumps({"block_out_channels": [1, 1, 1]}))
    assert image_size(tmp_path, 9 / 16) == [176, 96]
    write_text(tmp_path / "vae/config.json", "{}")
    with pytest.raises(ParamsError, match=r"model\.backbone: .* describes no UNet"):
        image_size(tmp_path, 1)

"""Stage keyword_masks: from outlines, from a tiny real CLIPSeg, from masks that exist."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ingest_inputs import make_cuts, square, write_outlines
from stage_runs import refusals, tree, written_at

from pipeline.ground.artefacts import CUTS, CUTS_CSV, MASKS
from pipeline.ground.errors import InputError
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode, read_grey
from pipeline.scenes.cuts import write_cuts
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.keyword_masks import stage as keyword_masks
from pipeline.stages.keyword_masks.stage import REFUSED
from schemas.rejected_scenes import Reason

SIZE = (96, 64)


def set_params(workspace: Workspace, section: str = "{}") -> None:
    write_text(workspace.path("params.yaml"), f"compute: {{n_jobs: 1}}\nkeyword_masks: {section}\n")


def masks(workspace: Workspace) -> list[str]:
    return [Path(path).name for path in tree(workspace.path(MASKS))]


def test_outlines_become_masks_of_the_scenes_that_show_them(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 3}, SIZE)
    write_outlines(
        workspace.root, "v", SIZE, (0, 0, 0.999, square(4, 8)), (0, 1, 1.2, square(0, 0))
    )
    keyword_masks.main(workspace)
    assert masks(workspace) == ["v-Scene-001-01.png"]
    mask = read_grey(workspace.path(f"{MASKS}/v/v-Scene-001-01.png"))
    assert mask.shape == SIZE
    assert (mask[8:18, 4:14] == 255).all()
    assert mask.sum() == 100 * 255
    assert refusals(workspace, "keyword_masks") == [
        ("v", 2, Reason.KEYWORD_NOT_IN_SCENE),
        ("v", 3, Reason.KEYWORD_NOT_IN_SCENE),
    ]


def test_outlines_are_scaled_to_the_scenes_image(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 1}, (2 * SIZE[0], 2 * SIZE[1]))
    write_outlines(workspace.root, "v", SIZE, (0, 0, 1, square(4, 8)))
    keyword_masks.main(workspace)
    mask = read_grey(workspace.path(f"{MASKS}/v/v-Scene-001-01.png"))
    assert mask[16:36, 8:28].all()
    assert mask.sum() == 400 * 255


def test_further_keywords_get_masks_beside_the_first(workspace: Workspace) -> None:
    make_cuts(workspace, {"v": 2}, SIZE)
    write_outlines(workspace.root, "v", SIZE, (0, 0, 0.9, square(0, 0)), (1, 0, 2, square(30, 30)))
    keyword_masks.main(workspace)
    assert masks(workspace) == ["v-Scene-001-01.k1.png", "v-Scene-001-01.png"]
    assert refusals(workspace, "keyword_masks") == [("v", 2, Reason.KEYWORD_NOT_IN_SCENE)]


def test_bad_outline_files_refuse_their_scenes_and_the_rest_go_on(workspace: Workspace) -> None:
    make_cuts(workspace, {"broken": 2, "good": 1, "missing": 1, "turned": 1}, SIZE)
    write_outlines(workspace.root, "good", SIZE, (0, 0, 1, square(0, 0)))
    write_text(workspace.path("data/annotations/broken.json"), "{")
    write_outlines(workspace.root, "turned", SIZE[::-1])
    keyword_masks.main(workspace)
    assert masks(workspace) == ["good-Scene-001-01.png"]
    assert refusals(workspace, "keyword_masks") == [
        ("broken", 1, Reason.ANNOTATION_UNREADABLE),
        ("broken", 2, Reason.ANNOTATION_UNREADABLE),
        ("missing", 1, Reason.MISSING_MASK),
        ("turned", 1, Reason.ASPECT_RATIO_DIFFERS),
    ]


@pytest.mark.parametrize("unit", [1000, 25], ids=["milliseconds", "frames"])
def test_outlines_whose_times_are_no_seconds_are_refused(workspace: Workspace, unit: int) -> None:
    """Else most scenes would seem not to show the product, and some would show it elsewhere."""
    make_cuts(workspace, {"v": 3}, SIZE)
    write_outlines(workspace.root, "v", SIZE, (0, 0, 3 * unit, square(0, 0)))
    keyword_masks.main(workspace)
    assert refusals(workspace, "keyword_masks") == [
        ("v", number, Reason.ANNOTATION_UNREADABLE) for number in (1, 2, 3)
    ]
    first, *_ = read_rejections(workspace.path(REFUSED))
    assert f"goes on to {3 * unit} s, the video ends at 3.000 s" in first.found


def test_a_scene_at_an_unknown_time_has_no_outline(workspace: Workspace) -> None:
    scenes = make_cuts(workspace, {"v": 1}, SIZE)
    write_cuts(workspace.path(CUTS_CSV), [scenes[0]._replace(image_time_s=None)])
    write_outlines(workspace.root, "v", SIZE, (0, 0, 1, square(0, 0)))
    keyword_masks.main(workspace)
    (refusal,) = read_rejections(workspace.path(REFUSED))
    # Not that the product is not shown: nobody can tell.
    assert refusal.reason is Reason.MISSING_MASK
    assert refusal.found.startswith("the image's time is unknown")


def test_a_changed_outline_file_remakes_its_video_alone(workspace: Workspace) -> None:
    make_cuts(workspace, {"a": 1, "b": 1}, SIZE)
    for video_id in ("a", "b"):
        write_outlines(workspace.root, video_id, SIZE, (0, 0, 1, square(0, 0)))
    keyword_masks.main(workspace)
    before = written_at(workspace.path(MASKS), "png")
    write_outlines(workspace.root, "b", SIZE, (0, 0, 1, square(20, 20)))
    keyword_masks.main(workspace)
    after = written_at(workspace.path(MASKS), "png")
    assert after["a-Scene-001-01.png"] == before["a-Scene-001-01.png"]
    assert read_grey(workspace.path(f"{MASKS}/b/b-Scene-001-01.png"))[25, 25] == 255


def test_existing_masks_are_taken_over_byte_for_byte(workspace: Workspace) -> None:
    set_params(workspace, "{source: folder, input: data/import/keyword_masks}")
    folder = workspace.path("data/import/keyword_masks")
    for name in ("v/v-Scene-001-01.png", "v/v-Scene-001-01.k1.png"):
        write_bytes(folder / name, encode(np.full(SIZE, len(name), np.uint8), "png"))
    write_bytes(folder / "v/mask.png", b"")
    keyword_masks.main(workspace)
    theirs = tree(folder)
    del theirs["v/mask.png"]
    assert tree(workspace.path(MASKS)) == theirs
    assert refusals(workspace, "keyword_masks") == [("", None, Reason.NAME_DOES_NOT_PARSE)]


def test_without_cuts_the_stage_to_run_is_named(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="dvc repro scene_cuts"):
        keyword_masks.main(workspace)


@pytest.fixture(scope="module")
def tiny_clipseg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real CLIPSeg with random weights and a vocabulary of letters, saved as safetensors."""
    import torch
    from transformers import (
        CLIPSegConfig,
        CLIPSegForImageSegmentation,
        CLIPSegProcessor,
        CLIPTokenizer,
        ViTImageProcessor,
    )

    folder = tmp_path_factory.mktemp("clipseg")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    write_text(folder / "vocab.json", json.dumps(vocabulary))
    write_text(folder / "merges.txt", "#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )
    layers = {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_size": 16}
    torch.manual_seed(0)
    config = CLIPSegConfig(
        text_config={
            **layers,
            "vocab_size": len(words),
            "intermediate_size": 32,
            "max_position_embeddings": 16,
            "eos_token_id": vocabulary["<|endoftext|>"],
            "bos_token_id": vocabulary["<|startoftext|>"],
            "pad_token_id": vocabulary["<|endoftext|>"],
        },
        vision_config={**layers, "intermediate_size": 32, "image_size": 32, "patch_size": 8},
        projection_dim=16,
        reduce_dim=8,
        extract_layers=[0, 1, 2],
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
    )
    processor = ViTImageProcessor(size={"height": 32, "width": 32})
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    CLIPSegProcessor(image_processor=processor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture
def clipseg(workspace: Workspace, tiny_clipseg: Path) -> Workspace:
    """A data root with cuts of four videos, three of them with something to look for or not."""
    workspace.path("models").mkdir()
    workspace.path("models/clipseg").symlink_to(tiny_clipseg)
    make_cuts(workspace, {"a": 2, "b": 1, "blank": 1, "shop": 1, "unlisted": 1}, SIZE)
    rows = "_id,keyword_list[0],keyword_list[1]\na,shoe,lamp\nb,cup,\nblank,,\nshop,shop now,\n"
    write_text(workspace.path("data/keywords.csv"), rows)
    return workspace


def set_clipseg(workspace: Workspace, threshold: float, batch_size: int = 2) -> None:
    set_params(
        workspace,
        "{source: clipseg, input: data/keywords.csv, model: models/clipseg, "
        f"threshold: {threshold}, batch_size: {batch_size}}}",
    )


def test_clipseg_makes_masks_and_is_not_asked_for_what_one_cannot_see(clipseg: Workspace) -> None:
    set_clipseg(clipseg, threshold=1e-9)
    keyword_masks.main(clipseg)
    assert masks(clipseg) == [
        "a-Scene-001-01.k1.png",
        "a-Scene-001-01.png",
        "a-Scene-002-01.k1.png",
        "a-Scene-002-01.png",
        "b-Scene-001-01.png",
    ]
    assert read_grey(clipseg.path(f"{MASKS}/a/a-Scene-001-01.png")).shape == SIZE
    assert refusals(clipseg, "keyword_masks") == [
        ("blank", None, Reason.KEYWORD_BLANK),
        ("shop", None, Reason.KEYWORD_NOT_VISUAL),
        ("unlisted", None, Reason.KEYWORD_MISSING),
    ]


def test_clipseg_masks_are_the_models_own_answer(clipseg: Workspace, tiny_clipseg: Path) -> None:
    import cv2
    import torch
    from PIL import Image
    from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

    image = Image.open(clipseg.path(f"{CUTS}/a/a-Scene-001-01.jpg"))
    model = CLIPSegForImageSegmentation.from_pretrained(tiny_clipseg).eval()
    inputs = CLIPSegProcessor.from_pretrained(tiny_clipseg)(
        text=["shoe"], images=[image], padding="max_length", return_tensors="pt"
    )
    with torch.no_grad():
        probability = torch.sigmoid(model(**inputs).logits).reshape(32, 32).numpy()
    probability = cv2.resize(probability, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    threshold = float(np.median(probability))

    set_clipseg(clipseg, threshold)
    keyword_masks.main(clipseg)
    mask = read_grey(clipseg.path(f"{MASKS}/a/a-Scene-001-01.png")) > 0
    assert 0.3 < mask.mean() < 0.7
    assert (mask == (probability > threshold)).mean() > 0.99


def test_a_scene_in_which_clipseg_finds_nothing_is_refused(clipseg: Workspace) -> None:
    set_clipseg(clipseg, threshold=1 - 1e-9)
    keyword_masks.main(clipseg)
    assert masks(clipseg) == []
    assert ("b", 1, Reason.KEYWORD_NOT_IN_SCENE) in refusals(clipseg, "keyword_masks")


def test_clipseg_remakes_only_scenes_whose_keywords_or_image_changed(clipseg: Workspace) -> None:
    set_clipseg(clipseg, threshold=1e-9)
    keyword_masks.main(clipseg)
    before = written_at(clipseg.path(MASKS), "png")
    write_text(clipseg.path("data/keywords.csv"), "_id,keyword\na,shoe\nb,cup\n")
    set_clipseg(clipseg, threshold=1e-9, batch_size=7)
    keyword_masks.main(clipseg)
    after = written_at(clipseg.path(MASKS), "png")
    assert after.keys() == {"a-Scene-001-01.png", "a-Scene-002-01.png", "b-Scene-001-01.png"}
    assert {name for name in after if after[name] == before[name]} == {"b-Scene-001-01.png"}


def test_a_damaged_scene_image_is_refused_and_the_batch_goes_on(clipseg: Workspace) -> None:
    write_bytes(clipseg.path(f"{CUTS}/a/a-Scene-001-01.jpg"), b"no image")
    set_clipseg(clipseg, threshold=1e-9)
    keyword_masks.main(clipseg)
    assert ("a", 1, Reason.UNREADABLE_IMAGE) in refusals(clipseg, "keyword_masks")
    assert "a-Scene-002-01.png" in masks(clipseg)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 603\n"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.safetensors", None, r"1 missing \(.*1 not known to it \(extra\)"),
        ("model.safetensors", b"garbage", "model.safetensors is no safetensors file"),
        ("model.safetensors", POINTER, "a pointer of Git LFS: `git lfs pull`"),
        ("config.json", b"[]", "config.json must hold a JSON object"),
        ("processor_config.json", b"{", "no CLIPSegProcessor that can be read"),
        ("tokenizer.json", b"", "no CLIPSegProcessor that can be read"),
    ],
    ids=["tensors", "garbage", "pointer", "config", "processor", "tokenizer"],
)
def test_a_damaged_model_is_named(
    tiny_clipseg: Path, tmp_path: Path, file: str, content: bytes | None, words: str
) -> None:
    from safetensors.torch import load_file, save_file

    from pipeline.stages.keyword_masks.clipseg import ClipSeg

    folder = shutil.copytree(tiny_clipseg, tmp_path / "damaged")
    if content is None:
        weights = load_file(folder / file)
        weights["extra"] = weights.pop(min(weights))
        save_file(weights, folder / file, {"format": "pt"})
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=rf"^keyword_masks\.model: .*{words}.*Copy the model"):
        ClipSeg(folder)


def test_a_model_that_is_not_there_is_named_with_the_remedy(
    clipseg: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    set_params(clipseg, "{source: clipseg, input: data/keywords.csv, model: nobody/nothing}")
    with pytest.raises(InputError, match=r"'nobody/nothing' is no folder here.*hf download"):
        keyword_masks.main(clipseg)


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(clipseg: Workspace) -> None:
    set_params(clipseg, "{source: clipseg, input: data/keywords.csv, model: models/gone}")
    with pytest.raises(InputError, match="there is no folder models/gone here") as refused:
        keyword_masks.main(clipseg)
    assert "hf download" not in str(refused.value)


def test_pickled_weights_are_never_loaded(clipseg: Workspace, tiny_clipseg: Path) -> None:
    import torch

    shutil.copytree(tiny_clipseg, clipseg.path("models/pickled"))
    clipseg.path("models/pickled/model.safetensors").unlink()
    torch.save({}, clipseg.path("models/pickled/pytorch_model.bin"))
    set_params(clipseg, "{source: clipseg, input: data/keywords.csv, model: models/pickled}")
    with pytest.raises(InputError, match=r"no file named model\.safetensors"):
        keyword_masks.main(clipseg)

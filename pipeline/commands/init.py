"""`gazeshift init`: make data.dvc and params.yaml fit the ads that lie below data/."""

from __future__ import annotations

import difflib
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import CommentedSeq

from pipeline.attention.models import READOUTS
from pipeline.commands.init_settings import (
    ATTENTION_INPUTS,
    GUIDE_OF_PEOPLE,
    INPUTS,
    MASK_INPUTS,
    OWN_CUTS,
    Choices,
    Settings,
    backbone_settings,
    changed,
    guide_of,
    ingest_settings,
    observer_settings,
    value_of,
)
from pipeline.ground.artefacts import KEYWORDS, VIDEOS
from pipeline.ground.errors import InputError, ParamsError
from pipeline.ground.files import md5, write_text
from pipeline.ground.params import ModelParams, read_params
from pipeline.ground.places import MARKER
from pipeline.ground.tables import write_table
from pipeline.ground.terminal import say
from pipeline.ground.workspace import TRACKED, Workspace
from pipeline.ingest.inputs import list_files
from pipeline.pictures.reading import ImageRefused, read_size
from pipeline.video.decoding import VIDEO_SUFFIXES, VideoUnreadable, open_video

_DEMO_REMOTE = "demo"
_LOOKED_AT = 20
"""Videos or cuts whose size is looked at."""


def main(
    workspace: Workspace,
    masks: str | None = None,
    attention: str | None = None,
    pixels_per_degree: float | None = None,
    backbone: str | None = None,
    yes: bool = False,
) -> int:
    """Remove the demo's inputs, and write what is there instead into data.dvc and params.yaml.

    What cannot be told is asked on a terminal. The differences are shown, and nothing is written
    or removed before they are agreed to; `yes` agrees. Doing it again changes what is new alone.

    Raises:
        InputError: there are no ads or keywords, or something cannot be told and nobody is there to
            be asked.
        ParamsError: params.yaml is no YAML.
    """
    demo = _demo_files(workspace)
    own = {place: _files(workspace, place, demo) for place in INPUTS}
    _require_ads(own)
    if not own[KEYWORDS]:
        return _write_keywords(workspace, own)
    values = _read_params(workspace)
    from_demo = workspace.holds_demo
    choices = Choices(
        cuts="videos" if own[VIDEOS] else "folder",
        masks=_source("masks", "clipseg", MASK_INPUTS, own, masks),
        attention=_source("attention", "saliency", ATTENTION_INPUTS, own, attention),
        pixels_per_degree=pixels_per_degree,
        backbone=backbone or _backbone(workspace, values),
        aspect=_aspect(own),
    )
    other_gaze = from_demo or choices.attention != value_of(values, "attention_heatmap.source")
    if choices.attention == "fixations" and other_gaze and pixels_per_degree is None:
        choices = choices._replace(pixels_per_degree=_ask_pixels_per_degree())
    for model in (choices.backbone, READOUTS):
        _bring(workspace, model)
    settings = ingest_settings(choices)
    if other_gaze:
        settings["edit.guide"] = guide_of(choices.attention)
    if from_demo:
        settings |= observer_settings(choices)
    if from_demo or choices.backbone != value_of(values, "model.backbone"):
        settings |= backbone_settings(choices, workspace.root)
    params = _with(values, settings)
    tracked = _with_inputs(workspace, own, demo)
    files = {MARKER: params, TRACKED: tracked} if tracked else {MARKER: params}
    differences = [*_difference(workspace, files), *_removed(workspace, demo)]
    say(*differences)
    if differences and not yes and not _agreed():
        say("Nothing was changed; `--yes` agrees.")
        return 1
    # First what can be had again: while data.dvc knows the demo, it is told from one's own.
    for path in demo:
        path.unlink()
    for name, text in files.items():
        write_text(workspace.path(name), text)
    if tracked:
        say("", f"dvc commit -f {TRACKED}")
        _dvc(workspace, "commit", "--force", TRACKED)
    say("", *_next(choices))
    return 0


def _demo_files(workspace: Workspace) -> list[Path]:
    """Return the files that are the demo's own, byte by byte: `dvc pull` brings them back."""
    tracked = _tracked(workspace).get("outs", [])
    known: dict[Path, str] = {}
    for out in tracked:
        place = workspace.path(out["path"])
        if out.get("remote") != _DEMO_REMOTE or not place.exists():
            continue
        if not str(out.get("md5", "")).endswith(".dir"):
            known[place] = str(out.get("md5"))
            continue
        options = ("--recursive", "--dvc-only", "--show-hash", "--json")
        listed = json.loads(_dvc(workspace, "list", ".", out["path"], *options))
        known |= {place / entry["path"]: entry["md5"] for entry in listed if not entry["isdir"]}
    return sorted(
        path for path, known_md5 in known.items() if path.is_file() and md5(path) == known_md5
    )


def _tracked(workspace: Workspace) -> dict[str, Any]:
    """Return what data.dvc holds; nothing where it is missing."""
    workspace.tracked_inputs()  # Refuses what is no such file.
    path = workspace.path(TRACKED)
    return _yaml().load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _files(workspace: Workspace, place: str, demo: Sequence[Path]) -> list[Path]:
    """Return the files at a place of inputs, without the demo's."""
    path = workspace.path(place)
    if not path.exists():
        return []
    files = list_files(workspace, path)[0] if path.is_dir() else [path]
    if place == VIDEOS:
        files = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    return sorted(set(files) - set(demo))


def _require_ads(own: dict[str, list[Path]]) -> None:
    if not own[VIDEOS] and not own[OWN_CUTS]:
        raise InputError(
            f"there are no ads yet; the demo's do not count. Put videos into {VIDEOS}/, named "
            f"{{video_id}}.mp4, or images of scenes that were cut already into {OWN_CUTS}/."
        )


def _write_keywords(workspace: Workspace, own: dict[str, list[Path]]) -> int:
    """Write a table with a row for each video, to be filled in; return the exit status."""
    import pandas as pd

    videos = own[VIDEOS] or [path.parent for path in own[OWN_CUTS]]
    ids = sorted({path.stem for path in videos})
    table = pd.DataFrame({"video_id": ids, "keyword": ""})
    write_table(workspace.path(KEYWORDS), table)
    say(
        f"There was no {KEYWORDS} of yours. It is there now, with a row for each of {len(ids)} "
        "videos: write into the column `keyword` what each advertises, a thing that one can see, "
        "then run `gazeshift init` again."
    )
    return 1


def _source(
    option: str,
    predicted: str,
    places: dict[str, str],
    own: dict[str, list[Path]],
    asked: str | None,
) -> Any:
    """Return where masks or attention come from: of what is there, else of a model."""
    there = [name for name, place in places.items() if name != predicted and own.get(place)]
    if asked is None:
        if len(there) < 2:
            return there[0] if there else predicted
        found = " and ".join(f"{places[name]} ({name})" for name in there)
        return _ask(f"{found} hold files. Which is to be used?", there, option)
    if asked not in {*there, predicted}:
        raise InputError(f"--{option} {asked}: {places[asked]} holds no files of yours.")
    return asked


def _backbone(workspace: Workspace, values: dict[str, Any]) -> str:
    """Return what params.yaml says; in place of the demo's, what else lies below models/."""
    demo = ModelParams().backbone
    present = str(value_of(values, "model.backbone", demo))
    found = (path.parent for path in workspace.path("models").glob("*/model_index.json"))
    others = sorted({workspace.relative(path) for path in found} - {demo})
    if present != demo or not others:
        return present
    return others[0] if len(others) == 1 else _ask("Which backbone?", others, "backbone")


def _aspect(own: dict[str, list[Path]]) -> float:
    """Return the width by height that is the commonest among some videos or cuts."""
    files = own[VIDEOS] or own[OWN_CUTS]
    aspects: Counter[float] = Counter()
    fault = ""
    for path in files[:: max(1, len(files) // _LOOKED_AT)][:_LOOKED_AT]:
        try:
            height, width = _video_size(path) if own[VIDEOS] else read_size(path)
            aspects[width / height] += 1
        except (VideoUnreadable, ImageRefused) as error:
            fault = f"{path}: {error}"
    if not aspects:
        raise InputError(f"none of {len(files)} files could be read, the last of them {fault}.")
    return aspects.most_common(1)[0][0]


def _video_size(path: Path) -> tuple[int, int]:
    with open_video(path) as video:
        height, width = video.upright_rgb(next(video.frames())).shape[:2]
        return height, width


def _ask(question: str, answers: Sequence[str], option: str) -> str:
    """Return one of the answers, given on the terminal."""
    choices = "|".join(answers)
    while True:
        answer = _answer(f"{question} {choices}: ", f"--{option} {choices}")
        if answer in answers:
            return answer


def _ask_pixels_per_degree() -> float:
    question = (
        "How many pixels of the video, as it was shown, are a degree of visual angle "
        "(docs/data_format.md has the formula)? "
    )
    while True:
        answer = _answer(question, "--pixels-per-degree NUMBER")
        try:
            if float(answer) > 0:
                return float(answer)
        except ValueError:
            pass


def _answer(question: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"{question.strip(' :')}: the files do not say. Say {option}.")
    try:
        return input(question).strip()
    except EOFError:
        raise KeyboardInterrupt from None


def _agreed() -> bool:
    return sys.stdin.isatty() and _answer("Is that right? yes|no: ", "--yes") in ("y", "yes")


def _yaml() -> YAML:
    """Return a reader and writer that keeps comments, order and quotes."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 1 << 16, True
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _text(values: Any) -> str:
    text = io.StringIO()
    _yaml().dump(values, text)
    return text.getvalue()


def _read_params(workspace: Workspace) -> dict[str, Any]:
    read_params(workspace)  # Refuses what is no mapping.
    path = workspace.path(MARKER)
    try:
        return _yaml().load(path.read_text(encoding="utf-8")) or {}
    except YAMLError as error:
        raise ParamsError(f"{MARKER} is no YAML: {error}") from error


def _with(values: dict[str, Any], settings: Settings) -> str:
    """Return the text of params.yaml with those settings, its comments kept."""
    for name, value in changed(values, settings).items():
        if isinstance(value, list):
            value = CommentedSeq(value)
            value.fa.set_flow_style()
        section, _, parameter = name.partition(".")
        if not parameter:
            values[section] = value
        else:
            values.setdefault(section, {})[parameter] = value
    return _text(values)


def _with_inputs(
    workspace: Workspace, own: dict[str, list[Path]], demo: Sequence[Path]
) -> str | None:
    """Return the text of data.dvc with what is there, and nothing of the demo's."""
    tracked = _tracked(workspace)
    if not tracked:
        return None
    kept = [
        out
        for out in tracked["outs"]
        if out.get("remote") != _DEMO_REMOTE and workspace.path(out["path"]).exists()
    ]
    places = {out["path"] for out in kept}
    kept += [
        {"path": place, "hash": "md5"} for place in INPUTS if own[place] and place not in places
    ]
    header = "# The raw inputs, read-only; `dvc commit -f data.dvc` takes in what is new.\n"
    others = {name: value for name, value in tracked.items() if name != "outs"}
    return header + _text({"outs": [dict(out) for out in kept], **others})


def _difference(workspace: Workspace, files: dict[str, str]) -> Iterator[str]:
    for name, text in files.items():
        before = workspace.path(name).read_text(encoding="utf-8").splitlines()
        yield from difflib.unified_diff(
            before, text.splitlines(), f"{name}, as it is", f"{name}, as proposed", n=0, lineterm=""
        )


def _removed(workspace: Workspace, demo: Sequence[Path]) -> Iterator[str]:
    if demo:
        first = workspace.relative(demo[0])
        yield ""
        yield (
            f"{len(demo)} files of the demo are removed, the first is {first}. To have them back: "
            "`git checkout data.dvc params.yaml && dvc pull data.dvc`."
        )


def _dvc(workspace: Workspace, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    answer = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True)
    if answer.returncode:
        words = " ".join(answer.stderr.split())
        raise InputError(f"`dvc {' '.join(arguments)}` failed: {words}")
    return answer.stdout


def _bring(workspace: Workspace, model: str) -> None:
    """Pull a model that comes with the repository, where it is not there yet."""
    described = f"{model}.dvc"
    if workspace.path(described).is_file() and not workspace.path(model).exists():
        say(f"dvc pull {described}")
        _dvc(workspace, "pull", described)


def _next(choices: Choices) -> Iterator[str]:
    """Yield what to know of the choices, and what to run."""
    if choices.masks == "clipseg":
        yield (
            "The product is found by its keyword: CLIPSeg's weights come from the model hub the "
            "first time."
        )
    if choices.backbone == ModelParams().backbone:
        yield (
            f"{choices.backbone} has only ever seen drawn scenes; for results that count, put a "
            "diffusers folder (Stable Diffusion 1.5) below models/ and run `gazeshift init "
            "--backbone models/...`."
        )
    if choices.attention == "saliency":
        yield (
            f"Attention is what {GUIDE_OF_PEOPLE} predicts, a model of people's gaze. The proof "
            "wants recorded gaze; without it, make edits alone."
        )
    run = "dvc repro edit" if choices.attention == "saliency" else "dvc repro"
    yield f"Next: `gazeshift check`, then `{run}`."

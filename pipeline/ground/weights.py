"""Models from files: one that is damaged, or that its configuration does not fit, is never used.

Weights are safetensors alone: loading a pickle runs whatever its maker put into it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pipeline.ground.damage import json_object
from pipeline.ground.errors import InputError, first_line
from pipeline.ground.files import is_special, refuse_no_file

if TYPE_CHECKING:
    from pydantic import BaseModel
    from torch import nn

    Config = TypeVar("Config", bound=BaseModel)

CONFIG = "config.json"
# A buffer that older releases of transformers wrote, and newer ones make themselves.
_NO_WEIGHT = "position_ids"
_WORD_END = "</w>"
_POINTER = b"version https://git-lfs"
_SHORTEST = 3
"""Tokens of a text: its begin, its end, and one that says something."""
# Of the files that are read.
_SUFFIXES = (".json", ".txt", ".safetensors")


class Origin(NamedTuple):
    """Where a model is from, for messages about its files."""

    name: str
    """What it is called: the parameter that names it, or what it is."""
    remedy: str
    """What to do where it is damaged: sentences."""

    def fault(self, path: Path, found: str) -> InputError:
        """Return the error to raise: what is wrong with a file or folder."""
        return InputError(f"{self.name}: {path} {found}. {self.remedy}")


def fetch_folder(
    location: str, root: Path, origin: str, wanted: Sequence[str], unwanted: Sequence[str] = ()
) -> Path:
    """Return a model's folder: below the root, or the local copy of the hub's.

    Args:
        location: a folder, or a hub's name, OWNER/NAME.
        root: what a folder is relative to.
        origin: the parameter that names the model, for messages.
        wanted: patterns of the hub's files to fetch.
        unwanted: patterns of those among them to leave.

    Raises:
        InputError: it is neither.
    """
    folder = root / location
    if folder.is_dir():
        return folder
    demo = "For the demo's backbone, run `dvc pull models/demo_backbone.dvc`."
    if _is_path(location, root):
        raise InputError(
            f"{origin}: there is no folder {location} here. Copy the model's folder (safetensors) "
            f"there, or name where it is, or a model of the hub as OWNER/NAME. {demo}"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                location, allow_patterns=list(wanted), ignore_patterns=list(unwanted) or None
            )
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"{origin}: {location!r} is no folder here, and the model hub gives none "
            f"({type(error).__name__}). With a network: `hf download {location}`, once. Without: "
            f"copy the model's folder (safetensors) to models/ and name it. {demo}"
        ) from error


def _is_path(location: str, root: Path) -> bool:
    """Tell whether a folder is meant: the hub's names are NAME or OWNER/NAME."""
    first, *rest = location.replace("\\", "/").split("/")
    return (
        len(rest) > 1
        or "\\" in location
        or first in ("", ".", "..", "~", "models")
        or bool(rest and (root / first).is_dir())
    )


def read_config(path: Path, origin: Origin) -> dict[str, Any]:
    """Return a configuration, a JSON object.

    Raises:
        InputError: it is missing or no such thing.
    """
    try:
        return json_object(path)
    except OSError as error:
        raise origin.fault(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise origin.fault(path, f"is no JSON ({first_line(error)})") from error
    except TypeError as error:
        raise origin.fault(path, str(error)) from error


def read_own_config(kind: type[Config], path: Path, origin: Origin) -> Config:
    """Return a configuration of ours.

    Raises:
        InputError: it is missing, or breaks a rule.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate_json(json.dumps(read_config(path, origin)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise origin.fault(path, f"does not describe it: {where}: {first['msg']}") from error


def read_weights(network: nn.Module, path: Path, origin: Origin) -> None:
    """Give a network of ours the weights of a file.

    Raises:
        InputError: the file is missing or damaged, its tensors are not the network's, by name and
            shape, or a number is not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        refuse_no_file(path)
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        why = _what_it_is(path) or first_line(error)
        raise origin.fault(path, f"is no safetensors file ({why})") from error
    wanted = network.state_dict()
    shapes = (name for name in wanted.keys() & weights if wanted[name].shape != weights[name].shape)
    refuse_misfits(path, origin, wanted.keys() - weights, weights.keys() - wanted, shapes)
    network.load_state_dict(weights)
    refuse_not_finite(network, path, origin)


def load_pretrained(kind: Any, folder: Path, origin: Origin, **options: Any) -> Any:
    """Return a model of diffusers or transformers as its folder has it, whole.

    Left to themselves, both fill in what is missing: transformers at random, at each load anew.

    Args:
        kind: the class.
        folder: with `config.json`, and weights as safetensors.
        origin: for messages.
        options: further ones of `from_pretrained`.

    Raises:
        InputError: the configuration or the weights are missing, damaged, do not fit each other,
            or a number is not finite.
    """
    read_config(folder / CONFIG, origin)
    options |= {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    model, found = _loaded(kind, folder, origin, **options)
    mismatched = [entry[0] for entry in found["mismatched_keys"]]
    unknown = (name for name in found["unexpected_keys"] if not name.endswith(_NO_WEIGHT))
    refuse_misfits(folder, origin, found["missing_keys"], unknown, mismatched)
    refuse_not_finite(model, folder, origin)
    return model


def load_processor(kind: Any, folder: Path, origin: Origin) -> Any:
    """Return a tokenizer or a processor of transformers as its folder has it.

    Raises:
        InputError: its files are missing or damaged.
    """
    return _loaded(kind, folder, origin, local_files_only=True)


def tokenizer_faults(tokenizer: Any, reader: Any) -> Iterator[str]:
    """Yield what is wrong with a tokenizer of byte pairs: transformers make one of no files, too.

    Args:
        tokenizer: whatever its files gave.
        reader: configuration of the text encoder that reads its tokens.
    """
    cut, longest = tokenizer.model_max_length, reader.max_position_embeddings
    vocabulary, most = tokenizer.get_vocab(), reader.vocab_size
    if type(cut) is not int or not _SHORTEST <= cut <= longest:
        limit = f"{cut!r} tokens (model_max_length in tokenizer_config.json)"
        yield f"cuts texts at {limit}, from {_SHORTEST} on the text encoder reads {longest}"
    if vocabulary.keys() <= set(tokenizer.all_special_tokens):
        yield "has no vocabulary (tokenizer.json, or vocab.json and merges.txt)"
    elif max(vocabulary.values()) >= most:
        yield f"has tokens up to {max(vocabulary.values())}, the text encoder {most} of them"
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    made = {left + right for left, right in merges} | tokenizer.get_added_vocab().keys()
    words = [token for token in vocabulary if len(token.removesuffix(_WORD_END)) > 1]
    if lost := [token for token in words if token not in made]:
        count = f"{len(lost)} of {len(vocabulary)} tokens"
        yield f"has no merges for {count}, as if its file were cut short"


def refuse_misfits(
    path: Path,
    origin: Origin,
    missing: Iterable[str],
    unknown: Iterable[str],
    misshapen: Iterable[str],
) -> None:
    """Refuse weights whose tensors are not those that the configuration asks for.

    Raises:
        InputError: there are such; the first of each kind is named.
    """
    kinds = (
        ("missing", sorted(missing)),
        ("not known to it", sorted(unknown)),
        ("of another shape", sorted(misshapen)),
    )
    found = [f"{len(names)} {what} ({names[0]})" for what, names in kinds if names]
    if found:
        raise origin.fault(
            path, f"has weights that its configuration does not fit: tensors {', '.join(found)}"
        )


def refuse_not_finite(model: nn.Module, path: Path, origin: Origin) -> None:
    """Refuse weights that are no numbers.

    Raises:
        InputError: there are such; the first is named.
    """
    if name := not_finite(model):
        raise origin.fault(
            path, f"has weights that are not finite ({name}), as a training that diverges leaves"
        )


def not_finite(model: nn.Module) -> str | None:
    """Return the name of the first tensor of a model with a NaN or an infinity."""
    import torch

    for name, tensor in model.state_dict().items():
        if not (tensor.is_floating_point() and tensor.numel()):
            continue
        # One pass, without a copy: models have billions of numbers.
        if not all(map(torch.isfinite, torch.aminmax(tensor))):
            return name
    return None


def _loaded(kind: Any, folder: Path, origin: Origin, **options: Any) -> Any:
    # The libraries would wait for a pipe, and pass over a link that leads nowhere.
    for path in sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES):
        try:
            refuse_no_file(path)
        except OSError as error:
            raise origin.fault(path, f"cannot be read ({error.strerror})") from error
    try:
        return kind.from_pretrained(folder, **options)
    # A configuration can ask for anything, and what the libraries raise then is anything, too.
    except Exception as error:
        damaged = [path for path in sorted(folder.glob("*.safetensors")) if not _opens(path)]
        why = first_line(error)
        if damaged:
            why = f"{', '.join(path.name for path in damaged)} is no safetensors file"
            if pointer := _what_it_is(damaged[0]):
                why += f" but {pointer}"
        raise origin.fault(
            folder, f"holds no {kind.__name__} that can be read ({type(error).__name__}: {why})"
        ) from error


def _what_it_is(path: Path) -> str:
    """Return what stands in the place of weights that Git LFS has not fetched, else ""."""
    if is_special(path):
        return ""
    try:
        with path.open("rb") as file:
            is_pointer = file.read(len(_POINTER)) == _POINTER
    except OSError:
        return ""
    return "a pointer of Git LFS: `git lfs pull` fetches the weights" if is_pointer else ""


def _opens(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt"):
            return True
    except (OSError, SafetensorError):
        return False

"""The run in numbers, for people, and for the decision to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from pipeline.scenes.split import TEST, TRAIN, VAL
from schemas.rejected_scenes import REMEDIES, Reason, Rejection
from schemas.valid_scenes import ValidScene


class Verdicts(NamedTuple):
    """What became of every scene, and what was left aside without refusing one."""

    rows: Sequence[ValidScene]
    """Of the valid scenes, sorted by video and scene number."""
    refused: Sequence[Sequence[Rejection]]
    """Of each refused scene, or file or video that no scene was found of: all the rules that it
    breaks, those first that come first."""
    without_product: Sequence[Sequence[Any]]
    """Rows of sound scenes that do not show the product: neither valid nor refused."""
    resized: int
    """Valid scenes whose mask or heatmap has another size than the image."""
    keywords_left_out: int
    """Further keywords that name nothing one can see; their videos stay."""
    keyword_doubtful: Mapping[str, str]
    """Keywords of valid scenes that a person should look at, by video."""

    @property
    def rejections(self) -> list[Rejection]:
        """All refusals: several of a scene that breaks several rules."""
        return list(chain.from_iterable(self.refused))


def summarise(verdicts: Verdicts, warnings: Sequence[str]) -> dict[str, Any]:
    """Return the content of `summary.json`."""
    valid, refused = len(verdicts.rows), len(verdicts.refused)
    without_product = len(verdicts.without_product)
    reasons = Counter(reason.value for reason in _reasons(verdicts))
    videos = {split: set[str]() for split in (TRAIN, VAL, TEST)}
    scenes = Counter[str]()
    sources = Counter[str]()
    for row in verdicts.rows:
        videos[row.split].add(row.video_id)
        scenes[row.split] += 1
        sources[row.heatmap_source] += 1
    doubtful = verdicts.keyword_doubtful
    return {
        **({"keyword_doubtful": dict(doubtful)} if doubtful else {}),
        "scenes_in": valid + refused + without_product,
        "valid": valid,
        "without_product": without_product,
        "refused": refused,
        "valid_fraction": round(valid_fraction(verdicts), 6),
        "resized": verdicts.resized,
        "keywords_left_out": verdicts.keywords_left_out,
        "refused_by_reason": dict(sorted(reasons.items())),
        "heatmap_source": dict(sorted(sources.items())),
        "splits": {
            split: {"videos": len(videos[split]), "scenes": scenes[split]} for split in videos
        },
        "batch_warnings": len(warnings),
        "warnings": list(warnings),
    }


def valid_fraction(verdicts: Verdicts) -> float:
    """Return valid scenes over valid and refused ones, 0 where there are none."""
    total = len(verdicts.rows) + len(verdicts.refused)
    return len(verdicts.rows) / total if total else 0.0


def main_reasons(verdicts: Verdicts) -> str:
    """Return the three commonest reasons for refusals, with their remedies."""
    counts = Counter(_reasons(verdicts)).most_common(3)
    return " ".join(f"{count} x {reason}: {REMEDIES[reason]}" for reason, count in counts)


def _reasons(verdicts: Verdicts) -> Iterator[Reason]:
    """Yield each reason of each refused scene once, in however many files it is found."""
    for broken in verdicts.refused:
        yield from {one.reason for one in broken}

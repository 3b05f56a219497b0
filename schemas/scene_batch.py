"""What the scenes of a run must be as a whole: how many, how many refused, and no drift.

`schemas.valid_scenes` looks at rows; these are expectations about the batch, checked with Great
Expectations, which also writes them out as a site to read (Data Docs). This is the only module
that imports it, and only when it is called: the import takes seconds.
"""

from __future__ import annotations

import html
import logging
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from schemas.rejected_scenes import Reason

if TYPE_CHECKING:
    import pandas as pd

VALID = "valid"
"""The outcome of a scene that was not refused; else it is the first reason."""

COLUMNS = ("scene", "outcome", "mask_coverage", "alignment_score")
"""Of the table that `check_batch` takes, one row per scene; figures are missing where refused."""

_EDGES = {
    "mask_coverage": (0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1),
    "alignment_score": (0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.2, 0.4, 1),
}
# What a profile says never happens may happen this often; else the divergence were infinite.
_HELD_OUT = 1e-3
_PROFILED = "scenes"

Profile = Mapping[str, Any]
"""Shares of scenes per bin: {column: {"bins": edges, "weights": shares}}, and their number."""


class BatchLimits(NamedTuple):
    """What a batch may be."""

    min_scenes: int
    """That come in."""
    max_refused_share: float
    """Of all scenes, for any one reason."""
    max_drift: float
    """KL divergence of a figure's distribution from the reference profile, in nats."""


def make_profile(table: pd.DataFrame) -> Profile:
    """Return the distribution of mask coverage and alignment over valid scenes.

    Args:
        table: one row or more, with these columns (see `schemas.valid_scenes`).
    """
    profile: dict[str, Any] = {_PROFILED: len(table)}
    for column, edges in _EDGES.items():
        counts, _ = np.histogram(table[column], edges)
        weights = [round(count / len(table), 6) for count in counts.tolist()]
        profile[column] = {"bins": list(edges), "weights": weights}
    return profile


def check_batch(
    scenes: pd.DataFrame, limits: BatchLimits, profile: Profile | None, docs: Path
) -> list[str]:
    """Check the expectations, write Data Docs below `docs`, return a text for each that fails.

    Nothing is sent anywhere, and the same batch gives the same files.

    Args:
        scenes: with `COLUMNS`.
        limits: what the batch may be.
        profile: what figures are compared with; None leaves drift unchecked.
        docs: a new folder for the site.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # It logs hundreds of lines on import, whatever level its own loggers have.
    logging.disable(logging.INFO)
    try:
        results = _run(scenes, limits, profile, docs)
    finally:
        logging.disable(logging.NOTSET)
    _make_reproducible(docs)
    return [_finding(check) for check in results if not check.success]


def _run(
    scenes: pd.DataFrame, limits: BatchLimits, profile: Profile | None, docs: Path
) -> Sequence[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("scenes").add_dataframe_asset("batch")
    suite = gx.ExpectationSuite("scene_batch", expectations=_expectations(limits, profile))
    definition = gx.ValidationDefinition(
        name="validate",
        data=asset.add_batch_definition_whole_dataframe("all_scenes"),
        suite=context.suites.add(suite),
    )
    result_format = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["scene"],
        "partial_unexpected_count": 20,
    }
    checkpoint = gx.Checkpoint(
        name="validate",
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format=result_format,
    )
    context.add_data_docs_site(site_name="validation", site_config=_site(docs))
    # Data Docs name files after the run's time; a fixed one keeps them the same for the same data.
    run = gx.RunIdentifier(run_name="validate", run_time=datetime(2000, 1, 1, tzinfo=UTC))
    # It puts values into its pages as they are, and a file that was refused has any name.
    shown = scenes.assign(scene=scenes["scene"].map(html.escape))
    outcome = context.checkpoints.add(checkpoint).run({"dataframe": shown}, run_id=run)
    context.build_data_docs(site_names=["validation"])
    (result,) = outcome.run_results.values()
    return result.results


def _expectations(limits: BatchLimits, profile: Profile | None) -> Sequence[Any]:
    import great_expectations.expectations as gxe

    expectations: list[Any] = [
        gxe.ExpectTableRowCountToBeBetween(
            min_value=limits.min_scenes,
            meta={"finding": f"fewer than {limits.min_scenes} scenes came in"},
        )
    ]
    expectations += [
        gxe.ExpectColumnValuesToNotBeInSet(
            column="outcome",
            value_set=[reason.value],
            mostly=1 - limits.max_refused_share,
            meta={"finding": f"{reason} refuses over {limits.max_refused_share:.0%} of scenes"},
        )
        for reason in Reason
    ]
    known = profile or {}
    for column in (name for name in _EDGES if name in known):
        finding = (
            f"the distribution of {column} has drifted from the reference profile by more than "
            f"{limits.max_drift:g} nats; look at the scenes, and if they are as they should be, "
            "take them as the new reference: gazeshift profile"
        )
        expectations.append(
            gxe.ExpectColumnKLDivergenceToBeLessThan(
                column=column,
                partition_object=dict(known[column]),
                threshold=limits.max_drift,
                tail_weight_holdout=_HELD_OUT,
                internal_weight_holdout=_HELD_OUT,
                meta={"finding": finding},
            )
        )
    return expectations


def _site(docs: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _finding(check: Any) -> str:
    meta, result = check.expectation_config.meta, check.result
    if check.exception_info.get("exception_message"):
        return f"{meta['finding']}? It could not be told: {check.exception_info}"
    measured = result.get("observed_value")
    if measured is None:
        measured = f"{result['unexpected_percent']:.1f} %"
    elif isinstance(measured, float):
        measured = f"{measured:.3g}"
    return f"{meta['finding']} (found {measured})"


def _make_reproducible(docs: Path) -> None:
    """Replace times and random ids in the pages, and the logo that would be fetched with them."""
    for page in docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = re.sub(r'<img\b[^>]*\bsrc="https?:[^>]*>', "", text)
        text = re.sub(r"\b\d{8}T\d{6}\.\d{6}Z\b", "20000101T000000.000000Z", text)
        text = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "0", text)
        page.write_text(text, encoding="utf-8")

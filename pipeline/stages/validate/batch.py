"""Checking the scenes of a run as tables: rows with pandera, the batch with Great Expectations."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.damage import SIGNS, json_object
from pipeline.ground.errors import ContractError, ParamsError
from schemas.rejected_scenes import Rejection
from schemas.valid_scenes import VALID_SCENES_TABLE

if TYPE_CHECKING:
    import pandas as pd

    from schemas.scene_batch import BatchLimits, Profile


def check_rows(path: Path) -> pd.DataFrame:
    """Read the scene table back and hold it against its schema, all rules at once.

    Raises:
        ContractError: it breaks the schema.
    """
    try:
        return read_checked(path, VALID_SCENES_TABLE)
    except ContractBroken as error:
        raise ContractError(
            f"the table of valid scenes breaks its own schema: {error}. Please report this with "
            "the rows that it names."
        ) from error


def check_scenes(
    table: pd.DataFrame,
    rejections: Iterable[Rejection],
    limits: BatchLimits,
    profile: Profile | None,
    docs: Path,
) -> list[str]:
    """Check the batch and write its Data Docs; return a text for each expectation that fails.

    Args:
        table: the valid scenes.
        rejections: one per refused scene, the first rule that it breaks.
        limits: what the batch may be.
        profile: what figures are compared with.
        docs: a new folder for the site.
    """
    import pandas as pd

    from schemas.scene_batch import COLUMNS, VALID, check_batch

    shown = ["video_id", "scene_number", "mask_coverage", "alignment_score"]
    valid = table[shown].itertuples(index=False)
    rows: list[tuple[Any, ...]] = [(f"{one[0]}/{one[1]}", VALID, *one[2:]) for one in valid]
    rows += [(_scene(one), one.reason.value, math.nan, math.nan) for one in rejections]
    dtypes = dict(zip(COLUMNS, ("str", "str", "float64", "float64"), strict=True))
    batch = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dtypes)
    return check_batch(batch, limits, profile, docs)


def _scene(rejection: Rejection) -> str:
    if rejection.scene_number is None:
        return rejection.file
    return f"{rejection.video_id}/{rejection.scene_number}"


def read_profile(path: Path) -> dict[str, Any] | None:
    """Read a reference profile; None where there is none.

    Raises:
        ParamsError: the file is no profile.
    """
    if not os.path.lexists(path):
        return None
    # What is wrong with it, its one remedy mends.
    with suppress(OSError, *SIGNS):
        profile = json_object(path)
        if all("bins" in profile[name] for name in ("mask_coverage", "alignment_score")):
            return profile
    raise ParamsError(
        f"validate.reference_profile: {path} is no reference profile. Write one with "
        "`gazeshift profile`."
    )

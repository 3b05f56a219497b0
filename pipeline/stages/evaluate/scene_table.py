"""The table of the proof: one row per scene and edit, from the tables of edits to what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.editing.params import EditParams
from pipeline.ground.artefacts import (
    COUNTERFACTUAL_PICTURES,
    DOSES,
    EDITS,
    SCENES,
    VARIANTS,
    edited_scene,
    variant_table,
)
from pipeline.ground.contract import ContractBroken, read_checked
from pipeline.ground.damage import reading
from pipeline.ground.errors import InputError
from pipeline.ground.files import digest, file_digest
from pipeline.ground.tables import read_table
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.dose import requested_share
from pipeline.heatmaps.variant_tables import read_variant_table
from pipeline.proof.params import EvaluateParams
from pipeline.proof.statistics import relative_error
from pipeline.scenes.table import Keywords, mask_paths, read_scenes
from pipeline.stages.evaluate.figures import SCENE
from pipeline.stages.evaluate.measure import Picture
from pipeline.stages.evaluate.transfer import NATURAL
from schemas.counterfactual import COUNTERFACTUAL_TABLE
from schemas.edits import DOSE_COLUMNS, DOSES_TABLE, VARIANTS_ARM

# What one of the two tables may lack: what was planned for a dose, and what became of a placebo.
_OF_ONE = [*(name for name in DOSE_COLUMNS if name in DOSES_TABLE.dtypes), "fade"]


def edits_to_judge(
    workspace: Workspace, params: EvaluateParams, keywords: Keywords
) -> pd.DataFrame:
    """Return the edits of the scenes that prove them, one per row, with the paths of their files.

    Besides what the stages edit and dose_curve recorded, a row has `arm`, `edited_path`,
    `original_path`, `mask_paths` (a list) and `digest` (the scene's). Scenes that do not show the
    chosen keyword are left out, and those whose heatmap is a model's guess.

    Raises:
        InputError: a table is missing, has no scene of the chosen part with a heatmap that was
            recorded or imported, or comes from another editor than the other.
    """
    scenes = chosen_scenes(workspace, params)
    predicted = scenes["heatmap_source"] == "predicted"
    if len(scenes) and predicted.all():
        raise InputError(
            f"evaluate.videos is {params.videos!r}, and all heatmaps of that part are predicted: "
            "what a model guesses proves nothing of viewers. Record or import heatmaps of some of "
            "these videos; without any, make edits alone: `dvc repro edit`."
        )
    scenes = scenes[~predicted]
    masks = [list(mask_paths(row, keywords)) for row in scenes.to_dict("records")]
    places = scenes[[*SCENE, "digest"]].assign(
        original_path=scenes["scene_image_path"], mask_paths=pd.Series(masks, scenes.index)
    )
    places = places[places["mask_paths"].map(len) > 0]
    variants = _read(workspace, "edit", EDITS).assign(arm=VARIANTS_ARM)
    doses = _read(workspace, "dose_curve", DOSES)
    table = pd.concat([doses, variants], ignore_index=True).merge(places, on=SCENE)
    for stage, arms in (("dose_curve", {"full"}), ("edit", {VARIANTS_ARM})):
        if not arms & set(table["arm"]):
            raise InputError(
                f"evaluate.videos is {params.videos!r}, but {stage}.videos left out all of these "
                "scenes. Set both to the same part of the split."
            )
    if table.loc[table["arm"].isin(["full", VARIANTS_ARM]), "editor"].nunique() > 1:
        raise InputError(
            "edits.csv and doses.csv come from different models or params, so one cannot prove the "
            "other. Run `dvc repro edit dose_curve`."
        )
    table["edited_path"] = [
        edited_scene(variant, video_id, filename, "" if arm == VARIANTS_ARM else arm)
        for variant, video_id, filename, arm in table[
            ["variant", "video_id", "filename", "arm"]
        ].itertuples(index=False)
    ]
    table["unreached"] = ~table["reached"]
    table["maps"] = _placebo_maps(table, workspace)
    return table


def _placebo_maps(table: pd.DataFrame, workspace: Workspace) -> list[tuple[str, ...]]:
    """Return of each placebo the unmodified heatmap and its own, of other edits nothing.

    Raises:
        InputError: a variant's table is missing, or lacks a scene.
    """
    placebos = (table["arm"] == VARIANTS_ARM) & (table["variant"] == "placebo") & table["modified"]
    maps: dict[str, dict[Any, str]] = {}
    for name in ("baseline", "placebo"):
        maps[name] = {}
        for video_id in table.loc[placebos, "video_id"].unique():
            path = workspace.path(variant_table(video_id, name))
            if not path.is_file():
                raise InputError(f"{path}: the variant is missing. Run `dvc repro variant`.")
            rows = read_variant_table(path)
            scenes = rows[SCENE].itertuples(index=False, name=None)
            maps[name] |= zip(scenes, rows["modified_attention_heatmap_path"], strict=True)
    found = []
    for scene, is_placebo in zip(
        table[SCENE].itertuples(index=False, name=None), placebos, strict=True
    ):
        if is_placebo and any(scene not in own for own in maps.values()):
            raise InputError(
                f"{VARIANTS}/{scene[0]}: the variants' tables lack scene {scene[1]}, whose placebo "
                "edits.csv has. Run `dvc repro edit`."
            )
        found.append(tuple(own[scene] for own in maps.values()) if is_placebo else ())
    return found


def chosen_scenes(workspace: Workspace, params: EvaluateParams) -> pd.DataFrame:
    """Return the scene table of the part of the split that is to prove the edits."""
    scenes = read_scenes(workspace.path(SCENES))
    return scenes if params.videos == "all" else scenes[scenes["split"] == params.videos]


def _read(workspace: Workspace, stage: str, path: str) -> pd.DataFrame:
    if not workspace.path(path).is_file():
        raise InputError(f"{workspace.path(path)}: there are no edits. Run `dvc repro {stage}`.")
    with reading(workspace.path(path), stage):
        table = read_table(workspace.path(path), DOSES_TABLE.dtypes)
        if missing := {*SCENE, "variant", "modified", "editor"} - set(table):
            raise KeyError(min(missing))
    for name in _OF_ONE:
        if name not in table:
            table[name] = pd.Series(None, table.index, dtype=DOSES_TABLE.dtypes[name])
    return table.astype({"reached": "boolean", "feasible": "boolean"})


def with_counterfactual(
    edits: pd.DataFrame, workspace: Workspace, params: EvaluateParams
) -> pd.DataFrame:
    """Return the edits and, in arm `NATURAL`, their scenes as nature changes them.

    Args:
        edits: of `edits_to_judge`; scenes that have none are left out.
        workspace: the data root.
        params: section `evaluate`.

    Raises:
        InputError: there is to be a folder, but its table is missing or breaks its contract, or
            names a picture that is missing.
    """
    if params.counterfactual is None:
        return edits
    folder = workspace.path(params.counterfactual)
    path = folder / Path(COUNTERFACTUAL_PICTURES).name
    if not path.is_file():
        raise InputError(
            f"{path} is not there. Run `dvc repro counterfactual`, or set evaluate.counterfactual: "
            "null where nobody knows what nature would show."
        )
    try:
        table = read_checked(path, COUNTERFACTUAL_TABLE)
    except ContractBroken as error:
        raise InputError(f"{path}: {error}. Run `dvc repro counterfactual`.") from error
    scenes = edits.drop_duplicates(SCENE)[[*SCENE, "digest", "mask_paths"]]
    table = table.merge(scenes, on=SCENE)
    if table.empty:
        return edits
    for name in ("original", "edited"):
        table[f"{name}_path"] = [f"{params.counterfactual}/{file}" for file in table[name]]
    try:
        # A scene's digest is of its image; the original is another picture here.
        table["digest"] = [
            digest(scene, file_digest(workspace.path(file)))
            for scene, file in zip(table["digest"], table["original_path"], strict=True)
        ]
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename}: a picture that {path.name} names is missing. Run "
            "`dvc repro counterfactual`."
        ) from error
    table = table.assign(
        arm=NATURAL,
        region="keyword",
        redrawn="keyword",
        modified=True,
        variant=[f"alpha_{alpha:g}" for alpha in table["alpha"]],
        unreached=~table["reached"],
        maps=pd.Series([()] * len(table), table.index, dtype=object),
    )
    table = table.astype({"reached": "boolean"})
    return pd.concat([edits, table[[name for name in edits if name in table]]], ignore_index=True)


def pictures(
    table: pd.DataFrame,
    root: Path,
    edit: EditParams,
    image_size: tuple[int, int],
) -> Iterator[tuple[Picture, Picture]]:
    """Yield, for each row, the edited picture and the unedited one, both to be measured."""
    for row in table.to_dict("records"):
        edited = Picture(
            original=root / row["original_path"],
            edited=root / row["edited_path"],
            masks=tuple(root / path for path in row["mask_paths"]),
            scene_digest=row["digest"],
            redrawn=row["redrawn"],
            feather_px=edit.feather_px,
            image_size=image_size,
            maps=tuple(root / path for path in row["maps"]),
        )
        yield edited, edited._replace(edited=edited.original)


def with_measurements(
    table: pd.DataFrame,
    measured: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    params: EvaluateParams,
) -> pd.DataFrame:
    """Return the table with what the judge saw, what it should have seen, and what changed.

    Args:
        table: of `read_edits`.
        measured: of each row, its edited picture and its original, by `evaluate.measure`.
        params: section `evaluate`.
    """
    edited = pd.DataFrame([edited for edited, _ in measured], index=table.index)
    edited = edited.astype("float64")
    before = pd.DataFrame([original for _, original in measured], index=table.index)
    before = before.astype("float64")
    recorded = table.drop(columns=[*(set(edited) & set(table)), "mask_paths", "maps"])
    result = pd.concat([recorded, edited.drop(columns=["ring_odds", "moved_odds"])], axis=1)
    result["original_share"] = before["share"]
    for name in ("ring", "moved"):
        result[f"{name}_change"] = edited[f"{name}_odds"] - before[f"{name}_odds"]
    known = result["alpha"].notna()
    result["judge_dose"] = requested_share(
        result["original_share"].where(known), result["alpha"].where(known, 1), result["region"]
    )
    asked = result["alpha"] != 1
    result["relative_error"] = relative_error(
        result["share"].where(asked), result["judge_dose"].where(asked)
    )
    result["in_range"] = result["original_share"].between(params.least_share, params.most_share)
    return result.sort_values([*SCENE, "arm", "variant"], kind="stable", ignore_index=True)

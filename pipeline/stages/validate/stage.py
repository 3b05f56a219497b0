"""Stage validate: the contracts. Every scene ends in `valid_scenes.csv` or is refused, and why."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from pipeline.ground.artefacts import (
    DATA_DOCS,
    KEYWORDS,
    REJECTED,
    SCENES,
    VALIDATION_SUMMARY,
    WITHOUT_PRODUCT,
)
from pipeline.ground.code import Key
from pipeline.ground.errors import ContractError
from pipeline.ground.files import digest, file_digest, write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.params import load_image_size
from pipeline.ground.tables import write_rows
from pipeline.ground.workspace import Workspace
from pipeline.scenes.keywords import read_keywords
from pipeline.scenes.refusals import by_scene, write_rejections
from pipeline.stages.validate.batch import check_rows, check_scenes, read_profile
from pipeline.stages.validate.measure import SceneFigures, Settings
from pipeline.stages.validate.measurements import measure_scenes
from pipeline.stages.validate.params import ValidateParams
from pipeline.stages.validate.summary import Verdicts, main_reasons, summarise, valid_fraction
from pipeline.stages.validate.trees import TREES, scan_trees
from pipeline.stages.validate.verdicts import IngestRefusals, Rules
from schemas.keywords import is_doubtful
from schemas.rejected_scenes import Reason
from schemas.scenes_without_product import COLUMNS as WITHOUT_PRODUCT_COLUMNS
from schemas.scenes_without_product import without_product
from schemas.valid_scenes import COLUMNS

LOG = logging.getLogger(__name__)

_ABSENT = Reason.KEYWORD_NOT_IN_SCENE
_ITEM = "contract"


def main(workspace: Workspace) -> None:
    """Judge every scene of the three trees; write the table, the refusals and Data Docs.

    Raises:
        ContractError: too few scenes are valid; all outs are written before.
    """
    params = ValidateParams.load(workspace)
    with StageOuts(workspace, params.name) as outs:
        verdicts = judge(workspace, params)
        write_rows(outs.staging / SCENES, COLUMNS, verdicts.rows)
        absent = verdicts.without_product
        write_rows(outs.staging / WITHOUT_PRODUCT, WITHOUT_PRODUCT_COLUMNS, absent)
        write_rejections(outs.staging / REJECTED, verdicts.rejections)
        inputs = _inputs(workspace, params, verdicts, outs.staging)
        if outs.begin({_ITEM: Key(inputs, (__name__,))}, {_ITEM: list[str]}):
            warnings = _check_tables(workspace, params, verdicts, outs.staging)
            summary = json.dumps(summarise(verdicts, warnings), indent=2, ensure_ascii=False)
            write_text(outs.staging / VALIDATION_SUMMARY, summary + "\n")
            docs = sorted(path for path in (outs.staging / DATA_DOCS).rglob("*") if path.is_file())
            pages = [path.relative_to(outs.staging).as_posix() for path in docs]
            tables = [SCENES, WITHOUT_PRODUCT, REJECTED, VALIDATION_SUMMARY]
            outs.accept(_ITEM, [*tables, *pages], warnings)
        ((_, warnings),) = outs.results()
    valid, refused = len(verdicts.rows), len(verdicts.refused)
    LOG.info(
        "validate: %d scenes valid, %d refused (%s), %d without the product (%s)",
        valid, refused, REJECTED, len(absent), WITHOUT_PRODUCT,
    )  # fmt: skip
    if verdicts.keyword_doubtful:
        video, keyword = next(iter(verdicts.keyword_doubtful.items()))
        LOG.warning(
            "validate: %d keywords are doubtful, such as %r of video %s: look at them in %s",
            *(len(verdicts.keyword_doubtful), keyword, video, VALIDATION_SUMMARY),
        )
    for warning in warnings:
        LOG.warning("validate: %s", warning)
    _fail_if_broken(params, verdicts, warnings)


def judge(workspace: Workspace, params: ValidateParams) -> Verdicts:
    """Return what becomes of every scene that a tree or an ingest report knows.

    Raises:
        InputError: the keywords or an ingest report cannot be read.
    """
    keywords = read_keywords(workspace.path(KEYWORDS))
    ingest = IngestRefusals.read(workspace)
    rules = Rules(keywords, ingest)
    trees = scan_trees(workspace)
    refused = [*([stray] for stray in trees.strays), *ingest.without_files(trees.scenes)]
    for key, files in trees.scenes.items():
        rules.leave_aside_unused(key, files)
    settings = Settings(workspace.root, load_image_size(workspace), params.aspect_tolerance)
    rows, absent = [], []
    resized = 0
    for key, result in measure_scenes(workspace, settings, trees.scenes):
        files = trees.scenes[key]
        broken = rules.refusals(key, files)
        if not isinstance(result.outcome, SceneFigures):
            broken += result.outcome
        elif not result.outcome.mask_coverage and all(one.reason is _ABSENT for one in broken):
            found = broken[0].found if broken else f"{files.paths[1]} is all black"
            absent.append(without_product(rules.row(key, files, result), found))
            broken = []
        elif not broken:
            rows.append(rules.row(key, files, result))
            resized += result.outcome.resized
        if broken:
            refused.append(broken)
    # What is remembered comes first, so that the order tells of earlier runs.
    for sound in (rows, absent):
        sound.sort(key=lambda row: row[:2])
    refused.sort(key=lambda broken: by_scene(broken[0]))
    videos = {row.video_id: row.keyword for row in rows}
    doubtful = {video: keyword for video, keyword in videos.items() if is_doubtful(keyword)}
    return Verdicts(rows, refused, absent, resized, len(keywords.left_out), doubtful)


def _inputs(workspace: Workspace, params: ValidateParams, verdicts: Verdicts, staging: Path) -> str:
    """Return a digest of all that the outs depend on but code."""
    profile = workspace.path(params.reference_profile)
    return digest(
        params.model_dump_json(),
        file_digest(staging / SCENES),
        file_digest(staging / WITHOUT_PRODUCT),
        file_digest(staging / REJECTED),
        file_digest(profile) if profile.is_file() else "",
        repr((verdicts.resized, verdicts.keywords_left_out)),
    )


def _check_tables(
    workspace: Workspace, params: ValidateParams, verdicts: Verdicts, staging: Path
) -> list[str]:
    """Hold the rows and the batch against their contracts; return the batch's warnings."""
    from schemas.scene_batch import BatchLimits

    table = check_rows(staging / SCENES)
    limits = BatchLimits(params.min_scenes, params.max_refused_share, params.max_drift)
    profile = None
    if len(table) >= params.min_drift_scenes:
        profile = read_profile(workspace.path(params.reference_profile))
    first = [broken[0] for broken in verdicts.refused]
    warnings = check_scenes(table, first, limits, profile, staging / DATA_DOCS)
    if profile is None and len(table) >= params.min_drift_scenes and _names_profile(params):
        warnings.append(
            f"validate.reference_profile: there is no {params.reference_profile}, so drift was not "
            "looked at; `gazeshift profile` writes one"
        )
    return warnings


def _names_profile(params: ValidateParams) -> bool:
    return "reference_profile" in params.model_fields_set


def _fail_if_broken(params: ValidateParams, verdicts: Verdicts, warnings: Sequence[str]) -> None:
    valid, fraction = len(verdicts.rows), valid_fraction(verdicts)
    total, absent = valid + len(verdicts.refused), len(verdicts.without_product)
    if total + absent == 0:
        raise ContractError(
            f"there are no scenes in {', '.join(TREES.values())}. Run the stages before this one: "
            "dvc repro validate"
        )
    if total == 0:
        raise ContractError(
            f"none of {absent} scenes shows its product, and why is in {WITHOUT_PRODUCT}. Is it "
            "what data/keywords.csv says, and are the outlines or masks of these videos?"
        )
    if valid == 0 or fraction < params.min_valid_fraction:
        raise ContractError(
            f"{valid} of {total} scenes are valid ({fraction:.1%}), validate.min_valid_fraction "
            f"is {params.min_valid_fraction:g}. {main_reasons(verdicts)} Every refusal: {REJECTED}"
        )
    if warnings and params.on_warning == "fail":
        raise ContractError(
            f"validate.on_warning is fail, and the batch has {len(warnings)} warnings: "
            + "; ".join(warnings)
        )

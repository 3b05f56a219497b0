"""What the variants' tables ask of each scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.editing.params import EditParams
from pipeline.editing.scene_edits import SceneTask, Wish
from pipeline.ground.artefacts import variant_table
from pipeline.ground.errors import InputError
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.params import Variant
from pipeline.heatmaps.variant_tables import read_variant_table
from pipeline.scenes.table import Keywords, mask_paths

if TYPE_CHECKING:
    import pandas as pd


def chosen_videos(scenes: pd.DataFrame, params: EditParams) -> list[str]:
    """Return the videos whose scenes are edited.

    Raises:
        InputError: `edit.videos` names a part that the table does not have.
    """
    chosen = scenes if params.videos == "all" else scenes[scenes["split"] == params.videos]
    if chosen.empty:
        raise InputError(
            f"edit.videos is {params.videos!r}, but no scene of the table belongs to that part. "
            "Set it to `all`, or add videos and run `dvc repro validate`."
        )
    return list(chosen["video_id"].unique())


def variant_tasks(
    workspace: Workspace,
    video_id: str,
    variants: Mapping[str, Variant],
    keywords: Keywords,
    params: EditParams,
) -> Iterator[SceneTask]:
    """Yield the scenes of a video with what its variants ask of them, in scene order.

    Args:
        workspace: the data root.
        video_id: the video.
        variants: that were made, as they are defined.
        keywords: `variant.keywords`.
        params: section `edit`.

    Raises:
        InputError: a variant's table is missing.
    """
    tables = {}
    for name in variants:
        path = workspace.path(variant_table(video_id, name))
        if not path.is_file():
            raise InputError(f"{path}: the variant is missing. Run `dvc repro variant`.")
        tables[name] = read_variant_table(path)
    for position in range(len(tables["baseline"])):
        rows = {name: table.iloc[position] for name, table in tables.items()}
        wishes = tuple(
            _wish(workspace.root, name, variants[name], row, params) for name, row in rows.items()
        )
        yield scene_task(workspace.root, rows["baseline"], keywords, wishes, wishes[0].heatmap)


def scene_task(
    root: Path,
    row: pd.Series,
    keywords: Keywords,
    wishes: tuple[Wish, ...],
    heatmap: Path,
) -> SceneTask:
    """Return a scene with its wishes.

    Args:
        root: of the tables' paths.
        row: of the scene table, or of a variant's.
        keywords: `variant.keywords`.
        wishes: what is asked.
        heatmap: the unmodified map, in the codec of the modified ones.
    """
    return SceneTask(
        video_id=row["video_id"],
        scene_number=int(row["scene_number"]),
        stem=Path(row["filename"]).stem,
        image=root / row["scene_image_path"],
        masks=tuple(root / path for path in mask_paths(row, keywords)),
        heatmap=heatmap,
        keyword=row["keyword"],
        digest=row["digest"],
        wishes=wishes,
    )


def _wish(root: Path, name: str, variant: Variant, row: pd.Series, params: EditParams) -> Wish:
    return Wish(
        name=name,
        heatmap=root / row["modified_attention_heatmap_path"],
        region=row["region"],
        redrawn="background" if params.region == "background" else row["region"],
        alpha=float(row["alpha"]),
        modified=bool(row["modified"]),
        kind=variant.kind,
        twin=variant.twin,
    )

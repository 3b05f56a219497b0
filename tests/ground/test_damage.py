"""Damaged state and reports: made again where that can be, else named with what to do."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import torch
from scene_trees import write_validate_inputs

from pipeline.commands import summary
from pipeline.ground.artefacts import (
    CHANGES,
    CONTROL_LOSSES,
    GATE,
    METRICS,
    OUTS,
    PROOF_FIGURES,
    SCENES,
    VALIDATION_SUMMARY,
    VARIANT_MANIFEST,
    stage_of,
)
from pipeline.ground.code import Key
from pipeline.ground.damage import read_json
from pipeline.ground.database import open_database
from pipeline.ground.errors import InputError, UserFilesError
from pipeline.ground.files import write_text
from pipeline.ground.outs import StageOuts
from pipeline.ground.record import computed_with
from pipeline.ground.trouble import naming_trouble
from pipeline.ground.workspace import Workspace
from pipeline.heatmaps.manifest import read_variants
from pipeline.heatmaps.variant_tables import read_variant_table
from pipeline.learning.fitting import StreamedCheckpoints, resume_step
from pipeline.proof.gate import outdated
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.report import inputs
from pipeline.stages.validate import stage as validate
from pipeline.stages.validate.params import ValidateParams

KEYS = {item: Key("1", ("pipeline.ground.files",)) for item in "ab"}
RECORD = "reports/records/variant.jsonl"
DATABASE = ".gazeshift/records/variant.sqlite"
DEEP = "[" * 2000
BOMB = "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]" for n in range(1, 20)])
BOMB += "\nstages: {variant: {outs: [{path: *a19, md5: *a19}]}}\nouts: [{path: *a19}]\n"
CONFLICT = "<<<<<<< HEAD\nstages: {}\n=======\nstages: []\n>>>>>>> theirs\n"


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_version(path: Path) -> None:
    path.unlink()
    open_database(path, "CREATE TABLE items (item TEXT); CREATE TABLE scenes (id TEXT);").close()


def run(workspace: Workspace) -> set[str]:
    """Run a stage; return what it had to make."""
    with StageOuts(workspace, "variant") as outs:
        todo = outs.begin(KEYS, dict.fromkeys(KEYS, list[str]))
        for item in todo:
            write_text(outs.staging / f"out/{item}.txt", item)
            outs.accept(item, [f"out/{item}.txt"], [item])
    return todo


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OUTS, "variant", ("out", "reports/table.csv"))


@pytest.mark.parametrize("damage", [garbage, truncated, of_another_version])
def test_a_damaged_database_is_made_again_from_the_record(
    workspace: Workspace, damage: Callable[[Path], None]
) -> None:
    run(workspace)
    damage(workspace.path(DATABASE))
    assert run(workspace) == set()
    assert workspace.path(f"{DATABASE}.damaged").is_file()


def test_a_database_with_our_columns_is_sound_however_its_sql_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(open_database(path, "CREATE TABLE t (x TEXT, y);")) as db, db:
        db.execute("INSERT INTO t VALUES ('kept', 1)")
        db.execute("CREATE INDEX t_x ON t (x)")
        db.execute("ANALYZE")
    with closing(open_database(path, "CREATE TABLE IF NOT EXISTS t (\n  x TEXT,\n  y);")) as db:
        assert db.execute("SELECT * FROM t").fetchall() == [("kept", 1)]
    with closing(open_database(path, "CREATE TABLE IF NOT EXISTS t (y, x);")) as db:
        assert db.execute("SELECT * FROM t").fetchall() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\xff",
        "[1]\n",
        '{"code": 1, "vouched": [], "environments": 7}\n',
        '{"code": [], "vouched": [], "environments": {}}\n{"item": "a"}\n',
        '{"code": [], "vouched": [], "environments": {}}\n{"item": "a", "inputs": [], "code": {}, '
        '"environment": "gone", "result": 1, "files": {"out/a.txt": "0"}}\n',
        CONFLICT,
    ],
)
def test_a_damaged_record_is_written_anew_from_the_database(workspace: Workspace, text) -> None:
    run(workspace)
    sound = workspace.path(RECORD).read_bytes()
    workspace.path(RECORD).write_text(text, encoding="latin-1")
    assert run(workspace) == set()
    assert workspace.path(RECORD).read_bytes() == sound


@pytest.mark.parametrize("damage", [garbage, truncated, of_another_version])
def test_damaged_measurements_are_made_again(
    workspace: Workspace, damage: Callable[[Path], None], gazeshift
) -> None:
    write_validate_inputs(workspace.root, {"v00": 1})
    assert gazeshift("validate").status == 0
    sound = workspace.path(SCENES).read_bytes()
    damage(workspace.path(".gazeshift/measurements.sqlite"))
    assert gazeshift("validate").status == 0
    assert workspace.path(SCENES).read_bytes() == sound


@pytest.mark.parametrize("content", [CONFLICT, "stages: [1]\n", "\x00", "7\n", DEEP, BOMB])
def test_a_damaged_lock_file_is_named_and_nothing_is_touched(
    workspace: Workspace, content: str
) -> None:
    write_text(workspace.path("out/mine.txt"), "drawn by hand")
    write_text(workspace.path("dvc.lock"), content)
    with pytest.raises(InputError, match=r"dvc\.lock is no file as DVC writes it.*from git"):
        run(workspace)
    assert workspace.path("out/mine.txt").read_text() == "drawn by hand"


@pytest.mark.parametrize("content", [CONFLICT, "outs: [1]\n", DEEP, BOMB])
def test_a_damaged_list_of_inputs_is_named(workspace: Workspace, content: str) -> None:
    write_text(workspace.path("data.dvc"), content)
    with pytest.raises(InputError, match=r"data\.dvc is no file as DVC writes it"):
        workspace.tracked_inputs()


def test_a_lock_file_that_is_a_pipe_is_not_waited_for(workspace: Workspace) -> None:
    write_text(workspace.path("out/mine.txt"), "drawn by hand")
    os.mkfifo(workspace.path("dvc.lock"))
    with (
        pytest.raises(InputError, match=r"dvc\.lock is no file: a pipe"),
        naming_trouble(workspace),
    ):
        run(workspace)


def test_a_pipe_where_dvc_knows_a_file_is_not_waited_for(workspace: Workspace) -> None:
    md5 = hashlib.md5(b"abc").hexdigest()
    write_text(workspace.path(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"), "abc")
    lock = f"stages: {{variant: {{outs: [{{path: out/a.jpg, md5: {md5}}}]}}}}"
    write_text(workspace.path("dvc.lock"), lock)
    workspace.path("out").mkdir()
    os.mkfifo(workspace.path("out/a.jpg"))
    with pytest.raises(UserFilesError, match=r"out/a\.jpg was not made by this stage"):
        run(workspace)


def sql(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


@pytest.mark.parametrize("result", ["garbage", "[1]", DEEP, '{"a": 1}', b"\xff"])
def test_an_item_with_a_damaged_result_is_made_again(workspace: Workspace, result) -> None:
    run(workspace)
    update = "UPDATE items SET result = ? WHERE item = 'a'"
    sql(workspace.path(DATABASE), update, result)
    assert run(workspace) == {"a"}
    assert run(workspace) == set()


@pytest.mark.parametrize("content", ["garbage", "[1]", DEEP, '{"a": {"torch": 7}}'])
def test_damaged_notes_are_taken_from_the_record_again(workspace: Workspace, content) -> None:
    run(workspace)
    sound = workspace.path(RECORD).read_bytes()
    sql(workspace.path(DATABASE), "UPDATE notes SET content = ?", content)
    assert run(workspace) == set()
    assert workspace.path(RECORD).read_bytes() == sound


@pytest.mark.parametrize(
    "field",
    [
        {"inputs": 10**30},
        {"files": {"a" * 5000: "0"}},
        {"files": {"pipe": "0"}},
        {"item": "\ud800"},
    ],
    ids=["number", "long name", "pipe", "no text"],
)
def test_a_record_that_says_what_cannot_be_is_written_anew(workspace: Workspace, field) -> None:
    run(workspace)
    sound = workspace.path(RECORD).read_bytes()
    os.mkfifo(workspace.path("pipe"))
    head, *lines = map(json.loads, sound.decode().splitlines())
    damaged = [head, *(line | field for line in lines)]
    write_text(workspace.path(RECORD), "".join(f"{json.dumps(line)}\n" for line in damaged))
    assert run(workspace) == set()
    assert workspace.path(RECORD).read_bytes() == sound


def test_a_record_of_nameless_libraries_is_no_record(workspace: Workspace) -> None:
    for libraries in ({"": "1"}, {"numpy": 5}, ["numpy"]):
        head = {"code": [], "vouched": [], "environments": {"a": libraries}}
        write_text(workspace.path(RECORD), json.dumps(head))
        assert computed_with(workspace, "variant") == []
    workspace.path(RECORD).unlink()
    os.mkfifo(workspace.path(RECORD))
    assert computed_with(workspace, "variant") == []


@pytest.mark.parametrize(
    ("place", "is_folder"),
    [
        ("reports/table.csv", True),
        (RECORD, True),
        (DATABASE, True),
        (".gazeshift/locks/variant.lock", True),
        ("out", False),
        (".gazeshift", False),
        ("reports", False),
    ],
)
def test_a_folder_for_a_file_is_named_before_the_work(
    workspace: Workspace, place: str, is_folder: bool, gazeshift, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.path(place)
    if is_folder:
        path.mkdir(parents=True)
    else:
        write_text(path, "")
    monkeypatch.setattr("pipeline.commands.vouch.main", lambda workspace, stage: run(workspace))
    status, _, said = gazeshift("vouch", "variant")
    assert status == 1
    kind, other = ("folder", "file") if is_folder else ("file", "folder")
    assert f"{path} is a {kind}, but a {other} belongs there. Move it away" in said
    assert "Free some space" not in said


@pytest.mark.parametrize(
    ("path", "read", "stage"),
    [
        ("reports/evaluation/gate.json", partial(read_json, stage="evaluate"), "evaluate"),
        (VARIANT_MANIFEST, read_variants, "variant"),
        ("outputs/variants_v3/v/baseline_scenes.csv", read_variant_table, "variant"),
        (
            "reports/ingest/scene_cuts.csv",
            partial(read_rejections, stage="scene_cuts"),
            "scene_cuts",
        ),
        ("reports/validation/rejected_scenes.csv", read_rejections, "validate"),
    ],
)
@pytest.mark.parametrize("content", ["\x00\xff", CONFLICT, "7\n8\n", '{"variants": 7'])
def test_a_damaged_out_is_named_with_the_stage_that_makes_it(
    workspace: Workspace, path: str, read, stage: str, content: str, monkeypatch
) -> None:
    monkeypatch.setitem(OUTS, "variant", ("outputs/variants_v3",))
    file = workspace.path(path)
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=rf"{file} is damaged.*Delete it.*dvc repro {stage}`"):
        read(file)


@pytest.mark.parametrize(
    "outcome",
    [
        "garbage",
        '{"figures": [1, 2]}',
        '{"figures": [null, null, null, null, null, null, null, []]}',
        '{"refused": [["v00", 1, "a.jpg", "no_such_reason", "x"]]}',
        '{"other": []}',
        None,
        DEEP,
    ],
)
def test_a_scene_with_a_damaged_measurement_is_measured_again(
    workspace: Workspace, outcome
) -> None:
    write_validate_inputs(workspace.root, {"v00": 2})
    sound = validate.judge(workspace, ValidateParams())
    database = workspace.state / "measurements.sqlite"
    sql(database, "UPDATE scenes SET outcome = ? WHERE scene_number = 1", outcome)
    assert validate.judge(workspace, ValidateParams()) == sound


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"checks": [7]}', CONFLICT])
def test_commands_name_a_damaged_report(workspace: Workspace, content: str, gazeshift) -> None:
    for path in (VALIDATION_SUMMARY, GATE, VARIANT_MANIFEST):
        write_text(workspace.path(path), content)
    status, _, said = gazeshift("gate")
    assert status == 1
    assert "gate.json is damaged" in said
    status, said, _ = gazeshift("summary")
    assert status == 0
    assert "summary.json is damaged" in said
    assert "Open next:" in said


def test_a_gate_that_names_no_files_is_damaged(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"gate\.json is damaged"):
        outdated(workspace, {"proved_on": 5})


def test_only_an_object_counts_as_a_report(workspace: Workspace) -> None:
    write_text(workspace.path("sound.json"), json.dumps({"a": 1}))
    assert read_json(workspace.path("sound.json"), "variant") == {"a": 1}
    for other in ("[]", "[[1, 2]]", "null", "7", '"a"'):
        write_text(workspace.path("other.json"), other)
        with pytest.raises(InputError, match="must hold a JSON object, found"):
            read_json(workspace.path("other.json"), "variant")


def test_the_stage_of_a_file_is_that_of_its_place_in_the_root() -> None:
    assert stage_of(GATE) == "evaluate"
    assert stage_of(f"{PROOF_FIGURES}/deep/a.png") == "evaluate"
    for other in (f"elsewhere/{GATE}", f"{GATE}.bak", "README.md"):
        with pytest.raises(ValueError, match="no stage's outs"):
            stage_of(other)


def test_a_fault_of_ours_is_not_blamed_on_a_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("ours")

    for path in (METRICS, GATE, VALIDATION_SUMMARY):
        write_text(workspace.path(path), '{"checks": []}')
    for path in (CONTROL_LOSSES, CHANGES):
        write_text(workspace.path(path), "")
    monkeypatch.setattr(inputs, "read_rows", fail)
    with pytest.raises(TypeError, match="ours"):
        inputs.read_proof(workspace.root, 0.1)
    monkeypatch.setattr(summary, "outdated", fail)
    with pytest.raises(TypeError, match="ours"):
        summary.main(workspace)


@pytest.mark.parametrize("damage", [garbage, truncated, lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "last.ckpt"
    StreamedCheckpoints().save_checkpoint({"global_step": 7, "values": torch.zeros(99)}, path)
    assert resume_step(path) == 7
    damage(path)
    with pytest.raises(InputError, match=rf"{path} is damaged .*Delete the folder {tmp_path}"):
        resume_step(path)

"""``replay pseudonymise`` as typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from replay.artefacts import write_manifest
from replay.capture.manifest import MANIFEST_NAME
from replay.cli.main import main
from replay.errors import EXIT_INPUT, EXIT_USAGE
from replay.sanitize.keys import Key, sealed_start
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest
from tests.sanitize.making import EPOCH_NS

HEX = "07" * 32
TABLE = (
    "id,email,password,active,note,created_at\n"
    "1042,alice@birdsong-mill.org,$2b$raw,t,x,1790000100\n77,,$2b$raw,f,y,1790000100\n"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    key_file = tmp_path / "team.key"
    key_file.write_text(HEX)
    key_file.chmod(0o600)
    (tmp_path / "users.csv").write_text(TABLE)
    key = Key(bytes.fromhex(HEX), "file")
    rules = load_policy("builtin:strict")
    folder = tmp_path / "captures" / "friday"
    folder.mkdir(parents=True)
    manifest = msgspec.structs.replace(
        capture_manifest(),
        key_id=key.key_id,
        key_mode="file",
        policy_name=rules.name,
        policy_hash=rules.hash,
        start=sealed_start(key, EPOCH_NS),
    )
    write_manifest(folder / MANIFEST_NAME, manifest)
    return tmp_path


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["pseudonymise", *arguments])
    return int(ended.value.code or 0)


def test_a_table_under_a_capture_s_map(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGING_HASH", "$2b$12$one-for-all")

    assert not code(
        "users.csv", "-o", "out.csv", "--capture", "friday", "--key-file", "team.key", "--column", "active=keep",
        "--password-hash", "password=env:STAGING_HASH",
    )  # fmt: skip

    said = capsys.readouterr()
    written = (place / "out.csv").read_text()
    assert (place / "out.csv").stat().st_mode & 0o777 == 0o600
    assert [line.split(",")[2] for line in written.splitlines()] == ["password", *["$2b$12$one-for-all"] * 2]
    assert written.splitlines()[1].rpartition(",")[2] == str(2_082_758_400 + 1_790_000_100 - EPOCH_NS // 10**9)
    assert "out.csv: 2 rows" in said.out
    assert "highest id" in said.out
    assert "one-for-all" not in said.out + said.err
    assert "capture had begun now" not in said.err


def test_for_a_program_the_summary_is_json_and_holds_no_value_of_the_table(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not code("users.csv", "-o", "out.csv", "--capture", "friday", "--key-file", "team.key", "--json")

    said = capsys.readouterr().out
    told = json.loads(said)
    assert (told["output"], told["rows"], told["vetoed"]) == ("out.csv", 2, 0)
    assert [each["column"] for each in told["columns"]] == TABLE.splitlines()[0].split(",")
    assert told["columns"][0] == {
        "table": "",
        "column": "id",
        "is": "pseudonyms",
        "highest_id": max(int(line.split(",")[0]) for line in (place / "out.csv").read_text().splitlines()[1:]),
        "few_values": False,
    }
    assert "birdsong" not in said


def test_another_key_than_the_capture_s_is_refused_and_nothing_appears(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = place / "other.key"
    other.write_text("08" * 32)
    other.chmod(0o600)

    assert code("users.csv", "-o", "out.csv", "--capture", "friday", "--key-file", "other.key") == EXIT_INPUT

    assert "give the key that it was captured with" in capsys.readouterr().err
    assert not (place / "out.csv").exists()


def test_another_policy_than_the_capture_s_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("users.csv", "-o", "out.csv", "--capture", "friday", "--key-file", "team.key")

    assert code(*arguments, "--policy", "builtin:demo") == EXIT_INPUT

    assert "was captured under another policy" in capsys.readouterr().err


def test_damage_leaves_nothing_behind(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "users.csv").write_text(TABLE + "9,bob@birdsong-mill.org\n")

    assert code("users.csv", "-o", "out.csv", "--key-file", "team.key") == EXIT_INPUT

    assert "row 3 (line 4): 2 values, where the table has 6 columns" in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["captures", "team.key", "users.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "which key?"),
        (("--key-file", "team.key", "--password-hash", "password=$2b$typed"), "a hash is never typed here"),
        (("--key-file", "team.key", "--password-hash", "password=env:NOT_SET_AT_ALL"), "is empty. Set it first"),
        (("--key-file", "team.key", "--column", "id"), "is no choice"),
        (("--key-file", "team.key", "--column", "id=uuid"), "no such choice"),
        (("--key-file", "team.key", "--format", "xlsx"), "which format?"),
        (("--key-file", "team.key", "--columns", "a,b"), "COPY text"),
    ],
)
def test_wrong_usage_is_said_and_writes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert code("users.csv", "-o", "out.csv", *arguments) == EXIT_USAGE

    said = capsys.readouterr()
    assert message in said.err
    assert "typed\n" not in said.err
    assert not (place / "out.csv").exists()


def test_a_hash_may_come_by_a_descriptor(place: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"$2b$12$piped\n")
    os.close(writing)

    assert not code("users.csv", "-o", "o.csv", "--key-file", "team.key", "--password-hash", f"password=fd:{reading}")

    assert "$2b$12$piped" in (place / "o.csv").read_text()

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from replay.sanitize.policy import load_policy
from tests.cli.test_main import ended
from tests.recordings import Visit, har


def recording(number: int) -> str:
    """What one browser saved: a catalogue that all see, and an address of its own."""
    answers = {
        "products?category=lamps": {"category": "lamps"},
        f"search?q=zaphod{number}x": {"email": f"zaphod{number}@example.org"},
    }
    return har(
        Visit(f"https://shop.example.com/{target}", text=json.dumps(answer), mime="application/json")
        for target, answer in answers.items()
    )


@pytest.fixture
def hars(tmp_path: Path) -> list[str]:
    files = [tmp_path / f"{number}.har" for number in range(8)]
    for number, file in enumerate(files):
        file.write_text(recording(number))
    return [str(file) for file in files]


def test_files_of_browsers_become_a_policy_of_mode_0600(
    hars: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"

    assert ended(["learn", "har", *hars, "-o", str(policy), "--k", "5"]) == 0
    assert stat.S_IMODE(policy.stat().st_mode) == 0o600
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]
    assert load_policy(str(policy)).reviewed_by == ""
    assert "zaphod" not in policy.read_text() + capsys.readouterr().out
    assert "16 exchanges of 8 clients" in policy.read_text()


def test_one_browser_is_one_client(hars: list[str], tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"

    assert ended(["learn", "har", hars[0], "-o", str(policy)]) == 0
    assert "2 exchanges of 1 clients" in policy.read_text()
    assert "lamps" not in policy.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["frob", "{har}", "-o", "{new}"], 2, "'frob' is no format to learn from"),
        (["har", "{har}", "-o", "{har}"], 2, "exists already"),
        (["har", "{har}", "-o", "{new}/deeper.toml"], 2, "no such folder"),
        (["har", "{har}", "-o", "{new}", "--k", "2"], 2, "--k"),
        (["har", "{har}", "-o", "{new}", "--log-format", "combined"], 2, "--log-format"),
        (["har", "gone.har", "-o", "{new}"], 5, "gone.har"),
        (["har", "{har}", "-o", "{new}", "--session-by", "frob"], 2, "session-by 'frob'"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(
    hars: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, what: str
) -> None:
    before = sorted(tmp_path.iterdir())
    filled = [part.format(har=hars[0], new=tmp_path / "new.toml") for part in arguments]

    assert ended(["learn", *filled]) == code
    err = capsys.readouterr().err
    assert what in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before

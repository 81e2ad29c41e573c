"""The capture that comes with the project is one that this version reads, and a clean one."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.capture.segments import CaptureReader
from replay.cli.main import main
from replay.errors import EXIT_OK

DEMO = Path(__file__).parents[2] / "captures" / "demo"


def test_every_exchange_of_it_is_read() -> None:
    reader = CaptureReader(DEMO)

    assert len(list(reader)) == reader.manifest.written == reader.manifest.seen == 316
    assert reader.notes == []


@pytest.mark.parametrize("command", [["audit", str(DEMO)], ["plan", str(DEMO), "-o", "demo"], ["inspect", str(DEMO)]])
def test_what_its_page_says_can_be_done_with_it(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(command)

    assert ended.value.code == EXIT_OK

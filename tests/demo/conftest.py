"""A real shop, in a process of its own, for the tests of a module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.demo.store import create


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    create(path)
    return path


@pytest.fixture(scope="module")
def shop(database: Path) -> Iterator[str]:
    """The address of a running shop."""
    command = [sys.executable, "-m", "replay.demo.server", "--database", str(database), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.stdin = None
        assert process.wait(10) == 0

"""The reference on the site is what the code says now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documentation.pages import DOCS
from tests.documentation.reference import made

MADE = made()


@pytest.mark.parametrize("name", MADE)
def test_the_reference_is_as_the_code_has_it(name: str, golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "reference" / name, MADE[name])


def test_nothing_else_is_among_the_reference() -> None:
    folder = DOCS / "reference"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} == set(MADE)

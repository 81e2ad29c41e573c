"""How quantities are written for people."""

from __future__ import annotations

import pytest

from analysis.words import times


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (0.05, "0.05 ×"),
        (0.95, "0.95 ×"),
        (0.946, "0.946 ×"),
        (1.0, "1.0 ×"),
        (2.34, "2.3 ×"),
        (9.99, "10.0 ×"),
        (1234.5, "1,234 ×"),
    ],
)
def test_a_load_below_its_limit_never_reads_as_the_limit(factor: float, text: str) -> None:
    assert times(factor) == text

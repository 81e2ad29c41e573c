"""A load profile is the scale over time."""

from __future__ import annotations

import pytest

from loadtests.stages import scale_at
from replay.cli.run_profile import parse_profile
from replay.errors import ReplayError
from replay.runspec import Stage


@pytest.mark.parametrize(
    ("seconds", "scale"),
    [(0, 1), (119, 1), (120, 1), (270, 2), (420, 3), (500, 3), (719.9, 3), (720, None), (9999, None)],
)
def test_a_profile_holds_ramps_and_ends(seconds: float, scale: float | None) -> None:
    assert scale_at(parse_profile("1x for 2m, ramp to 3x over 5m, hold 5m"), seconds) == scale


def test_a_steady_part_after_another_scale_is_a_jump() -> None:
    profile = parse_profile("1x for 10s, 4x for 10s")

    assert profile == [Stage(1, 10), Stage(4, 0), Stage(4, 10)]
    assert [scale_at(profile, seconds) for seconds in (9.9, 10.1)] == [1, 4]


def test_a_profile_that_begins_with_a_ramp_begins_at_nothing() -> None:
    assert scale_at(parse_profile("ramp to 2x over 10s"), 5) == 1


@pytest.mark.parametrize(
    "text", ["", "up", "hold 5m", "1x", "1x for ever", "ramp to x over 1m", "1x for 1m,, hold 1m"]
)
def test_what_is_no_profile_is_one_line(text: str) -> None:
    with pytest.raises(ReplayError):
        parse_profile(text)

"""Load profiles: ``1x for 2m, ramp to 3x over 5m, hold 5m``."""

from __future__ import annotations

import re

from replay.cli.values import duration_s
from replay.errors import ReplayError
from replay.runspec import Stage

_STEADY = re.compile(r"(\d+(?:\.\d+)?)\s*x\s+for\s+(\S+)")
_RAMP = re.compile(r"ramp\s+to\s+(\d+(?:\.\d+)?)\s*x\s+over\s+(\S+)")
_HOLD = re.compile(r"hold\s+(?:for\s+)?(\S+)")


def parse_profile(text: str) -> list[Stage]:
    """The stages of a profile. A steady part after another scale is a jump (a stage of no length) and a hold.

    Raises:
        ReplayError: a part is none of ``2x for 1m``, ``ramp to 3x over 5m``, ``hold 5m``.
    """
    stages: list[Stage] = []
    for part in (part.strip().lower() for part in text.split(",")):
        before = stages[-1].scale if stages else 0.0
        if match := _STEADY.fullmatch(part):
            if stages and float(match[1]) != before:
                stages.append(Stage(float(match[1]), 0.0))
            stages.append(Stage(float(match[1]), duration_s(match[2])))
        elif match := _RAMP.fullmatch(part):
            if not stages:
                stages.append(Stage(0.0, 0.0))
            stages.append(Stage(float(match[1]), duration_s(match[2])))
        elif (match := _HOLD.fullmatch(part)) and stages:
            stages.append(Stage(before, duration_s(match[1])))
        else:
            raise ReplayError(f"--profile '{part[:60]}': write '2x for 1m', 'ramp to 3x over 5m' or 'hold 5m'.")
    return stages

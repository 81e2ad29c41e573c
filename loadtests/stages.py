"""The scale that a load profile asks for, over time. Pure, so that it can be tested without Locust."""

from __future__ import annotations

from collections.abc import Sequence

from replay.runspec import Stage


def scale_at(profile: Sequence[Stage], seconds: float) -> float | None:
    """The scale that ``profile`` asks for at ``seconds``; None when it is over."""
    before, start = profile[0].scale, 0.0
    for stage in profile:
        if seconds < start + stage.seconds:
            return before + (stage.scale - before) * (seconds - start) / stage.seconds
        before, start = stage.scale, start + stage.seconds
    return None

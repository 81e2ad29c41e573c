"""Load profiles as a Locust shape: the scale over time, on the run clock."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

from locust import LoadTestShape

from loadtests.stages import scale_at
from replay.runspec import SPEC_VARIABLE, RunSpec, read_spec

_AT_ONCE = 1_000_000.0


class ProfileShape(LoadTestShape):
    """Follows the profile of the run; when it is over, its last scale stays until the schedule ends."""

    _epoch_ns: ClassVar[int | None] = None
    _spec: ClassVar[RunSpec | None] = None

    @classmethod
    def begin(cls, epoch_ns: int) -> None:
        """The run clock is zero at ``epoch_ns`` of the monotonic clock."""
        cls._epoch_ns = epoch_ns

    def tick(self) -> tuple[int, float]:
        """Locust asks for the users of this second, and how fast to reach them."""
        if ProfileShape._spec is None:
            ProfileShape._spec = read_spec(Path(os.environ[SPEC_VARIABLE]))
        spec = ProfileShape._spec
        seconds = 0.0 if self._epoch_ns is None else max(0.0, (time.monotonic_ns() - self._epoch_ns) / 1e9)
        scale = scale_at(spec.profile, seconds)
        if scale is None:
            scale = spec.profile[-1].scale
        return max(1, round(scale * spec.users_at_once)), _AT_ONCE

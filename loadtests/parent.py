"""Locust's processes do not outlive ``replay run``, not even one that is stopped or hangs while that is killed."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when ``replay run`` ends (prctl(2), PR_SET_PDEATHSIG; Linux).

    Nothing is lost by it: samples are the engine's, which sees its worker go, records what is open and ends in order.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

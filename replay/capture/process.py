"""What every process of a capture does for the secrecy of its memory."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """Let this process neither dump core nor be traced by others of its user (prctl(2), PR_SET_DUMPABLE; Linux)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def place(error: BaseException) -> str:
    """The type of ``error`` and the line of ours that it came from; its message may quote what a person sent."""
    trace = error.__traceback__
    where = "?"
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "/replay/" in name or where == "?":
            where = f"{name.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {where}"

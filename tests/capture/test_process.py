"""No process of a capture leaves its memory or a message behind."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from replay.capture.process import place


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_that_forbade_dumps_can_neither_dump_nor_be_traced() -> None:
    code = (
        "import ctypes, resource\n"
        "from replay.capture.process import forbid_dumps\n"
        "before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "forbid_dumps()\n"
        "print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "1 0 (0, 0)\n"


def test_an_error_is_its_type_and_place_and_never_its_message() -> None:
    try:
        msgspec.json.decode(b'{"Qanary": nonsense}')
    except msgspec.DecodeError as error:
        told = place(error)

    assert told.startswith("DecodeError at test_process.py:")
    assert "anary" not in told

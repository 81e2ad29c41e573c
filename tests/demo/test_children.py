"""No child outlives its block: not the willing, not the stubborn, not their children, not when interrupted."""

# ruff: noqa: PT012 - what is tested is how a block ends

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from replay.demo.children import Children

SLEEPER = "import time; time.sleep(60)"
STUBBORN = """
    import signal, subprocess, sys, time
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    open(sys.argv[1], "w").write(str(child.pid))
    time.sleep(60)
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code), *arguments]


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_written(path: Path) -> str:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} was never written")


def test_a_finished_child_gives_its_exit_code() -> None:
    with Children() as children:
        assert children.run(python("raise SystemExit(3)")) == 3


def test_children_are_ended_with_the_block() -> None:
    with Children() as children:
        first, second = children.start(python(SLEEPER)), children.start(python(SLEEPER), piped=True)
        assert is_running(first.pid)

    assert not is_running(first.pid)
    assert not is_running(second.pid)


def test_children_are_ended_when_the_block_fails() -> None:
    with pytest.raises(ValueError, match="broken"), Children() as children:
        child = children.start(python(SLEEPER))
        raise ValueError("broken")

    assert not is_running(child.pid)


def test_a_child_that_ignores_every_request_is_killed_with_its_own_child(tmp_path: Path) -> None:
    with Children(grace_s=0.2) as children:
        child = children.start(python(STUBBORN, str(tmp_path / "pid")))
        grandchild = int(wait_until_written(tmp_path / "pid"))
        assert is_running(grandchild)

    assert not is_running(child.pid)
    assert not is_running(grandchild)


def test_an_ended_child_gives_the_exit_code_that_it_chose() -> None:
    polite = """
        import signal, sys, time
        signal.signal(signal.SIGINT, lambda *_: sys.exit(4))
        print("ready", flush=True)
        time.sleep(60)
    """
    with Children() as children:
        child = children.start(python(polite), piped=True)
        assert child.stdout
        child.stdout.readline()

        assert children.end(child) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_and_ends_all(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), Children() as children:
        child = children.start(python(SLEEPER))
        threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
        child.wait(20)

    assert not is_running(child.pid)
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_break_off_the_clearing_up(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Children(grace_s=1.0) as children:
        child = children.start(python(STUBBORN, str(tmp_path / "pid")))
        grandchild = int(wait_until_written(tmp_path / "pid"))
        for after_s in (0.1, 0.6, 0.9):
            threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGINT)).start()
        child.wait(20)

    assert not is_running(child.pid)
    assert not is_running(grandchild)


def test_a_child_that_ended_by_itself_needs_nothing() -> None:
    with Children() as children:
        child = children.start(python(""))
        child.wait(10)

        assert children.end(child) == 0


def test_a_command_that_cannot_start_leaves_the_others_to_be_ended() -> None:
    with pytest.raises(FileNotFoundError), Children() as children:
        child = children.start(python(SLEEPER))
        children.start(["/no/such/command"])

    assert isinstance(child, subprocess.Popen)
    assert not is_running(child.pid)

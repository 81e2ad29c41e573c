"""Planted values through the real proxy: none of them in anything that the run leaves."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from recall import Plant, plants
from wire import send_http1, send_http2, serving

from replay.audit.canaries import Canary
from replay.audit.reading import files
from replay.audit.scan import PLANTED, audit
from tests.every_log import logging_into

pytestmark = [pytest.mark.leak, pytest.mark.e2e, pytest.mark.timeout(240)]

PATIENCE_S = 40.0
# Among hundreds of dates of the same sixty years two are equal by chance: test_recall searches them, under two keys.
TOO_FEW_VALUES = {"birth date", "date, slashed", "date, impossible"}


@dataclass
class Run:
    """A capture under way and the folder that holds everything it leaves."""

    left: Path
    process: subprocess.Popen[bytes]
    port: int

    @property
    def capture(self) -> Path:
        return self.left / "capture"


def replay(left: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A command of ours; what it prints and logs goes into files, with its own temporary folder, below ``left``."""
    temporary = left / "tmp"
    temporary.mkdir(exist_ok=True)
    with (left / f"{name}.out").open("wb") as out, (left / f"{name}.err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "replay", *arguments],
            stdout=out,
            stderr=err,
            cwd=left,
            env=os.environ | {"TMPDIR": str(temporary)} | logging_into(left / "logs"),
            start_new_session=True,
        )


@contextmanager
def capturing(left: Path, upstream: int, *options: str) -> Iterator[Run]:
    process = replay(
        left, "capture", "capture", str(left / "capture"), "--upstream", f"http://127.0.0.1:{upstream}",
        "--listen", "127.0.0.1:0", "--policy", "builtin:strict", *options,
    )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE_S
        said = ""
        while "capturing:" not in said:
            said = (left / "capture.err").read_text() + (left / "capture.out").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.02)
        yield Run(left, process, int(said.partition("127.0.0.1:")[2].partition(" ")[0]))
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.wait()


def note_processes(run: Run) -> None:
    """Write down what every process of the run shows of itself: arguments, environment, open files."""
    lines = []
    for process in [psutil.Process(run.process.pid), *psutil.Process(run.process.pid).children(recursive=True)]:
        shown = ("cmdline", "environ", "status", "comm")
        lines += [(Path("/proc") / str(process.pid) / name).read_bytes() for name in shown]
        lines += [path.path.encode() for path in process.open_files()]
    (run.left / "processes.bin").write_bytes(b"\n".join(lines))


def stop(run: Run) -> int:
    run.process.send_signal(signal.SIGINT)
    return run.process.wait(PATIENCE_S)


def leaks(left: Path, planted: list[Plant]) -> list[str]:
    """What the auditor finds of the plants in everything below ``left``, without a value."""
    needles = [(plant, needle) for plant in planted for needle in plant.value.needles]
    found = audit(files([left]), [Canary(line, needle) for line, (_, needle) in enumerate(needles, 1)])
    assert found.unreadable == []
    return sorted(
        f"{needles[each.canary - 1][0].place} · {needles[each.canary - 1][0].value.kind}: "
        f"{Path(each.file).name} {each.record} {each.pointer} {each.form}"
        for each in found.findings
        if each.kind == PLANTED
    )


def certain(run: Callable[[Path], list[str]], folder: Path) -> list[str]:
    """What ``run`` finds under two keys, each in a folder of its own; it need not run twice where it finds nothing.

    Among a million pieces of eight characters one may be written for another by chance; a leak is there each time.
    """
    (folder / "one").mkdir()
    found = run(folder / "one")
    if not found:
        return []
    (folder / "other").mkdir()
    again = {line.partition(": ")[0] for line in run(folder / "other")}
    return [line for line in found if line.partition(": ")[0] in again]


def test_nothing_that_a_capture_leaves_holds_a_planted_value(tmp_path: Path) -> None:
    planted = plants(seed=41, without=TOO_FEW_VALUES)

    def found(left: Path) -> list[str]:
        with serving(planted) as service, capturing(left, service.port) as run:
            send_http1(run.port, planted)
            note_processes(run)
            time.sleep(1.2)  # the sanitiser flushes once a second
            exit_code = stop(run)
        for name, *arguments in (
            ("inspect", str(run.capture)),
            ("cat", str(run.capture)),
            ("baseline", str(run.capture), "-o", str(left / "production")),
            ("plan", str(run.capture), "-o", str(left / "leaktest.plan")),
            ("compare", str(left / "production"), str(left / "production"), "-o", str(left / "compared")),
        ):
            replay(left, name, name, *arguments).wait(PATIENCE_S)

        assert exit_code == 0, (left / "capture.err").read_text()
        assert len([plant for plant in planted if plant.number in service.answered]) >= 3_300
        assert len((left / "cat.out").read_bytes().splitlines()) >= 3_300
        assert (left / "leaktest.plan" / "plan.json").is_file()
        logs = [path.read_text() for path in (left / "logs").iterdir()]
        assert len(logs) >= 8  # three processes of the capture, five verbs
        assert any("mitmproxy" in log for log in logs)
        return leaks(left, planted)

    assert certain(found, tmp_path) == []


def certificate(folder: Path) -> Path:
    """A key and a certificate of its own for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "localhost.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    path.chmod(0o600)
    return path


def test_nothing_that_a_capture_of_http2_leaves_holds_a_planted_value(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    planted = plants(seed=42, kinds_a_place=2, without=TOO_FEW_VALUES)
    pem = certificate(tmp_path_factory.mktemp("tls"))

    def found(left: Path) -> list[str]:
        with serving(planted) as service, capturing(left, service.port, "--tls-cert", str(pem)) as run:
            answered = send_http2(run.port, planted)
            note_processes(run)
            time.sleep(1.2)
            exit_code = stop(run)

        assert exit_code == 0, (left / "capture.err").read_text()
        assert answered >= 500
        return leaks(left, planted)

    assert certain(found, tmp_path) == []

"""How faithfully the recorded times are kept: a server writes down when each request came.

    python benchmarks/timing.py [--seconds 60] [--rate 48000]

A steady trace at 200 requests/s and a bursty one at ``--rate`` (half of what ``benchmarks/engine.py`` measures), in
about five minutes: 200 routes, Locust's web page on, the server on a core of its own. Beside them stand what others
do: sleeping the gap to the next request, and Locust's ``constant_throughput``. Targets, on a quiet machine: lag
p99 ≤ 1 ms, p99.9 ≤ 5 ms, drift ≤ 1 µs/s, nothing early, no order violated within a session, KS distance of the gaps
from 1 ms on ≤ 0.02.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import HOST, ROOT, arrivals_server, bursty, column, cores, poisson, write_plan

SESSIONS = 1000
CONNECTIONS = 64
MS = 1_000_000
LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, task
class Paced(FastHttpUser):
    wait_time = constant_throughput({each})
    @task
    def get(self):
        self.client.get("/a?n=0", name="a")
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """How the arrivals of one trace compare with what was planned."""

    name: str
    requests: int
    lag_ms: tuple[float, float, float]
    """p50, p99, p99.9 of the generator's lateness."""
    early: int
    drift_us_per_s: float
    out_of_order: int
    ks: float

    def line(self) -> str:
        p50, p99, p999 = self.lag_ms
        return (
            f"{self.name:<46} {self.requests:>9,} {p50:>8.3f} {p99:>8.3f} {p999:>8.3f} {self.early:>6} "
            f"{self.drift_us_per_s:>10.2f} {self.out_of_order:>6} {self.ks:>6.3f}"
        )


HEADER = " " * 46 + "  requests  lag p50      p99 p99.9 ms  early drift µs/s  order     KS"


def compare(name: str, due: np.ndarray, arrivals: np.ndarray, lag_ns: np.ndarray | None) -> Timing:
    """The figures of one trace; a row of ``arrivals`` is a request's number and when it came on its clock."""
    order = np.argsort(arrivals[:, 1], kind="stable")
    number, came = arrivals[order].T
    late = came - due[number]
    lag = late if lag_ns is None else lag_ns
    last: dict[int, int] = {}
    out_of_order = 0
    for one in number.tolist():
        out_of_order += one < last.get(one % SESSIONS, -1)
        last[one % SESSIONS] = one
    gaps, planned = np.diff(came), np.diff(due)
    long, planned_long = gaps[gaps >= MS], planned[planned >= MS]
    return Timing(
        name=name,
        requests=len(number),
        lag_ms=tuple(np.percentile(lag, [50, 99, 99.9]) / MS),  # type: ignore[arg-type]
        early=int((late < 0).sum()),
        drift_us_per_s=float(stats.theilslopes(*_thinned(late, due[number])).slope * 1e6),
        out_of_order=out_of_order,
        ks=float(stats.ks_2samp(long, planned_long).statistic) if len(long) and len(planned_long) else float("nan"),
    )


def _thinned(values: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians of a hundred parts: the slope of all pairs of a million points would take for ever."""
    parts = np.array_split(np.arange(len(values)), min(100, len(values)))
    return (
        np.array([np.median(values[part]) for part in parts]),
        np.array([np.median(at[part]) for part in parts]),
    )


def arrived(log: Path) -> np.ndarray:
    """Number and monotonic time of the requests that the server got, without those that carry no number."""
    pairs = np.frombuffer(log.read_bytes(), np.int64).reshape(-1, 2)
    return pairs[pairs[:, 0] >= 0]


def replayed(name: str, due: np.ndarray, folder: Path) -> Timing:
    """``replay run`` on a trace, open loop, 200 routes, with Locust's page."""
    _, other = cores()
    plan = write_plan(folder / "plan", due, routes=200, sessions=SESSIONS)
    with arrivals_server(folder / "log", other) as port:
        program = "from replay.cli.main import main; main()"
        options = ["--no-preflight", "--mode", "open", "--processes", "1", "--ui", "-o", str(folder / "out")]
        options += ["--connections", str(CONNECTIONS), "--max-in-flight", "1000000"]
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}=http://127.0.0.1:{port}"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)
    request, ready, intended, sent = (
        column(folder / "out", name) for name in ("request", "ready", "intended", "sent")
    )
    arrivals = arrived(folder / "log")
    # Both processes read one clock, but the zero of the run's is not in its folder. The least of arrival − sent is
    # that zero plus the shortest way to the server: requests may look that much too early, never too late.
    sent_by_number = np.full(len(due), -1)
    sent_by_number[request] = sent
    arrivals[:, 1] -= (arrivals[:, 1] - sent_by_number[arrivals[:, 0]]).min()
    return compare(name, due, arrivals, ready - intended)


def relative_sleep(due: np.ndarray, folder: Path) -> Timing:
    """What naive replayers do: send, then sleep the recorded gap to the next request."""
    _, other = cores()
    with arrivals_server(folder / "log", other) as port:
        started = time.monotonic_ns() - int(due[0])
        for number, gap in enumerate(np.diff(due, append=due[-1]).tolist()):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/a?n={number}", timeout=10).read()
            time.sleep(gap / 1e9)
    arrivals = arrived(folder / "log")
    arrivals[:, 1] -= started
    return compare("relative sleep, one request after the other", due, arrivals, None)


def constant_throughput(due: np.ndarray, seconds: int, folder: Path) -> str:
    """Locust's own pacing at the same mean rate; it knows no recorded time, so only its gaps can be compared."""
    _, other = cores()
    file = folder / "locustfile.py"
    users = 50
    file.write_text(LOCUSTFILE.format(each=len(due) / seconds / users))
    with arrivals_server(folder / "log", other) as port:
        options = [
            "--headless",
            "-u",
            str(users),
            "-r",
            "1000",
            "-t",
            f"{seconds}s",
            "-H",
            f"http://127.0.0.1:{port}",
        ]
        command = [sys.executable, "-m", "locust", "-f", str(file), *options, "--only-summary"]
        subprocess.run(command, check=True, capture_output=True)
    came = np.sort(arrived(folder / "log")[:, 1])
    gaps, planned = np.diff(came), np.diff(due)
    ks = stats.ks_2samp(gaps[gaps >= MS], planned[planned >= MS]).statistic
    name = "Locust constant_throughput, same mean rate"
    return f"{name:<46} {len(came):>9,} {'no recorded time, no lag':>54} {ks:>6.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, default=48_000)
    options = parser.parse_args()
    slow, fast = poisson(200, options.seconds), bursty(options.rate, options.seconds)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in "abcd"]
        for folder in folders:
            folder.mkdir()
        print(HEADER)
        print(replayed("replay run, Poisson, 200/s", slow, folders[0]).line())
        print(replayed(f"replay run, bursty, {options.rate:,.0f}/s", fast, folders[1]).line())
        print(relative_sleep(slow[: 200 * min(options.seconds, 20)], folders[2]).line())
        print(constant_throughput(slow, options.seconds, folders[3]))


if __name__ == "__main__":
    main()

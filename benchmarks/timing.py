"""How faithfully the recorded times are kept: a server writes down when each request came.

    python benchmarks/timing.py [--seconds 60] [--rate R] [steady] [bursty] [others]

A steady trace at 200 requests/s and a bursty one at ``--rate``, by default half of what this machine carries with the
server that records (measured first), in about five minutes: 200 routes, Locust's web page on, the server on a core of
its own. Beside them stand what others
do: sleeping the gap to the next request, and Locust's ``constant_throughput``. Targets, on a quiet machine: lag
p99 ≤ 1 ms, p99.9 ≤ 5 ms, drift ≤ 1 µs/s, nothing early, no order violated within a session, KS distance of the gaps
from 1 ms on ≤ 0.02.

That distance is told twice: of the gaps that were *planned* so long, between the same two requests, and of all gaps
that *came* so long. In a burst of 36,000/s no gap is planned between 1 ms and the pauses of the source, so that every
millisecond for which the server, the machine or the engine stands still is one gap more than planned; the last two
columns say how many there were at the server, and how many of them as the engine took up its requests (``ready``).
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
OVERLOAD_PER_S = 150_000
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
    ks_planned: float
    """Of gaps that were planned as long, as they came between the same requests."""
    ks_came: float
    """Of gaps that came as long, whichever they were."""
    unplanned: int
    """Long gaps between arrivals where none was planned."""
    unplanned_here: float
    """The same, as the engine was free to send; not a number where that is not known."""

    def line(self) -> str:
        p50, p99, p999 = self.lag_ms
        return (
            f"{self.name:<46} {self.requests:>9,} {p50:>8.3f} {p99:>8.3f} {p999:>8.3f} {self.early:>6} "
            f"{self.drift_us_per_s:>10.2f} {self.out_of_order:>6} {self.ks_planned:>8.3f} {self.ks_came:>6.3f} "
            f"{self.unplanned:>9} {self.unplanned_here:>6.0f}"
        )


HEADER = f"{'':<46}  requests  lag p50      p99 p99.9 ms  early drift µs/s  order  KS plan   came unplanned   here"


def compare(name: str, due: np.ndarray, arrivals: np.ndarray, ready_by_number: np.ndarray | None = None) -> Timing:
    """The figures of one trace; a row of ``arrivals`` is a request's number and when it came on its clock.

    Lag is that of ``ready_by_number``, where it is known when the generator was free to send, else of the arrivals.
    """
    order = np.argsort(arrivals[:, 1], kind="stable")
    number, came = arrivals[order].T
    late = came - due[number]
    lag = late if ready_by_number is None else ready_by_number - due
    last: dict[int, int] = {}
    out_of_order = 0
    for one in number.tolist():
        out_of_order += one < last.get(one % SESSIONS, -1)
        last[one % SESSIONS] = one
    planned = np.diff(due)
    by_number = np.empty(len(due), np.int64)
    by_number[number] = came
    same = np.diff(by_number)[planned >= MS]
    return Timing(
        name=name,
        requests=len(number),
        lag_ms=tuple(np.percentile(lag, [50, 99, 99.9]) / MS),
        early=int((late < 0).sum()),
        drift_us_per_s=float(stats.theilslopes(*_thinned(late, due[number])).slope * 1e6),
        out_of_order=out_of_order,
        ks_planned=_distance(same, planned),
        ks_came=_distance(_long(came), planned),
        unplanned=_unplanned(came, planned),
        unplanned_here=float("nan") if ready_by_number is None else _unplanned(ready_by_number, planned),
    )


def _long(times: np.ndarray) -> np.ndarray:
    """The gaps of at least a millisecond between ``times``."""
    gaps = np.diff(np.sort(times))
    return gaps[gaps >= MS]


def _unplanned(times: np.ndarray, planned: np.ndarray) -> int:
    return max(0, len(_long(times)) - int((planned >= MS).sum()))


def _distance(gaps: np.ndarray, planned: np.ndarray) -> float:
    """Kolmogorov and Smirnov's distance of ``gaps`` from those that were planned from a millisecond on."""
    return float(stats.ks_2samp(gaps, planned[planned >= MS]).statistic) if len(gaps) else float("nan")


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


def replay(due: np.ndarray, folder: Path) -> np.ndarray:
    """What arrived of ``replay run`` on a trace, open loop, 200 routes, with Locust's page."""
    _, other = cores()
    plan = write_plan(folder / "plan", due, routes=200, sessions=SESSIONS)
    with arrivals_server(folder / "log", other) as port:
        program = "from replay.cli.main import main; main()"
        options = ["--no-preflight", "--mode", "open", "--processes", "1", "--ui", "-o", str(folder / "out")]
        options += ["--connections", str(CONNECTIONS), "--max-in-flight", "1000000"]
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}=http://127.0.0.1:{port}"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)
    return arrived(folder / "log")


def top_rate(folder: Path) -> float:
    """Requests a second that engine and server carry when far more are due."""
    came = np.sort(replay(poisson(OVERLOAD_PER_S, 3), folder)[:, 1])
    return float(len(came) / (came[-1] - came[0]) * 1e9)


def replayed(name: str, due: np.ndarray, folder: Path) -> Timing:
    """How ``replay run`` keeps the times of a trace."""
    arrivals = replay(due, folder)
    request, ready, sent = (column(folder / "out", name) for name in ("request", "ready", "sent"))
    # Both processes read one clock, but the zero of the run's is not in its folder. The least of arrival − sent is
    # that zero plus the shortest way to the server: requests may look that much too early, never too late.
    sent_by_number, ready_by_number = np.empty(len(due), np.int64), np.empty(len(due), np.int64)
    sent_by_number[request], ready_by_number[request] = sent, ready
    arrivals[:, 1] -= (arrivals[:, 1] - sent_by_number[arrivals[:, 0]]).min()
    return compare(name, due, arrivals, ready_by_number)


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
    return compare("relative sleep, one request after the other", due, arrivals)


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
    planned = np.diff(due)
    name = "Locust constant_throughput, same mean rate"
    return f"{name:<46} {len(came):>9,} {'no recorded time, no lag':>63} {_distance(_long(came), planned):>6.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=float, help="mean rate of the bursty trace")
    parser.add_argument("parts", nargs="*", metavar="PART", help="steady, bursty, others; all of them by default")
    options = parser.parse_args()
    parts = options.parts or ["steady", "bursty", "others"]
    slow = poisson(200, options.seconds)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in "abcde"]
        for folder in folders:
            folder.mkdir()
        rate = options.rate
        if rate is None and "bursty" in parts:
            carried = top_rate(folders[4])
            rate = carried / 2
            print(f"carried: {carried:,.0f} requests/s")
        print(HEADER)
        if "steady" in parts:
            print(replayed("replay run, Poisson, 200/s", slow, folders[0]).line())
        if "bursty" in parts:
            print(replayed(f"replay run, bursty, {rate:,.0f}/s", bursty(rate, options.seconds), folders[1]).line())
        if "others" in parts:
            print(relative_sleep(slow[: 200 * min(options.seconds, 20)], folders[2]).line())
            print(constant_throughput(slow, options.seconds, folders[3]))


if __name__ == "__main__":
    main()

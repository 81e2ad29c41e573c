"""Whether a stall of the target is in the figures: the server stands still for 1.4 s under an open-loop trace.

    python benchmarks/stall.py [--seconds 20] [--rate 100]

The model knows the plan and the server's own log, and of the run its zero and the median time of an answer alone:
requests that were planned within the stall are answered after its end, one after the other at the pace of its
log, any other after the median time. Target: percentiles of the response time within 1 % of the model's. Locust's
FastHttpUser at the same mean rate stands beside it: its users wait for the stall's end and send nothing meanwhile, so
the stall is no more than one slow request a user.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arrival_server import STALL_BEGAN, STALL_ENDED
from benchmarks.synthetic import HOST, ROOT, arrivals_server, column, cores, poisson, write_plan

STALL_S = 1.4
PERCENTILES = (50.0, 95.0, 97.0, 99.0, 99.9)
USERS = 20
LOCUSTFILE = """
from locust import FastHttpUser, constant_throughput, events, task
TOOK = []
@events.request.add_listener
def _(response_time, **_):
    TOOK.append(response_time)
@events.quitting.add_listener
def _(environment, **_):
    open({out!r}, "w").write(" ".join(map(str, TOOK)))
class Paced(FastHttpUser):
    wait_time = constant_throughput({each})
    @task
    def get(self):
        self.client.get("/a?n=0", name="a")
"""


def replayed(due: np.ndarray, after_s: float, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Response times of ``replay run`` and of the model, in milliseconds."""
    _, other = cores()
    plan = write_plan(folder / "plan", due)
    with arrivals_server(folder / "log", other, stall=(after_s, STALL_S)) as port:
        program = "from replay.cli.main import main; main()"
        options = ["--no-preflight", "--mode", "open", "--processes", "1", "-o", str(folder / "out")]
        command = [sys.executable, "-c", program, "run", str(plan), "--target", f"{HOST}=http://127.0.0.1:{port}"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)
    request, sent, intended, end = (column(folder / "out", name) for name in ("request", "sent", "intended", "end"))
    log = np.frombuffer((folder / "log").read_bytes(), np.int64).reshape(-1, 2)
    [began], [ended] = (log[log[:, 0] == mark, 1] for mark in (STALL_BEGAN, STALL_ENDED))
    arrivals = log[log[:, 0] >= 0]
    sent_by_number = np.zeros(len(due), np.int64)
    sent_by_number[request] = sent
    zero = (arrivals[:, 1] - sent_by_number[arrivals[:, 0]]).min()  # the run clock's, but for the way to the server
    took = (end - intended) / 1e6
    owed = due[(due >= began - zero) & (due < ended - zero)]
    behind = np.sort(arrivals[arrivals[:, 1] >= ended, 1])[: len(owed)]
    pace_ns = (behind[-1] - ended) / len(owed)
    answered = ended - zero + pace_ns * np.arange(1, len(owed) + 1)
    others = np.full(len(due) - len(owed), np.median(took))
    return took, np.concatenate([(answered - owed) / 1e6, others])


def fast_http_user(rate_per_s: float, seconds: int, after_s: float, folder: Path) -> np.ndarray:
    """Response times, in milliseconds, as Locust's own client measures them at the same mean rate."""
    _, other = cores()
    file, out = folder / "locustfile.py", folder / "took"
    file.write_text(LOCUSTFILE.format(each=rate_per_s / USERS, out=str(out)))
    with arrivals_server(folder / "log", other, stall=(after_s, STALL_S)) as port:
        options = ["--headless", "-u", str(USERS), "-r", "1000", "-t", f"{seconds}s", "--only-summary"]
        command = [sys.executable, "-m", "locust", "-f", str(file), "-H", f"http://127.0.0.1:{port}", *options]
        subprocess.run(command, check=True, capture_output=True)
    return np.array(out.read_text().split(), float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=float, default=100)
    options = parser.parse_args()
    after_s = options.seconds / 2
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in "ab"]
        for folder in folders:
            folder.mkdir()
        took, model = replayed(poisson(options.rate, options.seconds), after_s, folders[0])
        fast = fast_http_user(options.rate, options.seconds, after_s, folders[1])
    print(f"{'response time, ms':<28} {'requests':>9} " + "".join(f"{f'p{level:g}':>10}" for level in PERCENTILES))
    rows = {"model of the stall": model, "replay run": took, "Locust FastHttpUser": fast}
    for title, values in rows.items():
        print(
            f"{title:<28} {len(values):>9,} " + "".join(f"{at:>10.1f}" for at in np.percentile(values, PERCENTILES))
        )
    off = np.percentile(took, PERCENTILES) / np.percentile(model, PERCENTILES) - 1
    print(f"{'replay run against the model':<28} {'':>9} " + "".join(f"{share:>10.2%}" for share in off))


if __name__ == "__main__":
    main()

"""False alarms and power of 'replay history': simulated series of nightly runs whose truth is known.

Each history has 21 series (the total and ten routes, p50 and p95) of which half of the noise is common. Shown is the
share of histories with at least one lasting change reported, and beside it what t-tests at the best split would say.

    python benchmarks/history.py [--reps 200] [--seed 1]
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy.signal import lfilter
from scipy.stats import ttest_ind

from analysis.changepoint import LEAST_SEGMENT
from analysis.history import HistoryRun, Series, lasting_changes

SERIES = 21


def noise(rng: np.random.Generator, shape: tuple[int, int], likeness: float, tails: bool) -> np.ndarray:
    """Unit-variance autoregressive noise, shape (series, runs)."""
    draws = (
        rng.standard_t(3, (shape[0], shape[1] + 50)) / math.sqrt(3)
        if tails
        else rng.standard_normal((shape[0], shape[1] + 50))
    )
    return lfilter([1.0], [1.0, -likeness], draws, axis=1)[:, 50:] * math.sqrt(1 - likeness**2)


def history(rng: np.random.Generator, runs: int, sd: float, likeness: float, tails: bool) -> np.ndarray:
    """Log latencies, shape (series, runs)."""
    common = noise(rng, (1, runs), likeness, tails)
    own = noise(rng, (SERIES, runs), likeness, tails)
    return sd * (common + own) / math.sqrt(2)


def reported(logs: np.ndarray) -> list[tuple[str, str]]:
    """Series and run of every lasting change that is reported."""
    series = [Series(f"r{i}", 0.5, np.exp(row).tolist()) for i, row in enumerate(logs)]
    runs = [HistoryRun(f"{i:04d}", f"{i:04d}", "READY", None) for i in range(logs.shape[1])]
    return [(change.route, change.run) for change in lasting_changes(series, runs, 0.05)]


def split_t(logs: np.ndarray) -> bool:
    """Whether the best split of any series passes a t-test at 5 % and 5 % of change."""
    for row in logs:
        for k in range(LEAST_SEGMENT, row.size - LEAST_SEGMENT + 1):
            if abs(row[:k].mean() - row[k:].mean()) > math.log(1.05) and ttest_ind(row[:k], row[k:]).pvalue < 0.05:
                return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print("Histories without a change, % that report one (two standard errors at 5 %: 3 points)\n")
    print("| runs | noise between runs | neighbours alike | tails | this project | best-split t-test |")
    print("|--:|--:|--:|---|--:|--:|")
    for runs in (12, 30, 60):
        for sd, likeness, tails in (
            (0.03, 0.0, False),
            (0.03, 0.5, False),
            (0.06, 0.0, True),
            (0.06, 0.3, False),
            (0.06, 0.5, False),
            (0.06, 0.7, False),
        ):
            made = [history(rng, runs, sd, likeness, tails) for _ in range(options.reps)]
            ours = 100 * np.mean([bool(reported(logs)) for logs in made])
            theirs = 100 * np.mean([split_t(logs) for logs in made[:40]])
            print(
                f"| {runs} | {sd:.0%} | {likeness} | {'t3' if tails else 'normal'} | {ours:.1f} | {theirs:.0f} |",
                flush=True,
            )
    print("\nOne series slower from some run on (noise 3 %, alike 0.3): found, run right to ± 1, in %\n")
    print("| runs | slower by | runs since | found | run right | another series reported |")
    print("|--:|--:|--:|--:|--:|--:|")
    for runs in (12, 30, 60):
        for change in (0.10, 0.20):
            for since in (5, runs // 3, runs // 2):
                hits, right, others = 0, 0, 0
                for _ in range(options.reps):
                    logs = history(rng, runs, 0.03, 0.3, False)
                    logs[3, runs - since :] += math.log1p(change)
                    found = reported(logs)
                    hits += any(route == "r3" for route, _ in found)
                    right += any(route == "r3" and abs(int(run) - (runs - since)) <= 1 for route, run in found)
                    others += any(route != "r3" for route, _ in found)
                n = options.reps
                shares = f"{100 * hits / n:.0f} | {100 * right / n:.0f} | {100 * others / n:.1f}"
                print(f"| {runs} | {change:.0%} | {since} | {shares} |", flush=True)


if __name__ == "__main__":
    main()

"""How often does the verdict cry wolf, how often does it see the wolf, and what do the usual tests do beside it?

    python benchmarks/verdict.py [--reps 300] [--seed 1] [--part aa|margin|many] [--scenario TEXT]

The truth is known because the runs are simulated (``simulated.py``). Monte-Carlo standard error at 5 %: 1.3 points
with 300 repetitions, 0.7 with 1,000. Nothing here is asserted; what was found stands in docs/verdict.md.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict

import numpy as np
import simulated as sim
from numpy.typing import NDArray
from scipy import stats

from analysis.compare import QuantileRow, compare_quantiles
from analysis.gate_file import Gate
from analysis.histogram import Histogram, histogram_of
from analysis.interval import Difference, paired, run_noise, unpaired
from analysis.multiplicity import benjamini_hochberg, holm
from analysis.noise import RunNoise
from analysis.steadiness import unsteady
from analysis.uncertainty import Uncertainty, t_bounds
from analysis.variance import NU, QuantileEstimate, estimate_quantile, long_run_variance

P = 0.95
MARGIN = math.log(1.10)
GATE = Gate()


def histogram(run: sim.Simulated, length_s: int = sim.LENGTH_S) -> Histogram:
    """The run as the product counts it."""
    return histogram_of(
        np.round(run.latency_s * 1e9).astype(np.int64),
        (run.at_s // sim.SLICE_S).astype(np.int64),
        length_s // sim.SLICE_S,
    )


def is_held(row: QuantileRow) -> bool:
    """Whether the gate would prove nothing about this quantile."""
    return bool(unsteady(row, row.difference, GATE, MARGIN))


def plain(run: Histogram) -> QuantileEstimate:
    """The quantile with the cosine variance alone, for one of two independent runs."""
    found = estimate_quantile(run, P)
    return found.known_to(Uncertainty(long_run_variance(found.influence), t_bounds(2 * NU)))


def plain_pair(a: Histogram, b: Histogram) -> Difference:
    """The change between two runs of one schedule with the cosine variance alone."""
    of_a, of_b = (estimate_quantile(run, P) for run in (a, b))
    apart = long_run_variance(of_b.log_influence() - of_a.log_influence())
    return paired(of_a, of_b, 0.0, Uncertainty(apart, t_bounds(NU)))


def differs(difference: object, alpha: float = 0.025) -> bool:
    """Two-sided alarm at 2·alpha."""
    return difference.lower_at(alpha) > 0 or difference.upper_at(alpha) < 0  # type: ignore[attr-defined]


# ---------------------------------------------------------------- the usual tests


def iid_bootstrap(a: NDArray, b: NDArray, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of the log ratio, as if requests were independent (exact order-statistic resampling)."""
    logs = []
    for latency in (a, b):
        n = latency.size
        k = math.ceil(P * n)
        place = np.clip(np.ceil(n * rng.beta(k, n - k + 1, 2000)).astype(int) - 1, 0, n - 1)
        logs.append(np.log(np.sort(latency)[place]))
    low, high = np.quantile(logs[1] - logs[0], [0.025, 0.975])
    return float(low), float(high)


def locust_percentile(latency_s: NDArray) -> float:
    """p95 as Locust shows it: response times rounded to two significant digits before counting."""
    ms = latency_s * 1000
    scale = 10.0 ** np.maximum(0, np.floor(np.log10(np.maximum(ms, 1))) - 1)
    return float(np.quantile(np.round(ms / scale) * scale, P, method="inverted_cdf"))


def usual_alarms(a: NDArray, b: NDArray, rng: np.random.Generator) -> dict[str, bool]:
    """What each of the usual tests says about two runs."""
    low, high = iid_bootstrap(a, b, rng)
    return {
        "KS": stats.ks_2samp(a, b, method="asymp").pvalue < 0.05,
        "Mann-Whitney": stats.mannwhitneyu(a, b, method="asymptotic").pvalue < 0.05,
        "iid bootstrap": low > 0 or high < 0,
        "p95 > +10 %": bool(np.quantile(b, P) > 1.1 * np.quantile(a, P)),
        "Locust p95 > +10 %": locust_percentile(b) > 1.1 * locust_percentile(a),
    }


# ---------------------------------------------------------------- A. two runs of one build


def false_alarms(reps: int, seed: int, wanted: str = "") -> None:
    """Share of A/A pairs that are called different, in percent, of the scenarios whose names hold ``wanted``."""
    print("A. Two independent runs of one build, p95: called different, in % (two-sided 5 %; thresholds one-sided)")
    print(
        "   plain: cosine variance alone. ours: widened for drift. gated: with the assumed run noise of 3 %, as the"
    )
    print(
        "   default gate does. held: share on which the gate proves nothing; given a word: alarms among the rest.\n"
    )
    columns = ["KS", "Mann-Whitney", "iid bootstrap", "p95 > +10 %", "Locust p95 > +10 %"]
    columns += ["plain", "ours", "gated", "held", "given a word", "8 A/A runs"]
    print(f"{'scenario':28s}" + "".join(f"{name:>20s}" for name in columns) + f"{'deff':>8s}{'T/tau':>8s}")
    for place, scenario in enumerate((*sim.STATIONARY, *sim.OTHERS)):
        if wanted not in scenario.name:
            continue
        rng = np.random.default_rng([seed, place])
        hits: dict[str, list[bool]] = defaultdict(list)
        effects, lengths = [], []
        for _ in range(reps):
            runs = [sim.simulate(rng, scenario, sim.schedule(rng)) for _ in range(2)]
            for name, alarm in usual_alarms(runs[0].latency_s, runs[1].latency_s, rng).items():
                hits[name].append(alarm)
            a, b = (histogram(run) for run in runs)
            hits["plain"].append(differs(unpaired(plain(a), plain(b), 0.0)))
            hits["ours"].append(differs(compare_quantiles(a, b, [P], RunNoise(0.0), False)[P].difference))
            gated = compare_quantiles(a, b, [P], RunNoise(0.03), False)[P]
            held = is_held(gated)
            hits["gated"].append(differs(gated.difference) and not held)
            hits["held"].append(held)
            if not held:
                hits["given a word"].append(differs(gated.difference))
            if scenario is sim.S5:
                earlier = [
                    estimate_quantile(histogram(sim.simulate(rng, scenario, sim.schedule(rng))), P) for _ in range(8)
                ]
                slopes = [e.slope() * e.se for e in earlier]
                noise = RunNoise(run_noise([e.log_value for e in earlier], slopes), runs=8)
                hits["8 A/A runs"].append(differs(compare_quantiles(a, b, [P], noise, False)[P].difference))
            effects.append(gated.baseline.design_effect)
            lengths.append(gated.time_constants)
        cells = [f"{100 * np.mean(hits[name]):20.1f}" if hits[name] else f"{'':>20s}" for name in columns]
        print(f"{scenario.name:28s}{''.join(cells)}{np.median(effects):8.1f}{np.median(lengths):8.0f}", flush=True)
    print()


# ---------------------------------------------------------------- B. one schedule, a known change


def words(reps: int, seed: int, wanted: str = "") -> None:
    """How often each word is said about a known change of p95, the margin being 10 %."""
    print("B. Two runs of one schedule (70 % of drift and sessions come with it), margin +10 % on p95, alpha 5 %")
    print("   READY / NOT READY / INCONCLUSIVE in %; plain: cosine variance alone; cover: the 90 % interval holds")
    print("   the truth; flagged: proved slower\n")
    print(
        f"{'scenario':28s}{'truth':>7s}{'iid':>20s}{'plain paired':>20s}{'unpaired':>20s}{'paired':>20s}"
        f"{'paired, 3 % noise':>20s}{'cover iid':>11s}{'plain':>8s}{'unpaired':>10s}{'paired':>8s}{'flagged':>9s}"
        f"{'noise':>7s}"
    )
    for place, scenario in enumerate((sim.S0, sim.S3, sim.S4)):
        if wanted not in scenario.name:
            continue
        for factor in (1.00, 1.05, 1.10, 1.20):
            rng = np.random.default_rng([seed, 100 + place])
            said = np.zeros((5, 3))
            cover, flagged = np.zeros(4), np.zeros(2)
            for _ in range(reps):
                plan = sim.schedule(rng)
                common = sim.shared(rng, scenario, plan)
                runs = [sim.simulate(rng, scenario, plan, common, factor=f) for f in (1.0, factor)]
                a, b = (histogram(run) for run in runs)
                low, high = iid_bootstrap_90(runs[0].latency_s, runs[1].latency_s)
                rows = [
                    compare_quantiles(a, b, [P], noise, pair)[P]
                    for noise, pair in ((RunNoise(0.0), False), (RunNoise(0.0), True), (RunNoise(0.03), True))
                ]
                known = [plain_pair(a, b), *(row.difference for row in rows)]
                ends = [(low, high)] + [(each.lower_at(0.05), each.upper_at(0.05)) for each in known]
                holds = [False, False] + [is_held(row) for row in rows]
                for i, ((lower, upper), held) in enumerate(zip(ends, holds, strict=True)):
                    said[i, 2 if held else 0 if upper < MARGIN else 1 if lower > MARGIN else 2] += 1
                cover += [lower <= math.log(factor) <= upper for lower, upper in ends[:4]]
                flagged += [lower > 0 for lower, _ in ends[3:]]
            texts = ["/".join(f"{100 * count / reps:.1f}" for count in row) for row in said]
            print(
                f"{scenario.name:28s}{factor:7.2f}"
                + "".join(f"{text:>20s}" for text in texts)
                + "".join(f"{100 * c / reps:{w}.1f}" for c, w in zip(cover, (11, 8, 10, 8), strict=True))
                + f"{100 * flagged[0] / reps:9.1f}{100 * flagged[1] / reps:7.1f}",
                flush=True,
            )
    print()


def iid_bootstrap_90(a: NDArray, b: NDArray) -> tuple[float, float]:
    """The interval of independent requests at 90 %, by Woodruff's inversion."""
    ends = []
    for latency in (a, b):
        half = 1.6449 * math.sqrt(P * (1 - P) / latency.size)
        ends.append(np.log(np.quantile(latency, [P, P - half, P + half])))
    (qa, la, ua), (qb, lb, ub) = ends
    d = qb - qa
    return d - math.hypot(qb - lb, ua - qa), d + math.hypot(ub - qb, qa - la)


# ---------------------------------------------------------------- C. forty routes


def many(reps: int, seed: int) -> None:
    """False and true alarms over forty routes that share drift and stalls."""
    routes, bad = 40, (2, 8, 20)
    rates = 20.0 / np.arange(1, routes + 1) ** 0.7
    print(f"C. {routes} routes sharing one system's drift and stalls, p95, one-sided 5 %; 3 of them slower in half")
    print(
        f"{'':24s}{'runs with a false alarm %':>27s}{'false alarms/run':>18s}{'found of 3 %':>14s}{'mean FDP %':>12s}"
    )
    for factor in (1.0, 1.25):
        rng = np.random.default_rng([seed, 200])
        wrong: dict[str, list[int]] = defaultdict(list)
        right: dict[str, list[int]] = defaultdict(list)
        for _ in range(reps):
            alongs = [sim.drift(rng, sim.S3) for _ in range(2)]
            stalls = [[(rng.uniform(0, 1800), rng.uniform(1, 4)) for _ in range(rng.poisson(6))] for _ in range(2)]
            p_values = []
            for route in range(routes):
                hists = []
                for run in range(2):
                    n = int(rng.poisson(rates[route] * sim.LENGTH_S))
                    at = rng.uniform(0, sim.LENGTH_S, n)
                    log = np.log(0.08) + alongs[run][at.astype(int)] + rng.normal(0, 0.54, n)
                    latency = np.exp(log + (rng.random(n) < 0.03) * rng.exponential(0.4, n))
                    for begin, length in stalls[run]:
                        hit = (at >= begin) & (at < begin + length)
                        latency[hit] += begin + length - at[hit]
                    if run and route in bad:
                        latency = latency * factor
                    hists.append(histogram(sim.Simulated(at, latency)))
                p_values.append(
                    compare_quantiles(hists[0], hists[1], [P], RunNoise(0.0), False)[P].difference.p_above(0.0)
                )
            p = np.array(p_values)
            truly = np.isin(np.arange(routes), bad) if factor > 1 else np.zeros(routes, bool)
            for name, found in (
                ("unadjusted", p < 0.05),
                ("BH", benjamini_hochberg(p, 0.05)),
                ("Holm", holm(p, 0.05)),
            ):
                wrong[name].append(int((found & ~truly).sum()))
                right[name].append(int((found & truly).sum()))
        for name in wrong:
            w, r = np.array(wrong[name]), np.array(right[name])
            tail = f"{100 * r.mean() / 3:14.1f}{100 * np.mean(w / np.maximum(w + r, 1)):12.1f}" if factor > 1 else ""
            print(f"x{factor:4.2f} {name:18s}{100 * np.mean(w > 0):27.1f}{w.mean():18.2f}{tail}", flush=True)
    print()


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("aa", "margin", "many"))
    parser.add_argument("--scenario", default="", help="part of a scenario's name (parts aa and margin)")
    asked = parser.parse_args()
    begin = time.monotonic()
    print(f"reps {asked.reps}, seed {asked.seed}, runs of {sim.LENGTH_S} s at {sim.RATE_PER_S:g}/s\n")
    if asked.part in {None, "aa"}:
        false_alarms(asked.reps, asked.seed, asked.scenario)
    if asked.part in {None, "margin"}:
        words(max(40, asked.reps * 2 // 5), asked.seed, asked.scenario)
    if asked.part in {None, "many"}:
        many(max(20, asked.reps // 4), asked.seed)
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()

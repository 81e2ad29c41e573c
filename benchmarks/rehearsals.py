"""Real rehearsals of the bundled shop: how often an unchanged build is called different, and a worse one is caught.

    python benchmarks/rehearsals.py [--runs 20] [--worse 0] [--seconds 60] [--rate 60] [--scale 2] [--keep DIR]

A shop is captured once, planned, and replayed ``--runs`` times against one unchanged staging by ``replay calibrate``;
every two of these runs are compared, and none differs in truth. Then ``--worse`` rehearsals each of builds whose
search takes 5, 10, 20 and 40 % longer (its p95 is near 100 ms), and of builds whose product page fails in 0.5 and 2 %
of requests, are judged against one of the unchanged runs as reference, with the noise that those measured; the builds
take turns, and the table so far is printed after each turn. Everything is on loopback and takes about
(runs + 6 × worse) × (seconds + 8) seconds; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from shop import rehearsable, replay, shop

from analysis.calibration import Calibration, read_calibration
from analysis.gate_file import Gate
from analysis.rehearsal import rehearse
from analysis.verdict import Claim, State, Verdict
from replay.demo.children import Children

SEARCH = "GET /search"
PRODUCT = "GET /products/{product_id}"
SEARCH_FACTOR = 1.5
"""Takes the p95 of the search to about 100 ms, in production and in staging."""
USUAL = ("--slow", f"{SEARCH}={SEARCH_FACTOR:g}")
SLOWER = (1.05, 1.10, 1.20, 1.40)
FAILING = (0.005, 0.02)


@dataclass(frozen=True, slots=True)
class Course:
    """One benchmark: where it works, and how long and how often."""

    folder: Path
    seconds: float
    rate: float
    scale: float
    runs: int
    worse: int

    def path(self, name: str) -> str:
        """A name within the folder."""
        return str(self.folder / name)


@dataclass(slots=True)
class Build:
    """One worse build: its options, the words it was given, and how often its fault was seen and named."""

    name: str
    options: list[str]
    words: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    named: int = 0

    def __str__(self) -> str:
        told = ", ".join(f"{word} {count}" for word, count in self.words.most_common())
        of = self.words.total()
        return f"{self.name:<22} {told:<48} flagged worse {self.flagged}/{of}, named as the reason {self.named}/{of}"


def main() -> None:
    """Parse the command line, rehearse, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--worse", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        course = Course(folder, asked.seconds, asked.rate, asked.scale, asked.runs, asked.worse)
        children = stack.enter_context(Children())
        rehearsable(course.folder, children, course.seconds, course.rate, USUAL)
        print(_unchanged(course, children))
        builds = [Build(name, options) for name, options in _builds()]
        for number in range(course.worse):
            for build in builds:
                _rehearse(course, children, build, number)
            print("\n".join(map(str, builds)), flush=True)


def _unchanged(course: Course, children: Children) -> str:
    """The A/A runs, and what ``replay calibrate`` says of them."""
    with shop(children, course.folder / "staging.db", 2, USUAL) as staging:
        order = [course.path("shop.plan"), "--target", staging, "--scale", f"{course.scale:g}", "--warmup", "4s"]
        repeats = ["--runs", str(course.runs), "--slice", "2", "-o", course.path("noise")]
        assert children.run(replay("calibrate", *order, *repeats)) == 0
    found: Calibration = read_calibration(course.folder / "noise")
    pairs = found.pairs
    return (
        f"\n{len(found.runs)} unchanged runs of {found.window_s:.0f} s: {pairs.compared} comparisons,"
        f" {pairs.alarms / pairs.compared:.1%} false alarms by what each pair knows itself,"
        f" {pairs.alarms_calibrated / pairs.compared:.1%} with the measured noise (nominal 5 %);"
        f" run-to-run noise {found.noise:.1%}, time constant of the drift {found.time_constant_s:.1f} s\n"
    )


def _builds() -> Iterator[tuple[str, list[str]]]:
    for factor in SLOWER:
        yield f"search +{factor - 1:.0%}", ["--slow", f"{SEARCH}={SEARCH_FACTOR * factor:g}"]
    for share in FAILING:
        yield f"product fails {share:.1%}", [*USUAL, "--fail", f"{PRODUCT}={share:g}"]


def _rehearse(course: Course, children: Children, build: Build, number: int) -> None:
    """One rehearsal of a worse build, counted."""
    run = f"{build.name.replace(' ', '-').replace('%', '')}-{number}"
    with shop(children, course.folder / "staging.db", 10 + number, build.options) as staging:
        order = [course.path("shop.plan"), "--target", staging, "--scale", f"{course.scale:g}", "--warmup", "4s"]
        assert children.run(replay("run", *order, "-o", course.path(run))) == 0
    verdict = _judged(course, course.folder / run)
    about = _claims(verdict, build.name)
    build.words[verdict.verdict] += 1
    build.flagged += any(claim.lower is not None and claim.lower > 0 for claim in about)
    build.named += any(claim.state is State.FAILED for claim in about)


def _judged(course: Course, candidate: Path) -> Verdict:
    """Judged against the first unchanged run, with the noise that all of them measured."""
    slices = int((course.seconds - 4) / 2)
    gate = Gate(
        routes=[SEARCH, PRODUCT],
        slice_s=2.0,
        min_slices=max(16, slices - 4),
        min_time_constants=0,
        gate_on="reference",
    )
    noise = course.folder / "noise"
    production = course.folder / "production"
    return rehearse(production, candidate, gate, reference=noise / "run-1", calibration=noise).verdict


def _claims(verdict: Verdict, name: str) -> list[Claim]:
    """The claims that the build's fault is about."""
    route, kinds = (SEARCH, {"latency"}) if name.startswith("search") else (PRODUCT, {"errors"})
    return [claim for claim in verdict.claims if claim.route == route and claim.kind in kinds]


if __name__ == "__main__":
    main()

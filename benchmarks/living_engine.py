"""What live values cost the engine: ``replay run`` with a fifth of its requests bound, beside the same without.

    python benchmarks/living_engine.py [--seconds 4] [--rounds 3]

As in ``engine.py``: nginx on the last core, the whole of ``replay run`` on the first, 32 connections, more offered
than can be sent. In the plan that lives, every fifth request of a session takes a value from its JSON answer and the
next one carries it in a header, through the whole of extraction, filling, checking and stamping.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.engine import replay_run
from benchmarks.synthetic import cores, nginx

OFFERED_PER_S = 90_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    own, other = cores()
    ratios = []
    print(f"{'round':<8} {'without':>12} {'20 % bound':>12} {'ratio':>8}   requests/s", flush=True)
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder) / "nginx", other) as port:
        url = f"http://127.0.0.1:{port}"
        for number in range(options.rounds):
            plain = replay_run(url, own, options.seconds, OFFERED_PER_S)
            bound = replay_run(url, own, options.seconds, OFFERED_PER_S, lives=True)
            ratios.append(bound / plain)
            print(f"{number + 1:<8} {plain:>12,.0f} {bound:>12,.0f} {ratios[-1]:>8.2f}", flush=True)
    print(f"middle of the ratios: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()

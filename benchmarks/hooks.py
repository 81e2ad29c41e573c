"""What a hooks file costs: microseconds a request, and the rate that one core still sends.

    python benchmarks/hooks.py [--seconds 4]

The engine as a process, alone on its core, replays a plan of more requests than it can send, against nginx on the
other core, over 32 connections: without hooks, with hooks that do nothing, that add a header, that sign with
HMAC-SHA256 as docs/hooks.md does, and that look at every answer too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.synthetic import HOST, ROOT, arrivals_server, cores, nginx, poisson, write_plan
from replay.runs import Target
from replay.runspec import HooksFile
from tests.loadtests.support import led, run_spec

SIGN = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "hooks.md").read_text(), re.DOTALL)[0]
FILES = {
    "no hooks": "",
    "before: nothing": "def before(request): pass\n",
    "before: a header": "def before(request): request.set_header('X-Key', 'k')\n",
    "before: signs (docs/hooks.md)": SIGN,
    "before: signs; after: a status": SIGN + "\ndef after(request, response): assert response.status == 200\n",
}
RATE_PER_S = 60_000.0


def rate(folder: Path, plan: Path, url: str, source: str, core: str) -> float:
    """Requests a second that the engine sent and had answered."""
    spec = run_spec(plan, folder, url, mode="open", connections=32, max_in_flight=10_000_000, breaker=None)
    spec = msgspec.structs.replace(
        spec, targets=[Target(HOST, url, "127.0.0.1")], timeout_ns=300 * 10**9, first_byte_timeout_ns=300 * 10**9
    )
    if source:
        file = folder / "hooks.py"
        file.write_text(source)
        spec = msgspec.structs.replace(spec, hooks=HooksFile(str(file), hashlib.sha256(source.encode()).hexdigest()))
    with led(spec, environment={"STAGING_SIGNING_KEY": "key"}) as engine:
        os.sched_setaffinity(engine.process.pid, {int(core)})
        engine.start()
        engine.finish(200)
        end = engine.end()
    if end.hook_failures:
        raise RuntimeError(f"hooks failed: {end.hook_failures}")
    return end.samples / (end.at_ns / 1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    own, other = cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = write_plan(folder / "plan", poisson(RATE_PER_S, options.seconds))
        has_nginx = shutil.which("nginx") is not None
        if not has_nginx:
            print("nginx is not installed: the target is a slower server of our own, so the rates are lower bounds")
        with nginx(folder / "nginx", other) if has_nginx else arrivals_server(folder / "log", other) as port:
            found = {}
            for number, (what, source) in enumerate(FILES.items()):
                found[what] = rate(folder / f"run{number}", plan, f"http://127.0.0.1:{port}", source, own)
                time.sleep(0.2)
    bare = found["no hooks"]
    print(f"\n{'hooks file':<34} {'requests/s':>12} {'of none':>9} {'µs a request':>14}")
    for what, each in found.items():
        print(f"{what:<34} {each:>12,.0f} {each / bare:>9.2f} {1e6 / each - 1e6 / bare:>14.1f}")


if __name__ == "__main__":
    main()

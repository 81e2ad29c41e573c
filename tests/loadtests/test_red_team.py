"""Ways to have load hit production all the same. Each is refused, and not one packet leaves.

What a person types is refused by the command line (tests/replay/test_safety.py); here the same is given to an engine
and a preflight directly, as though nothing had checked it before. A host typed into Locust's page is in
tests/cli/test_run.py, hooks files in test_hooks.py, requests that lead elsewhere by their form in test_requests.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from loadtests.engine.admission import admitted
from replay.auth_file import TokenCall
from replay.capture.manifest import Origin
from replay.errors import EXIT_REFUSED, EXIT_USAGE, RefusedError
from replay.plan.harvest.work import Work
from replay.runs import Target
from replay.runspec import SPEC_VARIABLE, Probes, RunSpec, write_spec
from replay.safety import Interlock, parse_target
from tests.loadtests.support import HOST, planned, played, run_spec, serving, write_plan

CASES = {
    "its own address": ("http://127.0.0.1:{port}", "127.0.0.1"),
    "a second hostname of its address": ("http://staging.example:{port}", "127.0.0.1"),
    "the machine's name for itself": ("http://localhost:{port}", "127.0.0.1"),
    "another loopback address": ("http://127.0.0.2:{port}", "127.0.0.2"),
    "the unspecified address": ("http://0.0.0.0:{port}", "0.0.0.0"),
    "an IPv4-mapped address": ("http://[::ffff:127.0.0.1]:{port}", "::ffff:127.0.0.1"),
    "an IPv4-mapped address behind a name": ("http://staging.example:{port}", "::ffff:7f00:1"),
    "IPv6's loopback": ("http://[::1]:{port}", "::1"),
    "a name that is not pinned": ("http://staging.example:{port}", "localhost"),
    "user information": ("http://staging.example@127.0.0.1:{port}", "127.0.0.1"),
}


def spec_of(folder: Path, plan: Path, url: str, address: str, port: int) -> RunSpec:
    spec = run_spec(plan, folder, "http://127.0.0.1:1")
    return msgspec.structs.replace(
        spec,
        targets=[Target(HOST, url.format(port=port), address)],
        origins=[Origin(host="production.example", port=port, addresses=["127.0.0.1"])],
    )


@pytest.mark.parametrize("case", CASES)
def test_an_engine_may_not_be_pointed_at_production(tmp_path: Path, case: str) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    url, address = CASES[case]

    with pytest.raises(RefusedError) as caught:
        admitted(spec_of(tmp_path / "run", plan, url, address, 9001), worker=0, environment={})

    assert "\n" not in str(caught.value)


def test_an_engine_fetches_no_token_from_production(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving() as staging, serving() as production:
        pinned = Target("", f"http://identity.example:{production.port}", "127.0.0.1")
        call = TokenCall("/token", {}, True, "json/access_token", "Authorization", "Bearer ", 0.0, pinned)
        origin = Origin(host="production.example", port=production.port, addresses=["127.0.0.1"])
        spec = run_spec(plan, tmp_path / "run", staging.url, auth=call, origins=[origin])

        with pytest.raises(RefusedError, match="capture's origin"):
            admitted(spec, worker=0, environment={})

    assert production.connections == 0


QUESTIONS = {
    "loadtests.engine": b"",
    "loadtests.engine.preflight": msgspec.json.encode(Probes([0])),
    "loadtests.engine.harvest": msgspec.json.encode(Work([], [], {}, [])),
}


@pytest.mark.parametrize("module", QUESTIONS)
def test_a_process_that_is_pointed_at_production_sends_no_packet(tmp_path: Path, module: str) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving() as production:
        url, address = CASES["a second hostname of its address"]
        spec = spec_of(tmp_path / "run", plan, url, address, production.port)
        done = subprocess.run(
            [sys.executable, "-m", module, str(write_spec(tmp_path / "run", spec)), "0"],
            input=QUESTIONS[module],
            capture_output=True,
            timeout=30,
            check=False,
        )

    assert done.returncode == EXIT_REFUSED
    assert done.stderr.count(b"\n") == 1
    assert production.connections == 0


def test_a_name_that_comes_to_mean_production_between_plan_and_run_is_refused() -> None:
    answers = iter([["203.0.113.50"], ["203.0.113.7"]])
    origin = Origin(host="production.example", port=443, addresses=["203.0.113.7"])
    lock = Interlock([origin], resolve=lambda name, port: next(answers), is_local=lambda address: False)
    target = parse_target("https://staging.example")

    assert lock.admit(target).address == "203.0.113.50"
    with pytest.raises(RefusedError):
        lock.admit(target)


def test_an_engine_keeps_to_the_pinned_address_and_looks_no_name_up(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving() as server:
        target = Target(HOST, f"http://no-such-name.invalid:{server.port}", "127.0.0.1")
        [sample] = played(run_spec(plan, tmp_path / "run", server.url, targets=[target])).samples()

    assert sample["status"] == 200
    assert server.arrivals[0].header("Host") == f"no-such-name.invalid:{server.port}"


WORKER = """
import sys
from loadtests.locustfile import SPEC, check_target
from replay.errors import RefusedError
check_target(SPEC, None)
check_target(SPEC, sys.argv[1] + "/")
for host in sys.argv[2:]:
    try:
        check_target(SPEC, host)
    except RefusedError:
        continue
    sys.exit(host)
"""


def test_a_worker_that_was_started_with_another_host_is_refused(tmp_path: Path) -> None:
    """What each worker and the master ask when a test starts, and when the host changes."""
    plan = write_plan(tmp_path / "plan", [planned(0)])
    spec = run_spec(plan, tmp_path / "run", "http://127.0.0.1:8000")
    others = [
        "http://127.0.0.1:8001",
        "http://production.example",
        "http://u@127.0.0.1:8000",
        "https://127.0.0.1:8000",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, "http://127.0.0.1:8000", *others, "http://127.0.0.1:8000.evil.example"],
        env={**os.environ, SPEC_VARIABLE: str(write_spec(tmp_path / "run", spec))},
        input="\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_of_locust_that_nobody_lets_begin_ends(tmp_path: Path) -> None:
    """It is started while ``replay run`` still checks; where that ends, so does it."""
    done = subprocess.run(
        [sys.executable, "-c", "import loadtests.locustfile"],
        env={**os.environ, SPEC_VARIABLE: str(tmp_path / "not written")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode not in {0, EXIT_USAGE}
    assert "before this run could begin" in done.stderr


def test_a_worker_without_the_run_s_orders_does_not_begin() -> None:
    environment = {name: value for name, value in os.environ.items() if name != SPEC_VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", "import loadtests.locustfile"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode not in {0, EXIT_USAGE}
    assert "is started by 'replay run'" in done.stderr

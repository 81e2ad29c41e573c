"""A browser's recording the whole way to a verdict, and routes that no key changes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.conftest import Replay
from tests.end_to_end.service import Service

CORPORA = Path(
    os.environ.get("DRESS_REHEARSAL_CORPORA", Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
)
HAR = CORPORA / "har" / "browsertime-h2.har"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not HAR.exists(), reason="the corpora are not here"),
    pytest.mark.timeout(120),
]


def urls() -> list[str]:
    return [entry["request"]["url"] for entry in json.loads(HAR.read_text())["log"]["entries"]]


def policy(host: str) -> str:
    """A policy that keeps what is no person's: the host, its paths, and the version in its query."""
    paths = sorted({urlsplit(url).path for url in urls() if urlsplit(url).hostname == host})
    lines = ["version = 1", 'name = "site"', 'reviewed_by = "a test"', f'hosts = {{ keep = ["{host}"] }}']
    lines += [f"[[routes]]\ntemplate = {json.dumps(path)}" for path in paths]
    lines.insert(4, 'names = { keep = ["fgv39"] }')
    return "\n".join(lines) + "\n"


def test_a_recording_goes_the_whole_way_against_a_stub_that_knows_only_its_urls(
    tmp_path: Path, replay: Replay, service: Callable[..., Service]
) -> None:
    host = "www.filamentgroup.com"
    recorded = [urlsplit(url) for url in urls()]
    known = {f"{url.path}?{url.query}" if url.query else url.path for url in recorded}
    stub = service(latency_s=0.03, paths=known)
    (tmp_path / "site.toml").write_text(policy(host))
    # Any word on the build will do, so other tests may want the same cores.
    (tmp_path / "gate.toml").write_text("slice_s = 1.0\nmin_slices = 16\n[validity]\nmax_lag_ms = 500\n")

    steps = [
        replay("import", "har", str(HAR), "-o", "visit", "--policy", "site.toml"),
        replay("baseline", "visit", "-o", "production"),
        replay("plan", "visit", "-o", "visit", "--host", host),
        replay("run", "visit.plan", "--target", stub.url, "-o", "candidate"),
    ]
    judged = replay("gate", "production", "candidate", "--gate", "gate.toml", "-o", "report")

    for step in steps:
        assert step.code == 0, step.out + step.err
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text())
    assert (verdict["verdict"], judged.code) in {("READY", 0), ("NOT READY", 1), ("INCONCLUSIVE", 3)}, judged.out
    assert set(stub.requests) <= known, "a replayed request named what the recording does not hold"
    assert len(stub.requests) >= 38


def test_without_a_policy_for_it_the_preflight_says_what_staging_lacks(
    tmp_path: Path, replay: Replay, service: Callable[..., Service]
) -> None:
    stub = service(paths={f"{urlsplit(url).path}" for url in urls()})
    assert replay("import", "har", str(HAR), "-o", "visit").code == 0
    planned = replay("plan", "visit", "-o", "visit")
    assert planned.code == 0
    hosts = json.loads((tmp_path / "visit.plan" / "plan.json").read_text())["hosts"]

    ended = replay("run", "visit.plan", "--target", f"{next(iter(hosts))}={stub.url}", "-o", "candidate")

    assert ended.code == 2, ended.err
    assert "www.filamentgroup.com" not in planned.out + ended.out + ended.err
    assert len(stub.requests) <= 3 * 20
    assert not (tmp_path / "runs" / "candidate").exists()


def test_two_captures_of_one_service_with_different_keys_have_the_same_routes(tmp_path: Path, replay: Replay) -> None:
    seen = []
    for name in ("one", "two"):
        key = tmp_path / f"{name}.key"
        key.write_bytes(os.urandom(32))
        key.chmod(stat.S_IRUSR | stat.S_IWUSR)
        assert replay("import", "har", str(HAR), "-o", name, "--key-file", str(key)).code == 0
        lines = replay("cat", name).out.splitlines()
        seen.append([json.loads(line) for line in lines])

    first, second = seen
    assert [each["route"] for each in first] == [each["route"] for each in second]
    assert len({each["route"] for each in first}) > 3
    assert [each["request"]["path"] for each in first] != [each["request"]["path"] for each in second]

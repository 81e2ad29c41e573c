"""A browser's recording that staging does not know, and routes that no key changes."""

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

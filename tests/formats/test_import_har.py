"""HAR files of the corpora through the whole import: what they give, and that nothing of them leaks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from replay.audit.canaries import Canary
from replay.audit.reading import files
from replay.audit.scan import audit
from replay.capture.manifest import read_capture_manifest
from replay.capture.segments import read_exchanges
from replay.cli.main import main
from replay.errors import EXIT_INPUT
from replay.exchange import RawExchange
from replay.formats.har import open_har

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("DRESS_REHEARSAL_CORPORA", ROOT.parent / "shared" / "corpora"))
FILES = sorted((CORPORA / "har").glob("*.har"))
REFUSED = {
    "k6-full.har": "`startedDateTime`",
    "k6-multipart.har": "`startedDateTime`",
    "missing-pageref.har": "`method`",
}
KEY = bytes(range(32))

pytestmark = pytest.mark.skipif(not FILES, reason=f"no corpora at {CORPORA}; set DRESS_REHEARSAL_CORPORA")


def run_import(tmp_path: Path, *arguments: str) -> tuple[int, Path]:
    key, capture = tmp_path / "a.key", tmp_path / "capture"
    key.write_bytes(KEY)
    key.chmod(0o600)
    with pytest.raises(SystemExit) as ended:
        main(["import", "har", *arguments, "-o", str(capture), "--key-file", str(key)])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capture


def values(path: Path) -> Iterator[str]:
    """The values of cookies, queries and credentials that are nobody's words: digits and letters mixed."""
    for exchange in open_har(path, "h"):
        if not isinstance(exchange, RawExchange):
            continue
        request = exchange.request
        found = [value for _, value in parse_qsl(urlsplit(request.path.decode()).query)]
        for name, value in request.headers:
            if name.lower() in {b"cookie", b"authorization"}:
                found += re.split(r"[;=\s]+", value.decode("utf-8", "replace"))
        for value in found:
            if (
                " " not in value  # a browser's own name is reduced, not replaced
                and len(value) >= 10
                and len(re.findall(r"[0-9]", value)) >= 4
                and len(re.findall(r"[A-Za-z]", value)) >= 4
            ):
                yield value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_har_is_imported_without_a_leak_or_says_why_not(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, capture = run_import(tmp_path, str(path))

    printed = capsys.readouterr()
    if path.name in REFUSED:
        (line,) = printed.err.splitlines()[-1:]
        assert code == EXIT_INPUT
        assert str(path) in line
        assert REFUSED[path.name] in line
        assert not capture.exists()
        return
    assert code == 0, printed.err
    exchanges = list(read_exchanges(capture))
    manifest = read_capture_manifest(capture)
    assert len(exchanges) == manifest.seen == manifest.written
    assert {exchange.session for exchange in exchanges} == {exchanges[0].session}
    assert all(exchange.ended is None or exchange.ended >= exchange.requested for exchange in exchanges)
    found = audit(
        files([capture]), [Canary(number, value) for number, value in enumerate(sorted(set(values(path))), 1)]
    )
    assert found.findings == set()
    assert found.unreadable == []


def test_the_routes_of_an_import_are_the_same_under_every_key(tmp_path: Path) -> None:
    routes = []
    for name in ("one", "two"):
        with pytest.raises(SystemExit):
            main(["import", "har", str(CORPORA / "har" / "firebug-cnn.har"), "-o", str(tmp_path / name)])
        routes.append([exchange.route for exchange in read_exchanges(tmp_path / name)])

    assert routes[0] == routes[1]
    assert len(set(routes[0])) > 20


def test_several_files_are_several_users(tmp_path: Path) -> None:
    code, capture = run_import(tmp_path, *(str(CORPORA / "har" / name) for name in ("firebug-cnn.har", "wpt-h2.har")))

    assert code == 0
    assert len({exchange.session for exchange in read_exchanges(capture)}) == 2


def test_a_policy_that_nobody_has_reviewed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\nname = "shop"\n')

    code, capture = run_import(tmp_path, str(FILES[0]), "--policy", str(policy))

    assert code == 7
    assert "nobody has reviewed it" in capsys.readouterr().err
    assert not capture.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing.har"], 5),
        (["--policy", "builtin:none", "nothing.har"], 2),
        (["--session-by", "moon", "nothing.har"], None),
    ],
)
def test_wrong_orders_leave_nothing_behind(tmp_path: Path, arguments: list[str], code: int | None) -> None:
    ended, capture = run_import(tmp_path, *arguments)

    assert ended == code if code else ended in {2, 5}
    assert not capture.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a.key"}

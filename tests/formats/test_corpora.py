"""Every recording of the corpora goes through the whole import, or ends with exit 5 and the line that says why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from replay.capture.segments import read_exchanges
from replay.cli.main import main
from replay.errors import EXIT_INPUT

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("DRESS_REHEARSAL_CORPORA", ROOT.parent / "shared" / "corpora"))
FOLDERS = {"gor": "gor", "mitm": "flows", "log": "log"}
FILES = sorted(path for folder in FOLDERS for path in (CORPORA / folder).glob("*"))

# What each file holds: exchanges that can be replayed, or what is wrong with it.
EXPECTED: dict[str, int | str] = {
    "gor/shop-first-half.gor": 51,
    "log/apache-combined-1.log": 5000,
    "log/aws-alb.log": 2,
    "log/caddy-json.log": 4,
    "log/cloudflare.jsonl": 15,
    "log/haproxy.log": 13,
    "log/nasa-199507.tsv": 9999,
    "log/nginx-ingress.log": 10,
    "log/synthetic-access-2492.log": 327,
    "log/uwsgi.log": 19,
    "mitm/dumpfile-010.mitm": "flow 1: mitmproxy .* cannot read files with flow format version (0, 10)",
    "mitm/dumpfile-018.mitm": 1,
    "mitm/dumpfile-7-websocket.mitm": "none of its 6 entries could be imported (websocket",
    "mitm/dumpfile-7.mitm": 2,
    "mitm/incomplete_log.mitm": 4,
    "mitm/m2s-msgpack_flows.mitm": 1,
    "mitm/m2s-test_flows.mitm": 4,
    "mitm/successful_log.mitm": 2,
}

pytestmark = [
    pytest.mark.skipif(not FILES, reason=f"no corpora at {CORPORA}; set DRESS_REHEARSAL_CORPORA"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # mitmproxy calls pyparsing by its old names
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recording_is_imported_or_says_why_not(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = EXPECTED.get(f"{path.parent.name}/{path.name}")
    capture = tmp_path / "capture"

    with pytest.raises(SystemExit) as ended:
        main(["import", FOLDERS[path.parent.name], str(path), "-o", str(capture)])

    printed = capsys.readouterr()
    if ended.value.code == EXIT_INPUT:
        assert str(path) in printed.err
        assert not capture.exists()
        assert isinstance(expected, str | None)
        for part in (expected or "").split(" .* "):
            assert part in printed.err
    else:
        assert ended.value.code == 0
        written = sum(1 for _ in read_exchanges(capture))
        assert written == expected if isinstance(expected, int) else written
        assert f"{written:,} of " in printed.out

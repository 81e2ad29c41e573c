"""What an order is refused for, before anything is started or left behind; and the account after a death."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.capture.live import Order, capture, parse_listen, resolve, settled
from replay.capture.manifest import CaptureManifest
from replay.capture.placement import refuse_tracked
from replay.capture.wire import Counters
from replay.errors import IncompleteError, RefusedError, ReplayError
from replay.sanitize.keys import KeySource

MANIFEST = CaptureManifest("capture/1", "C1", "n", "2026-01-01", "live", {}, "p", "h", "t", "k", "ephemeral", "auto")


def order(folder: Path, **changes: Any) -> Order:
    wanted: dict[str, Any] = {
        "folder": folder,
        "upstream": "http://127.0.0.1:9",
        "listen": "127.0.0.1:0",
        "policy": "builtin:strict",
        "key": KeySource(),
        "session_by": "auto",
    }
    return Order(**wanted | changes)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"upstream": "ftp://shop"}, ReplayError, "--upstream: is no origin"),
        ({"upstream": "http://shop/path"}, ReplayError, "--upstream: is no origin"),
        ({"upstream": "http://user:Qanary@shop"}, ReplayError, "--upstream: is no origin"),
        ({"upstream": "http://[::1"}, ReplayError, "--upstream: is no origin"),
        ({"upstream": "http://shop:99999"}, ReplayError, "--upstream: is no origin"),
        ({"upstream": "http://nowhere.invalid"}, IncompleteError, r"nowhere\.invalid has no address"),
        ({"listen": "nonsense"}, ReplayError, "--listen: is no address"),
        ({"listen": "127.0.0.1:70000"}, ReplayError, "--listen: is no address"),
        ({"policy": "builtin:none"}, ReplayError, "no such policy"),
        ({"tls_cert": Path("/nowhere/cert.pem")}, ReplayError, "no such file"),
    ],
)
def test_a_wrong_order_is_refused_in_one_line_and_leaves_nothing(
    tmp_path: Path, change: dict[str, Any], kind: type[ReplayError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        capture(order(tmp_path / "c", **change), print)

    assert "\n" not in str(caught.value)
    assert "Qanary" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_ends_it_with_6_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(IncompleteError, match=f"127.0.0.1:{port}: cannot be listened on"):
            capture(order(tmp_path / "c", listen=f"127.0.0.1:{port}"), print)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"session_by": "phase of the moon"}, "session-by"),
        ({"key": KeySource("file", "/nowhere/key")}, "/nowhere/key"),
        ({"tls_cert": Path(__file__)}, "the proxy did not start"),
    ],
)
def test_a_child_that_cannot_start_says_why_and_leaves_nothing(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReplayError, match=message) as caught:
        capture(order(tmp_path / "c", **change), print)

    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ReplayError, match="cannot be made"):
        capture(order(tmp_path / "file" / "c"), print)


def test_a_folder_that_exists_is_never_written_to(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="exists already"):
        capture(order(tmp_path), print)


def test_a_policy_that_nobody_reviewed_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text('version = 1\nname = "shop"\n')

    with pytest.raises(RefusedError, match="nobody has reviewed it"):
        capture(order(tmp_path / "c", policy=str(policy)), print)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_place_that_git_would_take_along_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/captures/*\n!/captures/demo/\n")

    refuse_tracked(tmp_path / "captures" / "friday")
    for name in ("elsewhere", "captures/demo"):
        with pytest.raises(RefusedError, match="is not ignored there"):
            refuse_tracked(tmp_path / name)
    refuse_tracked(tmp_path.parent / "outside")
    (tmp_path / ".gitignore").write_text("*.har\n")
    refuse_tracked(tmp_path / "friday.har", is_file=True)
    with pytest.raises(RefusedError, match="is not ignored there"):
        refuse_tracked(tmp_path / "locustfile.py", is_file=True)


def test_where_git_cannot_say_a_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")

    with pytest.raises(RefusedError, match="git cannot say"):
        refuse_tracked(tmp_path / "c")


def test_an_upstream_is_an_origin_with_all_its_addresses() -> None:
    found = resolve("https://127.0.0.1")

    assert (found.host, found.port, found.addresses) == ("127.0.0.1", 443, ["127.0.0.1"])
    assert "127.0.0.1" in resolve("http://localhost:81").addresses


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:8443", "::1", 8443),
        ("8080", "127.0.0.1", 8080),
        (":1", "127.0.0.1", 1),
    ],
)
def test_a_place_to_listen_on_is_loopback_unless_it_says_more(text: str, host: str, port: int) -> None:
    found = parse_listen(text)

    assert (found.host, found.port) == (host, port)


def test_after_a_death_all_that_is_not_accounted_for_was_lost_with_it() -> None:
    before = msgspec.structs.replace(MANIFEST, seen=40, written=20, dropped={"withheld": 2}, complete=True)
    counters = Counters(100, {"overflow": 5, "sanitiser-died": 60}, {"clock-step": 1}, 0, True)

    after = settled(before, counters, 25, "sanitiser-died")

    assert (after.seen, after.written, after.complete) == (100, 25, False)
    assert after.dropped == {"withheld": 2, "overflow": 5, "sanitiser-died": 68}
    assert after.seen == after.written + sum(after.dropped.values())
    assert after.notes == {"clock-step": 1}

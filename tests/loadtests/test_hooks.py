"""Hooks files: what they may change, what they cannot, and what becomes of their failures."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from loadtests.engine.calls import Call, Lane, Row
from loadtests.engine.hooked import Hooked
from loadtests.engine.hooks_file import Guard, HooksFunctions, load
from loadtests.engine.requests import Stamp
from loadtests.hooks import Request, Response
from replay.capture.manifest import Origin
from replay.errors import EXIT_REFUSED, EXIT_USAGE, RefusedError, ReplayError
from replay.runspec import HooksFile
from replay.safety import Interlock
from tests.loadtests.support import Arrival, fine, led, planned, played, run_spec, serving, write_plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hooks.md"


def hooks_file(folder: Path, source: str) -> HooksFile:
    path = folder / "hooks.py"
    path.write_text(source)
    return HooksFile(str(path), hashlib.sha256(source.encode()).hexdigest())


def example(number: int) -> str:
    """The Python of one section of the page."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[number]


async def deny(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")


def test_the_example_signs_every_request(tmp_path: Path) -> None:
    async def verifies(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        method, target, _ = arrival.head.split("\r\n")[0].split(" ")
        body = hashlib.sha256(arrival.body).hexdigest()
        text = "\n".join([method, target, arrival.header("Host") or "", arrival.header("X-Date") or "", body])
        right = hmac.new(b"canary", text.encode(), "sha256").hexdigest()
        await (fine(arrival, writer) if arrival.header("X-Signature") == right else deny(writer))

    wire = b"POST /cart HTTP/1.1\r\nX-Signature: old\r\nContent-Length: 5\r\n\r\nhello"
    rows = [planned(n, n, path=f"/a?n={n}") for n in range(5)]
    rows.append(planned(9, 9, method="POST", path="/cart", wire=wire))
    plan = write_plan(tmp_path / "plan", rows)
    with serving(verifies) as server:
        hooks = hooks_file(tmp_path, example(0))
        spec = run_spec(plan, tmp_path / "run", server.url, hooks=hooks, writes=["POST /cart"])
        engine = played(spec, STAGING_SIGNING_KEY="canary")

    assert [sample["status"] for sample in engine.samples()] == [200] * 6
    assert engine.end().hook_failures == {}
    assert all(sample["ready"] >= sample["intended"] for sample in engine.samples())
    assert not any(b"canary" in path.read_bytes() for path in (tmp_path / "run").iterdir())


def test_the_example_fetches_a_token_and_follows_what_each_visitor_is_given(tmp_path: Path) -> None:
    async def guarded(arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        if arrival.path == "/token":
            assert arrival.header("X-Dress-Rehearsal") == "0123456789ab-hook"
            body = b'{"access_token": "canary"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        elif arrival.header("Authorization") != "Bearer canary":
            await deny(writer)
        else:
            given = f"X-CSRF-Token: of {arrival.path}\r\n".encode()
            writer.write(b"HTTP/1.1 200 OK\r\n" + given + b"Content-Length: 0\r\n\r\n")

    rows = [
        planned(0, 0, path="/a", request=0),
        planned(1, 1, path="/b", request=1),
        planned(2, 0, path="/c", request=2, depends_on=0),
        planned(3, 1, path="/d", request=3, depends_on=1),
    ]
    plan = write_plan(tmp_path / "plan", rows)
    with serving(guarded) as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, example(1))))
        sent = {arrival.path: arrival.header("X-CSRF-Token") for arrival in server.arrivals}

    assert [sample["status"] for sample in engine.samples()] == [200] * 4
    assert sent == {"/token": None, "/a": None, "/b": None, "/c": "of /a", "/d": "of /b"}


def test_a_request_whose_hook_fails_is_counted_and_not_sent(tmp_path: Path) -> None:
    source = (
        "def before(request):\n"
        "    request.set_header('X-Half', 'changed')\n"
        "    if request.target.endswith('1'):\n"
        "        raise KeyError('secret-canary')\n"
        "def after(request, response):\n"
        "    response.json()\n"
    )
    plan = write_plan(tmp_path / "plan", [planned(n, n, path=f"/a?n={n}") for n in range(3)])
    with serving() as server:
        engine = played(run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source)))

    assert [sample["error"] for sample in engine.samples()] == ["", "hook", ""]
    assert sorted(arrival.path for arrival in server.arrivals) == ["/a?n=0", "/a?n=2"]
    assert engine.end().hook_failures == {"hooks.py:4 KeyError": 1, "hooks.py:6 JSONDecodeError": 2}


def test_a_hooks_file_may_print_and_may_not_end_the_engine(tmp_path: Path) -> None:
    source = (
        "import sys\n"
        "print('loaded', flush=True)\n"
        "def before(request):\n"
        "    print(request.target, flush=True)\n"
        "    if request.target.endswith('1'):\n"
        "        sys.exit('secret-canary')\n"
    )
    plan = write_plan(tmp_path / "plan", [planned(n, n, path=f"/a?n={n}") for n in range(3)])
    with (
        serving() as server,
        led(run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source))) as engine,
    ):
        engine.start()
        ended = engine.finish().ended
        said = engine.process.stderr.read().decode()

    assert ended == "complete"
    assert [sample["error"] for sample in engine.samples()] == ["", "hook", ""]
    assert engine.end().hook_failures == {"hooks.py:6 SystemExit": 1}
    assert said == "loaded\n/a?n=0\n/a?n=1\n/a?n=2\n"


def test_a_hooks_file_reaches_no_place_of_production(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving() as server, serving() as production:
        source = f"import urllib.request\ndef start(run):\n    urllib.request.urlopen('{production.url}')\n"
        origin = Origin(host="127.0.0.1", port=production.port, addresses=["127.0.0.1"])
        spec = run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source), origins=[origin])
        with led(spec) as engine:
            assert engine.process.wait(10) == EXIT_REFUSED

    assert production.connections == server.connections == 0
    assert "origin" in engine.end().reason


def test_connections_of_the_event_loop_do_not_reach_production_either(tmp_path: Path) -> None:
    source = (
        "import asyncio\n"
        "async def look(port):\n"
        "    await asyncio.open_connection('127.0.0.1', port)\n"
        "tasks = []\n"
        "def before(request):\n"
        "    tasks.append(asyncio.get_running_loop().create_task(look(int(request.target.partition('=')[2]))))\n"
        "def after(request, response):\n"
        "    raise tasks[0].exception() or KeyError\n"
    )
    with serving() as production, serving() as server:
        plan = write_plan(tmp_path / "plan", [planned(0, path=f"/a?port={production.port}")])
        origin = Origin(host="127.0.0.1", port=production.port, addresses=["127.0.0.1"])
        spec = run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source), origins=[origin])
        engine = played(spec)

    assert [sample["status"] for sample in engine.samples()] == [200]
    assert engine.end().hook_failures == {"hooks.py:3 RefusedError": 1}
    assert (production.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "endpoint", ["remote_addr=('127.0.0.1', port)", "local_addr=('127.0.0.1', 0)", "remote_addr=('localhost', port)"]
)
def test_datagrams_of_the_event_loop_do_not_reach_production_either(tmp_path: Path, endpoint: str) -> None:
    source = (
        "import asyncio\n"
        "async def look(port):\n"
        "    loop = asyncio.get_running_loop()\n"
        f"    sending, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, {endpoint})\n"
        "    sending.sendto(b'x', ('127.0.0.1', port))\n"
        "tasks = []\n"
        "def before(request):\n"
        "    tasks.append(asyncio.get_running_loop().create_task(look(int(request.target.partition('=')[2]))))\n"
        "def after(request, response):\n"
        "    raise tasks[0].exception() or KeyError\n"
    )
    with serving() as server, socket.socket(type=socket.SOCK_DGRAM) as production:
        production.bind(("127.0.0.1", 0))
        production.settimeout(0.2)
        port = production.getsockname()[1]
        plan = write_plan(tmp_path / "plan", [planned(0, path=f"/a?port={port}")])
        origin = Origin(host="127.0.0.1", port=port, addresses=["127.0.0.1"])
        spec = run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source), origins=[origin])
        engine = played(spec)
        with pytest.raises(TimeoutError):
            production.recv(1)

    assert engine.end().hook_failures == {"hooks.py:4 RefusedError": 1}


def test_what_a_hooks_file_fetches_says_one_host_whatever_it_names(tmp_path: Path) -> None:
    source = (
        "def start(run):\n"
        "    ours = {'host': 'production.example', 'x-dress-rehearsal': 'other-1'}\n"
        "    run.fetch('GET', '/token', headers={**ours, 'X-A': '1'})\n"
    )
    plan = write_plan(tmp_path / "plan", [planned(0)])
    with serving() as server:
        played(run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source)))
        [fetched] = [arrival for arrival in server.arrivals if arrival.path == "/token"]

    assert "production" not in fetched.head
    assert fetched.header("X-A") == "1"
    assert fetched.header("X-Dress-Rehearsal") == "0123456789ab-hook"


def test_an_engine_whose_hooks_cannot_begin_says_why_in_one_line(tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan", [planned(0)])
    source = "def start(run):\n    raise ValueError('secret-canary')\n"
    with (
        serving() as server,
        led(run_spec(plan, tmp_path / "run", server.url, hooks=hooks_file(tmp_path, source))) as engine,
    ):
        assert engine.process.wait(10) == EXIT_USAGE
        said = engine.process.stderr.read().decode()

    assert said.count("\n") == 1
    assert "start() failed at hooks.py:2 (ValueError)" in said
    assert "canary" not in said + engine.end().reason
    assert server.connections == 0


def hooked(before: Callable[[Request], None] | None) -> Hooked:
    stamp = Stamp("staging.example", "0123456789ab", {"X-Key": "k"})
    return Hooked(HooksFunctions(Path("hooks.py"), before=before), [stamp], ["GET", "POST"], ["GET /a"])


def sent(before: Callable[[Request], None] | None, *, method: str = "GET", body: bytes = b"") -> tuple[str, bytes]:
    """What becomes of a request: the error of its sample, and the bytes that would go out."""
    hooks = hooked(before)
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    planned = b"%b /a?n=1 HTTP/1.1\r\nAccept: */*\r\n%b\r\n%b" % (method.encode(), length, body)
    row = Row(0, 0, 5, 0, -1, 0, 0, hooks.methods.index(method), 0, 200, False, planned)
    call = Call(row, Lane(100, 1, 0), 0, 7, hooks.stamps[0].wire(planned, method, 7))
    return hooks.outgoing(call), call.wire


def lines(wire: bytes) -> list[bytes]:
    """The lines of a request; headers in any order."""
    first, *rest = wire.split(b"\r\n")
    return [first, *sorted(rest)]


def assign(**changes: object) -> Callable[[Request], None]:
    def before(request: Request) -> None:
        for name, value in changes.items():
            setattr(request, name, value)

    return before


def head(name: str, value: str) -> Callable[[Request], None]:
    return lambda request: request.set_header(name, value)


@pytest.mark.parametrize(
    ("before", "error"),
    [
        pytest.param(assign(target="http://production.example/a"), "refused", id="absolute form"),
        pytest.param(assign(target="production.example:443"), "refused", id="authority form"),
        pytest.param(assign(target="/a HTTP/1.1\r\nHost: production.example\r\nX:"), "refused", id="a second Host"),
        pytest.param(assign(target="/a HTTP/1.1\r\n\r\nGET /b"), "refused", id="a second request"),
        pytest.param(assign(method="POST"), "hook", id="another method"),
        pytest.param(assign(_method="POST"), "refused", id="another method behind its back"),
        pytest.param(assign(host="production.example"), "hook", id="another host"),
        pytest.param(head("X-Original-URL", "/admin"), "refused", id="a header that overrides the path"),
        pytest.param(head("X-HTTP-Method-Override", "DELETE"), "refused", id="one that overrides the method"),
        pytest.param(head("Transfer-Encoding", "chunked"), "refused", id="another framing"),
        pytest.param(head("X", "a\r\nHost: production.example"), "hook", id="a header in a header"),
        pytest.param(head("Ho st", "production.example"), "", id="no Host at all"),
        pytest.param(head("host ", "production.example"), "refused", id="Host with a blank"),
        pytest.param(head("X", "→"), "hook", id="a character that cannot be sent"),
        pytest.param(assign(body=None), "hook", id="no body"),
    ],
)
def test_a_hook_cannot_lead_a_request_elsewhere(before: Callable[[Request], None], error: str) -> None:
    ends, wire = sent(before)

    assert ends == error
    if not error:
        assert wire.count(b"\r\nHost: staging.example\r\n") == 1


@pytest.mark.parametrize("name", ["Host", "host", "X-Dress-Rehearsal", "Content-Length"])
def test_what_is_ours_stays_as_it_is(name: str) -> None:
    ends, wire = sent(head(name, "7"))

    assert ends == ""
    assert lines(wire) == lines(sent(None)[1])


def test_an_untouched_request_goes_out_as_planned() -> None:
    untouched = sent(lambda _: None, method="POST", body=b"hello")[1]

    assert lines(untouched) == lines(sent(None, method="POST", body=b"hello")[1])


def test_path_query_body_and_headers_may_be_changed() -> None:
    def before(request: Request) -> None:
        assert (request.route, request.session, request.clone, request.host) == ("GET /a", 5, 1, "staging.example")
        assert request.header("x-key") == "k"
        request.target = "/b?n=2"
        request.body = b"{}"
        request.remove_header("accept")
        request.set_header("X-Key", "better")

    ends, wire = sent(before)

    assert ends == ""
    assert wire == (
        b"GET /b?n=2 HTTP/1.1\r\nHost: staging.example\r\nX-Dress-Rehearsal: 0123456789ab-7\r\n"
        b"X-Key: better\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_write_keeps_its_path_though_not_its_query() -> None:
    assert sent(assign(target="/a?signed=1"), method="POST")[0] == ""
    assert sent(assign(target="/b"), method="POST")[0] == "refused"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "defines none of"),
        ("x = \n", r"hooks\.py:1 \(SyntaxError\)"),
        ("import nothing_there_at_all\n", r"hooks\.py:1 \(ModuleNotFoundError\)"),
        ("\nx = {}['secret-canary']\n", r"hooks\.py:2 \(KeyError\)"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_line(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(ReplayError, match=message) as caught:
        load(hooks_file(tmp_path, source))

    assert "canary" not in str(caught.value)


def test_a_file_that_was_changed_or_is_gone_is_not_loaded(tmp_path: Path) -> None:
    file = hooks_file(tmp_path, "def before(request): pass\n")
    Path(file.path).write_text("def before(request): request.target = '/b'\n")
    with pytest.raises(ReplayError, match="was changed"):
        load(file)
    Path(file.path).unlink()
    with pytest.raises(ReplayError, match="cannot be read"):
        load(file)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        (("203.0.113.7", 443), True),
        (("::ffff:203.0.113.7", 443, 0, 0), True),
        (("production.example", 443), True),
        ((b"203.0.113.7", 443), True),
        ((bytearray(b"203.0.113.7"), 443), True),
        (("203.0.113.7", np.int64(443)), True),
        (("198.51.100.1", 80), True),
        (("192.0.2.1", 443), False),
        (("127.0.0.1", 9000), False),
        ("/run/socket", False),
        (b"\0abstract", False),
        (("192.0.2.1", 0), False),
        (None, False),
    ],
)
def test_sockets_lead_where_a_target_could_be(address: object, refused: bool) -> None:
    origin = Origin(host="production.example", port=443, addresses=["203.0.113.7"])
    guard = Guard(Interlock([origin], None, is_local=lambda _: False, deny=["198.51.100.0/24"]))

    for event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        if refused:
            with pytest.raises(RefusedError):
                guard(event, (None, address))
        else:
            guard(event, (None, address))
    guard("open", (None, ("203.0.113.7", 443)))


def test_an_answer_is_read_without_its_codings() -> None:
    import gzip

    packed = gzip.compress(b'{"a": 1}')
    answer = Response(200, (("content-encoding", "gzip"), ("x-a", "1")), packed)

    assert answer.json() == {"a": 1}
    assert answer.raw == packed
    assert (answer.header("X-A"), answer.header("X-B")) == ("1", None)
    with pytest.raises(ValueError, match="coding"):
        _ = Response(200, (("content-encoding", "zip"),), packed).body

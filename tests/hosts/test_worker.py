"""A worker's host carries out what its own person allows: its names, its addresses, its secrets, its files."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.capture.manifest import Origin
from replay.cli.main import main
from replay.cli.run_consent import WorkerOptions, localised, run_folder
from replay.cli.run_settings import Safety
from replay.errors import RefusedError, ReplayError
from replay.hosts.peer import Order
from replay.identities import IdentitiesFile
from replay.plan.store import Plan, open_plan
from replay.runs import Target
from replay.runspec import HooksFile, PlanState, RunSpec
from replay.tls import TLSFiles
from tests.loadtests.support import planned, write_plan

NAMES = {
    "staging.example": ["192.0.2.7"],
    "shop.example": ["203.0.113.7"],
    "moved.example": ["203.0.113.7"],
    "127.0.0.1": ["127.0.0.1"],
    "localhost": ["127.0.0.1"],
}
URL = "http://staging.example:9000"


def resolve(name: str, port: int) -> list[str]:
    return NAMES.get(name, [])


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    origins = [Origin(host="shop.example", port=443, addresses=["203.0.113.7"])]
    return open_plan(write_plan(tmp_path / "shop.plan", [planned(0)], origins=origins))


def ordered(**changes: Any) -> RunSpec:
    spec = RunSpec(
        "runspec/1", "id", "", "hash", PlanState(0, 0), "", [Target("shop.example", URL, "198.51.100.1")], []
    )
    return msgspec.structs.replace(spec, **changes)


def options(**changes: Any) -> WorkerOptions:
    return WorkerOptions(**{"worker": "m:1", "targets": [URL], **changes})


def local(plan: Plan, spec: RunSpec, given: WorkerOptions, safety: Safety | None = None) -> RunSpec:
    return localised(spec, given, plan, safety or Safety(), resolve)


def test_the_address_is_the_one_that_this_host_resolves(plan: Plan) -> None:
    spec = local(plan, ordered(), options())

    assert spec.targets == [Target("shop.example", URL, "192.0.2.7")]
    assert spec.plan == str(plan.folder.resolve())


def test_a_target_that_nobody_named_here_is_refused(plan: Plan) -> None:
    with pytest.raises(RefusedError, match="was not named on this host"):
        local(plan, ordered(), options(targets=["http://other.example:9000"]))


def test_a_target_may_be_named_in_the_settings_of_this_host(plan: Plan) -> None:
    assert local(plan, ordered(), options(targets=[]), Safety(allow=["staging.example"])).allow == ["staging.example"]
    with pytest.raises(RefusedError, match="is not in \\[safety\\] allow"):
        local(plan, ordered(), options(targets=[]), Safety(allow=["other.example"]))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9200", "http://localhost:9200"])
def test_a_port_of_this_hosts_loopback_is_a_target_only_where_it_is_named_here(plan: Plan, url: str) -> None:
    order, allow = ordered(targets=[Target("shop.example", url, "127.0.0.1")]), ["staging.example"]
    with pytest.raises(RefusedError, match="was not named on this host"):
        local(plan, order, options(targets=[]), Safety(allow=allow))

    name = url.removeprefix("http://")
    assert local(plan, order, options(targets=[url]), Safety(allow=allow)).targets[0].url == url
    assert local(plan, order, options(targets=[]), Safety(allow=[*allow, name])).targets[0].url == url


def test_what_this_host_or_the_master_denies_is_refused(plan: Plan) -> None:
    with pytest.raises(RefusedError, match="deny"):
        local(plan, ordered(), options(), Safety(deny=["192.0.2.0/24"]))
    with pytest.raises(RefusedError, match="deny"):
        local(plan, ordered(deny=["staging.example"]), options())
    with pytest.raises(RefusedError, match="allow"):
        local(plan, ordered(allow=["10.0.0.0/8"]), options())


def test_production_is_refused_though_master_and_person_name_it(plan: Plan) -> None:
    for url in ("https://shop.example", "https://moved.example"):
        with pytest.raises(RefusedError, match="origin"):
            local(plan, ordered(targets=[Target("shop.example", url, "192.0.2.7")]), options(targets=[url]))


def test_only_variables_that_this_host_named_are_read(plan: Plan) -> None:
    spec = ordered(headers={"Authorization": "AWS_SECRET_ACCESS_KEY"})
    with pytest.raises(ReplayError, match="Give it to this host too: --header Authorization=env:VARIABLE"):
        local(plan, spec, options())

    mine = local(plan, spec, options(headers={"Authorization": "TOKEN", "X-Other": "OTHER"}))
    assert mine.headers == {"Authorization": "TOKEN"}


@pytest.mark.parametrize(("theirs", "ours"), [("a", ""), ("a", "b"), ("", "b")])
def test_code_is_never_taken_from_the_master(plan: Plan, theirs: str, ours: str) -> None:
    order = ordered(hooks=HooksFile("/theirs.py", theirs) if theirs else None)
    with pytest.raises(ReplayError, match="code is never sent"):
        local(plan, order, options(hooks=HooksFile("/ours.py", ours) if ours else None))


def test_no_path_and_no_way_around_the_target_is_taken_from_the_master(plan: Plan) -> None:
    order = ordered(
        via=[22],
        tls=TLSFiles("/etc/passwd", cert="/c", key="/k"),
        hooks=HooksFile("/x", "h"),
    )
    spec = local(plan, order, options(tls=TLSFiles(ca="/ours.pem"), hooks=HooksFile("/ours.py", "h")))

    assert (spec.via, spec.hooks) == ([], HooksFile("/ours.py", "h"))
    assert spec.tls == TLSFiles("/ours.pem")


def test_any_certificate_is_accepted_only_where_this_host_says_so_too(plan: Plan) -> None:
    order = ordered(tls=TLSFiles(insecure=True))
    with pytest.raises(ReplayError, match="Give --insecure to this host too"):
        local(plan, order, options())

    assert local(plan, order, options(tls=TLSFiles(insecure=True))).tls.insecure
    assert not local(plan, ordered(), options(tls=TLSFiles(insecure=True))).tls.insecure


@pytest.mark.parametrize("run", ["s3://bucket/x", "../../elsewhere", "/etc/x", "a\0b", "a\nb"])
def test_the_run_s_name_is_no_way_to_another_place_of_this_host(run: str) -> None:
    order = Order("token", run, ordered(), 1)
    with pytest.raises(RefusedError, match="the run's name is no plain one"):
        run_folder(options(), order)


def test_the_run_s_folder_here_is_named_after_run_and_host_unless_told() -> None:
    order = Order("token", "friday", ordered(), 1)

    assert run_folder(options(), order) == Path("runs", f"friday-{socket.gethostname()}")
    assert run_folder(options(output="mine/here"), order) == Path("mine/here")


def test_an_order_whose_mark_is_more_than_a_word_is_none() -> None:
    bad = msgspec.json.encode(Order("token", "friday", ordered(run_id="a\r\nX: y"), 1))
    with pytest.raises(msgspec.ValidationError, match="run_id"):
        msgspec.json.decode(bad, type=Order)


def test_accounts_of_the_master_are_refused(plan: Plan) -> None:
    with pytest.raises(ReplayError, match="which a run over several hosts does not do"):
        local(plan, ordered(identities=IdentitiesFile("/etc/passwd", 1, 1)), options())


@pytest.mark.parametrize(
    ("arguments", "why", "code"),
    [
        (["--worker", "h:1", "--scale", "2"], "--scale: is the master's to say", 2),
        (["--worker", "h:1", "--master", "7077"], "--master: is the master's to say", 2),
        (["--worker", "h:1"], "--secret: the environment has no DRESS_REHEARSAL_SECRET", 2),
        (["--worker", "0.0.0.0:1"], "Name one address", 7),
        ([], "no plan", 2),
        (["PLAN", "--master", "7077", "--target", URL], "say with --hosts", 2),
        (["PLAN", "--hosts", "2", "--target", URL], "Name where it listens", 2),
        (["PLAN", "--master", "0.0.0.0:7077", "--hosts", "2", "--target", URL], "Name one address", 7),
        (["PLAN", "--master", "7077", "--hosts", "2", "--via-proxy", "--target", URL], "stands on one host", 2),
    ],
)
def test_wrong_orders_are_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    why: str,
    code: int,
) -> None:
    monkeypatch.delenv("DRESS_REHEARSAL_SECRET", raising=False)
    monkeypatch.chdir(tmp_path)
    write_plan(tmp_path / "here.plan", [planned(0)])
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("192.0.2.7", 9000))])
    with pytest.raises(SystemExit) as ended:
        main(["run", *(argument.replace("PLAN", "here.plan") for argument in arguments)])

    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("replay: ")]
    assert why in line
    assert ended.value.code == code

"""The interlock: what is refused whatever a person types, and what may be hit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.capture.manifest import Origin
from replay.errors import IncompleteError, RefusedError, ReplayError
from replay.places import canonical_name, is_place
from replay.runs import Target
from replay.safety import Interlock, assign, may_send, parse_target, system_is_local
from tests.network import in_own_network

PRODUCTION = Origin(host="shop.example", port=443, addresses=["203.0.113.7", "2001:db8::7"])
UPSTREAM = Origin(host="127.0.0.1", port=5001, addresses=["127.0.0.1"])

NAMES: Mapping[str, list[str]] = {
    "staging.example": ["203.0.113.50"],
    "second-name.example": ["203.0.113.7"],
    "half.example": ["203.0.113.50", "203.0.113.7"],
    "six.example": ["2001:db8::7"],
    "moved.example": ["203.0.113.99"],
    "localhost": ["127.0.0.1"],
    "box.example": ["192.0.2.10"],
    "x.xn--bcher-kva.example": ["192.0.2.11"],
    "tunnel.example": ["2002:c000:20b::1"],
    "translated.example": ["64:ff9b::192.0.2.11"],
}


def resolve(name: str, port: int) -> list[str]:
    """A name server of our own; addresses resolve to themselves."""
    if ":" in name or name.replace(".", "").isdigit():
        return [name]
    return NAMES.get(name, [])


def interlock(
    *origins: Origin, allow: tuple[str, ...] | None = None, own: tuple[str, ...] = (), deny: tuple[str, ...] = ()
) -> Interlock:
    return Interlock(origins or (PRODUCTION, UPSTREAM), allow, resolve, lambda address: address in own, deny)


def admit(text: str, lock: Interlock | None = None) -> Target:
    return (lock or interlock()).admit(parse_target(text))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("https://shop.example", id="the origin itself"),
        pytest.param("https://SHOP.example.", id="other spelling"),
        pytest.param("http://shop.example:8080", id="the origin's name on another port"),
        pytest.param("https://203.0.113.7", id="its address"),
        pytest.param("https://second-name.example", id="a second name of its address"),
        pytest.param("https://203.0.113.7:8443", id="its address on another port"),
        pytest.param("https://second-name.example:8443", id="a second name on another port"),
        pytest.param("https://half.example", id="a name one of whose addresses is forbidden"),
        pytest.param("https://six.example", id="its IPv6 address"),
        pytest.param("https://[2001:0db8:0:0::7]", id="its IPv6 address, written at length"),
        pytest.param("https://[::ffff:203.0.113.7]", id="IPv4-mapped"),
        pytest.param("https://[::ffff:cb00:7107]", id="IPv4-mapped, in hex"),
        pytest.param("https://[64:ff9b::203.0.113.7]", id="through NAT64"),
        pytest.param("https://[64:ff9b:1::203.0.113.7]", id="through a site's own NAT64"),
        pytest.param("https://[::ffff:0:203.0.113.7]", id="IPv4-translated"),
        pytest.param("https://[::203.0.113.7]", id="IPv4-compatible"),
        pytest.param("https://[2001:db8::7%25eth0]", id="its IPv6 address with a zone"),
        pytest.param("https://[2002:cb00:7107::1]", id="6to4"),
        pytest.param("https://shop\u3002example", id="a full stop of another script"),
        pytest.param("https://\uff33hop.example", id="letters of full width"),
        pytest.param("http://127.0.0.1:5001", id="a loopback port that is an origin"),
        pytest.param("http://localhost:5001", id="the same, by name"),
        pytest.param("http://127.0.0.2:5001", id="the same, by another loopback address"),
        pytest.param("http://[::1]:5001", id="the same, IPv6"),
        pytest.param("http://[::ffff:127.0.0.1]:5001", id="the same, IPv4-mapped"),
        pytest.param("http://0.0.0.0:5001", id="the same, by the unspecified address"),
        pytest.param("http://[::]:5001", id="the same, by IPv6's"),
        pytest.param("http://[::127.0.0.1]:5001", id="the same, IPv4-compatible"),
    ],
)
def test_production_is_refused_under_every_name(target: str) -> None:
    with pytest.raises(RefusedError):
        admit(target)


@pytest.mark.parametrize(
    "spelling", ["2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0", "127.0.0.1.", "LOCALHOST."]
)
def test_the_system_s_own_spellings_of_an_address_are_seen_through(spelling: str) -> None:
    with pytest.raises(RefusedError, match="origin"):
        Interlock([UPSTREAM]).admit(parse_target(f"http://{spelling}:5001"))


def test_an_address_is_this_machine_s_only_where_an_interface_has_it() -> None:
    """Where a proxy of high availability runs, any address can be bound (``ip_nonlocal_bind``)."""

    def asked() -> list[bool]:
        for family in ("ipv4", "ipv6"):
            Path(f"/proc/sys/net/{family}/ip_nonlocal_bind").write_text("1")
        return [system_is_local(address) for address in ("127.0.0.1", "::1", "203.0.113.7", "2001:db8::7")]

    assert in_own_network(asked, ports=range(32000, 32060)) == [True, True, False, False]


def test_production_on_this_machine_is_refused_by_the_machine_s_own_address_too() -> None:
    with pytest.raises(RefusedError, match="origin"):
        admit("http://box.example:5001", interlock(own=("192.0.2.10",)))


def test_an_origin_is_looked_up_again_when_the_run_starts() -> None:
    moved = Origin(host="moved.example", port=443, addresses=["203.0.113.1"])

    with pytest.raises(RefusedError):
        admit("https://203.0.113.99", interlock(moved).completed())


@pytest.mark.parametrize(
    "target", ["https://user:secret@staging.example", "http://shop.example@staging.example", "http://a\\@b"]
)
def test_user_information_is_refused_and_not_quoted(target: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_target(target)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "staging.example",
        "ftp://staging.example",
        "http://",
        "http://:80",
        "http://a b",
        "http://host:0",
        "http://h:99999",
    ],
)
def test_what_is_no_http_url_is_no_target(target: str) -> None:
    with pytest.raises(ReplayError, match="--target"):
        parse_target(target)


@pytest.mark.parametrize(
    "target", ["http://staging.example/api", "http://staging.example/?a=1", "http://staging.example#x"]
)
def test_a_target_holds_no_path(target: str) -> None:
    with pytest.raises(ReplayError, match="path"):
        parse_target(target)


@pytest.mark.parametrize(
    ("text", "url", "port"),
    [
        ("http://Staging.Example", "http://staging.example", 80),
        ("https://staging.example:8443/", "https://staging.example:8443", 8443),
        ("shop.example=http://127.0.0.1:5002", "http://127.0.0.1:5002", 5002),
        ("http://[::1]:80", "http://[::1]", 80),
    ],
)
def test_a_target_says_scheme_host_and_port(text: str, url: str, port: int) -> None:
    target = parse_target(text)

    assert (target.url, target.port) == (url, port)


def test_loopback_needs_no_entry_in_the_allow_list() -> None:
    assert admit("http://127.0.0.1:5002", interlock(allow=("staging.example",))).address == "127.0.0.1"


@pytest.mark.parametrize("entry", ["staging.example", "staging.example:443", "*.example", "203.0.113.0/24"])
def test_the_allow_list_knows_names_suffixes_and_networks(entry: str) -> None:
    assert admit("https://staging.example", interlock(allow=(entry,))).address == "203.0.113.50"


@pytest.mark.parametrize(
    "entry", ["other.example", "staging.example:80", "*.test", "198.51.100.0/24", "2001:db8::/32"]
)
def test_what_the_allow_list_does_not_hold_is_refused(entry: str) -> None:
    with pytest.raises(RefusedError, match="allow"):
        admit("https://staging.example", interlock(allow=(entry,)))


def test_a_name_without_an_address_is_told_apart_from_a_refusal() -> None:
    with pytest.raises(IncompleteError, match="no address"):
        admit("https://nowhere.example")


def test_the_address_is_pinned_and_confirmed_without_another_look_up() -> None:
    def never(name: str, port: int) -> list[str]:
        raise AssertionError("looked up again")

    pinned = admit("https://staging.example")

    assert Interlock([PRODUCTION], None, never, lambda _: False).confirm(pinned).name == "staging.example"


def test_a_pinned_address_of_production_is_refused_whatever_its_name() -> None:
    with pytest.raises(RefusedError):
        interlock().confirm(Target("", "https://staging.example", "203.0.113.7"))


def test_a_target_that_was_never_pinned_is_refused() -> None:
    with pytest.raises(RefusedError, match="not pinned"):
        interlock().confirm(Target("", "https://staging.example", "staging.example"))


def test_hosts_without_a_target_are_left_out() -> None:
    found = assign([parse_target("a.example=http://127.0.0.1:1")], {"a.example": 7, "b.example": 3})

    assert [target.host for target in found] == ["a.example"]


def test_a_bare_url_is_for_the_only_host() -> None:
    assert assign([parse_target("http://127.0.0.1:1")], {"a.example": 7})[0].host == "a.example"


def test_a_bare_url_for_several_hosts_lists_them_with_their_counts() -> None:
    with pytest.raises(ReplayError, match=r"b\.example \(3\)"):
        assign([parse_target("http://127.0.0.1:1")], {"a.example": 7, "b.example": 3})


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "no target"),
        (["c=http://h"], "no such host"),
        (["a.example=http://h", "a.example=http://i"], "two targets"),
    ],
)
def test_targets_that_fit_no_host_are_wrong_usage(targets: list[str], message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        assign([parse_target(text) for text in targets], {"a.example": 7, "b.example": 3})


def test_only_safe_methods_are_sent_unless_a_route_is_named() -> None:
    assert may_send("GET", "GET /a", ())
    assert not may_send("POST", "POST /a", ())
    assert not may_send("DELETE", "DELETE /a", {"POST /a"})
    assert may_send("POST", "POST /a", {"POST /a"})


@given(st.integers(0, 2**32 - 1))
def test_every_spelling_of_a_forbidden_ipv4_address_is_refused(number: int) -> None:
    plain = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    lock = Interlock([Origin(host="production.example", port=80, addresses=[plain])], (), resolve, lambda _: False)

    for spelling in (plain, f"[::ffff:{plain}]", f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]"):
        with pytest.raises(RefusedError):
            lock.admit(parse_target(f"http://{spelling}"))


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_a_clean_error(text: str) -> None:
    try:
        target = parse_target(text)
    except ReplayError:
        return
    assert canonical_name(target.name) == target.name


def test_another_port_of_production_s_machine_is_admitted_only_where_it_is_named() -> None:
    for entry in ("203.0.113.7:8443", "second-name.example:8443"):
        lock = interlock(allow=(entry, "203.0.113.7", "*.example"))
        assert admit("https://second-name.example:8443", lock).address == "203.0.113.7"
        with pytest.raises(RefusedError, match="another port"):
            admit("https://second-name.example:8444", lock)


def test_an_empty_allow_list_allows_nothing_but_loopback() -> None:
    assert admit("http://127.0.0.1:5002", interlock(allow=())).address == "127.0.0.1"
    with pytest.raises(RefusedError, match="allow"):
        admit("https://staging.example", interlock(allow=()))


@pytest.mark.parametrize(
    ("entry", "target"),
    [
        ("staging.example", "https://staging.example:81"),
        ("Staging.Example.", "https://203.0.113.50"),
        ("staging.example:443", "https://203.0.113.50"),
        ("*.example", "http://box.example"),
        ("192.0.2.10", "http://box.example"),
        ("192.0.2.0/24", "http://box.example"),
        ("127.0.0.1:5002", "http://localhost:5002"),
        ("::ffff:192.0.2.0/120", "http://box.example"),
        ("2002::/16", "https://tunnel.example"),
        ("64:ff9b::/96", "https://translated.example"),
        ("192.0.2.0/24", "https://translated.example"),
        ("*.b\u00fccher.example", "https://x.xn--bcher-kva.example"),
        ("*.xn--bcher-kva.example", "https://x.b\u00fccher.example"),
    ],
)
def test_what_is_denied_is_refused_whatever_allows_it(entry: str, target: str) -> None:
    lock = interlock(allow=("*.example", "0.0.0.0/0"), deny=(entry,)).completed()

    with pytest.raises(RefusedError, match="deny"):
        admit(target, lock)
    assert admit("http://127.0.0.1:5003", lock).address == "127.0.0.1"


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "https://shop.example",
        "10.0.0.0/99",
        "a b",
        "*.",
        "10.0.0.1-10.0.0.9",
        "10.1",
        "*.1",
        "0x7f.0x1",
        "10.0.0.*",
    ],
)
def test_what_names_no_place_is_told(entry: str) -> None:
    assert not is_place(entry)

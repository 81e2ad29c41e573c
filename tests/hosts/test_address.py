"""A master listens at one address that was named."""

from __future__ import annotations

import pytest

from replay.errors import RefusedError, ReplayError
from replay.hosts.address import parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7077", "127.0.0.1:7077"),
        ("10.0.0.5:7077", "10.0.0.5:7077"),
        ("[fd00::5]:7077", "[fd00::5]:7077"),
        ("load.example:0", "load.example:0"),
    ],
)
def test_an_address_is_host_and_port_and_a_port_is_loopbacks(text: str, expected: str) -> None:
    assert str(parse_address("--master", text)) == expected


@pytest.mark.parametrize("text", ["0.0.0.0:7077", "[::]:7077"])
def test_all_addresses_of_a_host_are_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="Name one address"):
        parse_address("--master", text)


@pytest.mark.parametrize("text", ["host", "host:99999", ":7077", "http://host:7077", "a b:1"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ReplayError, match="is no address"):
        parse_address("--worker", text)

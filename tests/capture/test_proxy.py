"""The proxy is set to change nothing, and inherits nothing that writes secrets down."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.capture.proxy import ProxySettings, command, environment


def test_the_proxy_keeps_what_passes_as_it_is(tmp_path: Path) -> None:
    arguments = command(ProxySettings("https://shop:8443", "::1", 80), tmp_path, 7, 8)

    assert {"keep_host_header=true", "keep_alt_svc_header=true", "block_global=false", "flow_detail=0"} <= set(
        arguments
    )
    assert f"confdir={tmp_path}" in arguments
    assert "reverse:https://shop:8443" in arguments
    assert not [argument for argument in arguments if "insecure" in argument or "body_size_limit" in argument]


def test_certificates_are_named_where_they_are_given(tmp_path: Path) -> None:
    asked = ProxySettings("https://shop", "h", 1, tls_cert=tmp_path / "c.pem", upstream_ca=tmp_path / "ca.pem")
    arguments = command(asked, tmp_path, 7, 8)

    assert f"certs=*={tmp_path / 'c.pem'}" in arguments
    assert f"ssl_verify_upstream_trusted_ca={tmp_path / 'ca.pem'}" in arguments


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        (ProxySettings("u", "127.0.0.1", 0), "http://127.0.0.1:81"),
        (ProxySettings("u", "::1", 0, tls_cert=Path("c")), "https://[::1]:81"),
    ],
)
def test_the_address_is_what_a_client_can_use(asked: ProxySettings, url: str) -> None:
    assert asked.url(81) == url


def test_no_child_is_told_to_write_tls_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/tmp/secrets")
    monkeypatch.setenv("MITMPROXY_SSLKEYLOGFILE", "/tmp/secrets")
    monkeypatch.setenv("HARMLESS", "1")

    assert {"SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"}.isdisjoint(environment())
    assert environment()["HARMLESS"] == "1"

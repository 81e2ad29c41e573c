"""How mitmdump is started: as a reverse proxy that changes nothing, says nothing and keeps nothing."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

MITMDUMP = "import sys; from mitmproxy.tools.main import mitmdump; sys.exit(mitmdump())"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What the proxy needs to know."""

    upstream: str
    """Origin, ``https://shop.internal:8443``."""
    host: str
    port: int
    """0: any free port."""
    tls_cert: Path | None = None
    """PEM with key and certificate that clients are to see."""
    upstream_ca: Path | None = None
    """PEM with what the upstream's certificate is verified against; None: the public authorities."""
    run_id: str = ""
    """The run whose requests may pass, since its target is behind; '' in a capture: production is."""
    pin: str = ""
    """The address that the upstream's name stands for; '': what it means now."""
    insecure: bool = False
    """Any certificate of the upstream is accepted."""

    def url(self, port: int) -> str:
        """Where clients reach it, once it listens on ``port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{port}"


def command(asked: ProxySettings, confdir: Path, data_fd: int, control_fd: int) -> list[str]:
    """The command line; mitmdump runs under our own interpreter, wherever its script is installed."""
    options = {
        "flow_detail": "0",
        "confdir": str(confdir),
        "keep_host_header": "true",
        "keep_alt_svc_header": "true",
        "onboarding": "false",  # else the host mitm.it would be answered by the proxy itself
        "block_global": "false",  # else clients with public addresses would be refused
        "replay_data_fd": str(data_fd),
        "replay_control_fd": str(control_fd),
    }
    if asked.tls_cert:
        options["certs"] = f"*={asked.tls_cert.resolve()}"
    if asked.upstream_ca:
        options["ssl_verify_upstream_trusted_ca"] = str(asked.upstream_ca.resolve())
    arguments = ["-q", "--mode", f"reverse:{asked.upstream}", "--listen-host", asked.host]
    arguments += ["--listen-port", str(asked.port), "-s", str(Path(__file__).with_name("addon.py"))]
    if asked.run_id:
        options["replay_rehearsal"] = asked.run_id
    if asked.pin:
        options["replay_pin"] = asked.pin
    if asked.insecure:
        options["ssl_insecure"] = "true"
    for name, value in options.items():
        arguments += ["--set", f"{name}={value}"]
    return [sys.executable, "-P", "-c", MITMDUMP, *arguments]


def environment() -> dict[str, str]:
    """Ours, without what would make a child write down TLS secrets."""
    banned = {"SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE", "PYTHONINSPECT"}
    return {name: value for name, value in os.environ.items() if name not in banned}

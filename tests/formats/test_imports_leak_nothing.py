"""What a person sent, planted in recordings of every format, is in no file that an import leaves behind."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from replay.cli.main import main

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # mitmproxy calls pyparsing by its old names
    from mitmproxy.io import FlowWriter
    from mitmproxy.test import tflow

ADDRESS = "81.187.33.201"
USER = "margaret.hollingsworth"
MAIL = "m.hollingsworth@breckenridge-mills.org"
TOKEN = "q7Zt0vXw9LkPm3Rb5NhYd8Ks"
PLANTED = [ADDRESS, USER, MAIL, TOKEN]
PATH = f"/accounts/{USER}/orders?email={MAIL}&token={TOKEN}"
COMBINED = (
    f'{ADDRESS} - {USER} [17/May/2015:10:05:03 +0000] "GET {PATH} HTTP/1.1" 200 5 "https://a.example{PATH}" "{MAIL}"'
)
RECORDINGS = {
    "log": f"{COMBINED}\n{ADDRESS} {MAIL}\n{COMBINED.replace(PATH, TOKEN)}\n",
    "caddy": json.dumps(
        {"logger": "http.log.access", "ts": 1431857103.5, "duration": 0.1, "status": 200, "size": 3,
         "request": {"client_ip": ADDRESS, "method": "GET", "host": "a.example", "uri": PATH, "proto": "HTTP/1.1",
                     "headers": {"Cookie": [f"sid={TOKEN}"], "X-User": [USER], "User-Agent": [MAIL]}},
         "resp_headers": {"Set-Cookie": [f"sid={TOKEN}"], "X-User": [USER]}}, separators=(",", ":")) + "\n",
    "gor": f"1 {TOKEN} 1568139746437296000\nGET {PATH} HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {ADDRESS}\r\n"
    f"Cookie: sid={TOKEN}\r\n\r\n\n🐵🙈🙉\n2 {TOKEN} 1568139746537296000 5\nHTTP/1.1 200 OK\r\n\r\n{MAIL}\n🐵🙈🙉\n"
    f"1 a 1568139746437296000\nGET {TOKEN}\n🐵🙈🙉\n",
}  # fmt: skip


def ended(*arguments: object) -> object:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def recording(folder: Path, name: str) -> tuple[str, Path]:
    path = folder / f"recording.{name}"
    if name in RECORDINGS:
        path.write_text(RECORDINGS[name])
        return ("gor" if name == "gor" else "log"), path
    flow = tflow.tflow(resp=True)
    flow.request.path, flow.client_conn.peername = PATH, (ADDRESS, 5000)
    flow.request.headers["x-user"], flow.response.text = USER, MAIL
    failed = tflow.tflow(err=True)
    failed.error.msg = f"{MAIL} went away"
    with path.open("wb") as file:
        for each in (flow, failed):
            FlowWriter(file).add(each)
    return "flows", path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [*RECORDINGS, "flows"])
def test_an_import_leaves_nothing_of_what_a_person_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    form, path = recording(tmp_path, name)
    canaries, capture = tmp_path / "planted.txt", tmp_path / "capture"
    canaries.write_text("\n".join(PLANTED))

    assert ended("import", form, path, "-o", capture) == 0
    printed = capsys.readouterr()
    said = (printed.out + printed.err).replace(str(tmp_path), "")
    assert not [value for value in PLANTED if value in said]
    assert ended("audit", capture, "--canaries", canaries) == 0, capsys.readouterr().out
    assert ended("audit", path, "--canaries", canaries) == 7, "the auditor did not even see the planted values"

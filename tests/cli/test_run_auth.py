"""``replay run --auth``: where a token may be fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.capture.manifest import Origin
from replay.cli.run_auth import ordered_auth
from replay.errors import RefusedError, ReplayError
from replay.safety import Interlock

INTERLOCK = Interlock(
    [Origin(host="shop.example", port=443, addresses=["203.0.113.7"])], resolve=lambda *_: ["192.0.2.9"]
)


def written(folder: Path, url: str) -> str:
    path = folder / "auth.toml"
    path.write_text(f'format = "auth/1"\n[token]\nurl = "{url}"\nform = {{ grant_type = "client_credentials" }}\n')
    return str(path)


def test_the_host_of_a_token_is_admitted_and_pinned_as_a_target_is(tmp_path: Path) -> None:
    call = ordered_auth(written(tmp_path, "https://id.example/token"), INTERLOCK, 2, []).call

    assert call is not None
    assert call.target is not None
    assert call.target.address == "192.0.2.9"
    with pytest.raises(RefusedError, match="production lives there"):
        ordered_auth(written(tmp_path, "https://shop.example/token"), INTERLOCK, 1, [])
    only = Interlock([], [], resolve=lambda *_: ["192.0.2.9"])
    with pytest.raises(RefusedError, match=r"is not in \[safety\] allow"):
        ordered_auth(written(tmp_path, "https://id.example/token"), only, 1, [])


def test_a_path_is_one_of_the_only_target(tmp_path: Path) -> None:
    path = written(tmp_path, "/token")
    call = ordered_auth(path, INTERLOCK, 1, ["X-Key=env:KEY"]).call

    assert call is not None
    assert call.target is None
    with pytest.raises(ReplayError, match=r"the run has 2 targets\. Write the whole url"):
        ordered_auth(path, INTERLOCK, 2, [])
    with pytest.raises(ReplayError, match="--header sets Authorization too"):
        ordered_auth(path, INTERLOCK, 1, ["authorization=env:TOKEN"])

"""``--auth``: how a token is fetched, as configuration that holds no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.auth_file import read_auth
from replay.errors import InputError, ReplayError

HEAD = 'format = "auth/1"\n[token]\n'
CLIENT = (
    'url = "https://id.staging.example/oauth/token?tenant=7"\n'
    'form = { grant_type = "client_credentials", client_id = "rehearsal", client_secret = "env:CLIENT_SECRET" }\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "auth.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def client_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "geheim-4711")


def test_a_client_s_grant_is_a_form_whose_secret_is_named_and_not_held(tmp_path: Path) -> None:
    found = read_auth(written(tmp_path, HEAD + CLIENT))

    assert found.origin == "https://id.staging.example"
    assert found.call.path == "/oauth/token?tenant=7"
    assert found.call.is_form
    assert (found.call.at, found.call.header, found.call.prefix) == ("json/access_token", "Authorization", "Bearer ")
    assert found.call.fields["client_id"] == "rehearsal"
    variable = found.call.fields["client_secret"].removeprefix("env:")
    assert found.secrets == {variable: "geheim-4711"}
    assert "geheim" not in str(found.call) + repr(found)


def test_a_login_call_posts_json_to_the_target(tmp_path: Path) -> None:
    text = 'url = "/login"\njson = { user = "anna", password = "env:CLIENT_SECRET" }\n'
    text += 'at = "header/x-session"\nheader = "X-Session"\nprefix = ""\nlasts_s = 900\n'

    found = read_auth(written(tmp_path, HEAD + text))

    assert (found.origin, found.call.path, found.call.is_form) == ("", "/login", False)
    assert (found.call.at, found.call.header, found.call.prefix) == ("header/x-session", "X-Session", "")
    assert found.call.lasts_s == 900


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("url = ", "is no TOML"),
        (CLIENT.replace("url", "uri"), r"unknown field `uri`"),
        (CLIENT.replace("form", "json") + 'form = { a = "b" }\n', "has form or json, one of them"),
        ('url = "/token"\n', "has form or json, one of them"),
        (CLIENT.replace('"env:CLIENT_SECRET"', '"geheim"'), "client_secret is a secret. Write env:VARIABLE"),
        (CLIENT + 'at = "access_token"\n', r"'access_token' is no place of an answer"),
        (CLIENT + 'prefix = "Bearer\\r\\nX: "\n', "prefix is one line of text"),
        (CLIENT + "lasts_s = -1\n", "lasts_s a number of seconds"),
        (CLIENT + "lasts_s = nan\n", "lasts_s a number of seconds"),
        (CLIENT.replace("https://id.staging.example/oauth", "id/oauth"), "url is https://HOST/PATH"),
        (CLIENT.replace("/token", "/tökén"), "url is https://HOST/PATH"),
        (CLIENT.replace("tenant=7", "tenant=7&client_secret=geheim"), "client_secret is a secret"),
        (CLIENT.replace("tenant=7", "api%5Fkey=geheim"), "api_key is a secret"),
    ],
)
def test_a_wrong_file_is_one_line_without_a_secret(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_auth(written(tmp_path, HEAD + text))

    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_version_and_an_empty_secret_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match='its format is not "auth/1"'):
        read_auth(written(tmp_path, HEAD.replace("auth/1", "auth/2") + CLIENT))
    monkeypatch.delenv("CLIENT_SECRET")
    with pytest.raises(ReplayError, match=r"client_secret: env:CLIENT_SECRET is empty"):
        read_auth(written(tmp_path, HEAD + CLIENT))
    with pytest.raises(InputError, match="cannot be read"):
        read_auth(tmp_path / "none.toml")

"""A token at the start of a run, as configuration: ``--auth FILE`` says where it is fetched and where it goes.

    format = "auth/1"

    [token]
    url = "https://id.staging.example/oauth/token"      # or "/login", of the run's only target
    form = { grant_type = "client_credentials", client_id = "rehearsal", client_secret = "env:CLIENT_SECRET" }
                                                        # or json = { … }
    at = "json/access_token"                            # where it stands in the answer
    header = "Authorization"                            # this, at and prefix: unless told otherwise, as here
    prefix = "Bearer "
    lasts_s = 900                                       # else as json/expires_in says; else it is never renewed

The OAuth 2 grants of clients and of passwords (RFC 6749 §4.3, §4.4) and a login call are the same thing: a form or
JSON that is posted, and a place of the answer. Secrets come from the environment or a descriptor.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from replay.errors import InputError
from replay.plan.links.places import is_answer_place
from replay.runs import Target
from replay.sanitize.vocabulary import is_password_name, is_secret_name
from replay.secret_sources import is_source, secret_from

AUTH_FORMAT = "auth/1"
_LONGEST_S = 1e9
_VARIABLE = "DRESS_REHEARSAL_AUTH_{}"


class TokenCall(msgspec.Struct, frozen=True):
    """A request that is answered with a token. No value in it is a secret: those are in the environment."""

    path: str
    """Path and query."""
    fields: dict[str, str]
    """Members of the body; a value ``env:VARIABLE`` stands in that variable."""
    is_form: bool
    at: str
    header: str
    prefix: str
    lasts_s: float
    """How long a token lasts; 0: as long as the answer says."""
    target: Target | None = None
    """Where it is posted, admitted and pinned; None: to the run's only target."""


class AuthFile(msgspec.Struct, frozen=True):
    """What a file says, before its host is admitted."""

    call: TokenCall
    origin: str
    """``https://id.staging.example``; '' for the run's target."""
    secrets: dict[str, str]
    """Variables of the engines' environment."""

    def __repr__(self) -> str:
        return "AuthFile(…)"


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    form: dict[str, str] = {}
    json: dict[str, str] = {}
    at: str = "json/access_token"
    header: str = "Authorization"
    prefix: str = "Bearer "
    lasts_s: float = 0.0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    token: _Token


def read_auth(path: Path) -> AuthFile:
    """The token's call in a file.

    Raises:
        InputError: it cannot be read, is no TOML, or says something that is unknown or wrong.
        ReplayError: a secret that it names is empty.
    """
    where = f"--auth {path}"
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), _File)
    except OSError as error:
        raise InputError(
            f"{where}: cannot be read ({error.strerror}). Name a TOML file (docs/sessions.md)."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = str(error).rpartition("(at ")[2].rstrip(")") if "(at " in str(error) else "its bytes"
        raise InputError(f"{where}: is no TOML ({place}). Correct it.") from None
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}. Compare with docs/sessions.md.") from None
    token = found.token
    if found.format != AUTH_FORMAT:
        raise InputError(f'{where}: its format is not "{AUTH_FORMAT}". Write it for this version.')
    if bool(token.form) == bool(token.json):
        raise InputError(f"{where}: [token] has form or json, one of them. Say which body is posted.")
    if not is_answer_place(token.at):
        raise InputError(f"{where}: at = '{token.at[:60]}' is no place of an answer, as json/access_token is one.")
    if not token.prefix.isprintable() or not 0 <= token.lasts_s < _LONGEST_S:
        raise InputError(f"{where}: prefix is one line of text, and lasts_s a number of seconds. Correct them.")
    origin, path_text = _split(where, token.url)
    fields, secrets = _fields(where, token.form or token.json)
    call = TokenCall(path_text, fields, bool(token.form), token.at, token.header, token.prefix, token.lasts_s)
    return AuthFile(call, origin, secrets)


def _split(where: str, url: str) -> tuple[str, str]:
    """Scheme and authority, '' where there are none; and path and query."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme or parts.netloc else ""
    path = url.removeprefix(origin)
    if (
        not url.startswith(origin)
        or path[:1] != "/"
        or "#" in url
        or not (url.isascii() and url.isprintable())
        or " " in url
    ):
        raise InputError(f"{where}: url is https://HOST/PATH, or /PATH of the run's target.")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if is_password_name(name) or is_secret_name(name):
            raise InputError(f"{where}: {name[:40]} is a secret, and a url has none. Post it, as form or json.")
    return origin, path


def _fields(where: str, given: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The members of the body with variables for the secrets, and what those variables hold."""
    fields: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, value in given.items():
        if is_source(value):
            variable = _VARIABLE.format(len(secrets))
            secrets[variable] = secret_from(value, f"{where}, {name[:40]}")
            fields[name] = f"env:{variable}"
        elif is_password_name(name) or is_secret_name(name):
            raise InputError(f"{where}: {name[:40]} is a secret. Write env:VARIABLE or fd:NUMBER, never the value.")
        else:
            fields[name] = value
    return fields, secrets

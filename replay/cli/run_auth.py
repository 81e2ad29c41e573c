"""The token of a run: where its call may go, and which header it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from replay.auth_file import TokenCall, read_auth
from replay.errors import ReplayError
from replay.safety import Interlock, parse_target


@dataclass(frozen=True, slots=True)
class OrderedAuth:
    """A token's call whose host the interlock has admitted."""

    call: TokenCall | None = None
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Variables of the engines' environment."""


NO_AUTH = OrderedAuth()


def ordered_auth(name: str, interlock: Interlock, targets: int, headers: Sequence[str]) -> OrderedAuth:
    """The call in the file ``name``; its host is checked as that of a target is.

    Raises:
        InputError: the file is wrong.
        RefusedError: its host is production's, or not allowed.
        ReplayError: it names no host and the run has several ``targets``, or one of ``headers`` is the token's.
    """
    found = read_auth(Path(name))
    call = found.call
    if any(text.partition("=")[0].lower() == call.header.lower() for text in headers):
        raise ReplayError(f"--auth {name}: --header sets {call.header} too. Leave one of them out.")
    if found.origin:
        call = msgspec.structs.replace(call, target=interlock.admit(parse_target(found.origin)))
    elif targets > 1:
        raise ReplayError(f"--auth {name}: the run has {targets} targets. Write the whole url, with its host.")
    return OrderedAuth(call, found.secrets)

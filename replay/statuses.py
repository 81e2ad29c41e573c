"""Which answers are of one class: what staging answers is compared with what was recorded by it."""

from __future__ import annotations

from typing import Any

NOT_MODIFIED = 304


def status_class(status: Any) -> Any:
    """The class of a status (4 of a 404), or the classes of an array of numpy's; that of 304 is 2.

    A 304 is a success whose body the client has already (RFC 9110 §15.4.5). Which of the two comes hangs on what the
    client's cache held and on the service's tags, and those of production are not staging's.
    """
    return status // 100 - (status == NOT_MODIFIED)

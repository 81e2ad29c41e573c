"""A verdict as GitHub workflow commands: lines that a runner shows as annotations of the job.

https://docs.github.com/actions/reference/workflow-commands: properties and messages are percent-encoded, so that no
name from traffic can end a line or begin another command. A runner shows at most ten of a kind a step.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.verdict import Verdict, Word

MOST = 9
_LEVELS = {Word.READY: "notice", Word.NOT_READY: "error", Word.INCONCLUSIVE: "warning", Word.INVALID: "error"}


def to_github(verdict: Verdict) -> str:
    """One annotation for the verdict, one for each further reason, and one for each check that is in doubt."""
    return "".join(f"{line}\n" for line in _lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    level = _LEVELS[verdict.verdict]
    yield _command(level, verdict.verdict.value, verdict.headline)
    if verdict.verdict is not Word.READY:
        for reason in verdict.reasons[1:MOST]:
            yield _command(level, verdict.verdict.value, reason)
    for check in [check for check in verdict.checks if check.state == "doubt"][:MOST]:
        yield _command("warning", check.name, check.sentence)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    plain = "".join(" " if ord(each) < 0x20 and each not in "\r\n" else each for each in text)
    return plain.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""A verdict as Markdown for a pull request: the word, the reasons and the ten worst claims."""

from __future__ import annotations

import re

import jinja2

from analysis.report.advice import next_step
from analysis.report.filters import FILTERS
from analysis.report.order import MARKS, WORD_MARKS, worst_first
from analysis.verdict import Verdict

WORST = 10


def to_markdown(verdict: Verdict) -> str:
    """GitHub-flavoured Markdown; route names cannot break out of their cells."""
    environment = jinja2.Environment(  # noqa: S701 - Markdown, escaped by the two filters below
        loader=jinja2.PackageLoader("analysis.report"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= FILTERS | {"cell": _cell, "code": _code}
    claims = worst_first(verdict)
    return environment.get_template("verdict.md.j2").render(
        verdict=verdict,
        next_step=next_step(verdict),
        mark=WORD_MARKS[verdict.verdict],
        marks=MARKS,
        claims=claims[:WORST],
        more=max(0, len(claims) - WORST),
        troubles=[check for check in verdict.checks if check.state != "ok"],
    )


_MARKS = re.compile(r"[\\`*_|\[\]<>&~]")
_CALLS = re.compile(r"[@#]|\bh(?=ttps?://)|\bw(?=ww\.)")
"""What GitHub makes more of than Markdown does: people who are called, issues, addresses."""


def _cell(text: str) -> str:
    plain = _MARKS.sub(r"\\\g<0>", _line(text))
    # A space of no width keeps the sign and leaves nobody called; a dollar in a span begins no formula.
    return _CALLS.sub(r"\g<0>&#8203;", plain).replace("$", "<span>$</span>")


def _code(text: str) -> str:
    plain = _line(text).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def _line(text: str) -> str:
    return " ".join(text.split())

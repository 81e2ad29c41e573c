"""A verdict as Markdown for a pull request: the word, the reasons and the ten worst claims."""

from __future__ import annotations

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


def _cell(text: str) -> str:
    plain = " ".join(text.split())
    for mark in "\\`*_|[]<>":
        plain = plain.replace(mark, "\\" + mark)
    return plain


def _code(text: str) -> str:
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"

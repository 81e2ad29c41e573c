"""A verdict as one HTML file that needs no network: styles, charts and the code that draws them are inside.

A content security policy in the page forbids every request, so that opening a report can tell nobody anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from analysis.evidence import Evidence
from analysis.report import charts
from analysis.report.advice import next_step
from analysis.report.bundle import drawing_code
from analysis.report.filters import FILTERS
from analysis.report.order import WORD_MARKS, worst_first
from analysis.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its heading; a chart that has nothing to show is left out."""

    id: str
    title: str
    text: str
    spec: charts.Spec | None


def verdict_html(verdict: Verdict, evidence: Evidence) -> str:
    """The report of a judged run."""
    return _page("report.html.j2", evidence, verdict)


def comparison_html(evidence: Evidence) -> str:
    """The report of a comparison that judges nothing."""
    return _page("report.html.j2", evidence, None)


def _page(template: str, evidence: Evidence, verdict: Verdict | None) -> str:
    return render_page(
        template,
        _figures(evidence, verdict),
        verdict=verdict,
        evidence=evidence,
        claims=worst_first(verdict) if verdict else [],
        mark=WORD_MARKS[verdict.verdict] if verdict else "",
        next_step=next_step(verdict) if verdict else "",
        curves=_shown(evidence),
    )


def render_page(template: str, figures: Sequence[Figure], **content: object) -> str:
    """A page with its figures, the code that draws them, and whatever ``content`` its template asks for."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= FILTERS
    drawn = {figure.id: figure for figure in figures if figure.spec}
    return environment.get_template(template).render(
        figures=drawn,
        specs=Markup(_json({name: figure.spec for name, figure in drawn.items()})),  # noqa: S704 - escaped by _json
        bundle=Markup(drawing_code()),  # noqa: S704 - the drawing code itself
        **content,
    )


def _figures(evidence: Evidence, verdict: Verdict | None) -> list[Figure]:
    found = [
        Figure(
            "heat",
            "Change by route and quantile",
            "Orange is slower, blue is faster. Hatched cells, marked ~, may be chance.",
            charts.heat_map(evidence.routes),
        ),
        Figure(
            "time",
            "Course of both runs",
            "Dots: requests intended; line: those made ready. Lag is the generator's own lateness; "
            "all else is the target's doing.",
            charts.timeline(evidence.timelines),
        ),
        Figure("errors", "Failed requests by class", "", charts.error_bars(evidence)),
    ]
    if verdict:
        found.append(
            Figure(
                "shift",
                "How far each gated quantile moved",
                "The bar is the interval, the purple tick the margin. A bar left of its tick holds; one across it is "
                "not decided; one right of it fails where that is sure among so many claims.",
                charts.shift_plot(verdict),
            )
        )
    for place, route in enumerate(_shown(evidence)):
        found.append(Figure(f"percentiles-{place}", route, "", charts.percentile_plot(evidence.curves, route)))
        found.append(Figure(f"ecdf-{place}", route, "", charts.distribution_plot(evidence.curves, route)))
    return found


def _shown(evidence: Evidence) -> list[str]:
    """The routes that have curves, the total first."""
    return list(dict.fromkeys(curve.route for curve in evidence.curves))


def _json(value: object) -> str:
    """JSON that no text inside can end the script element of."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")

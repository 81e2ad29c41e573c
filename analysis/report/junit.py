"""A verdict as JUnit XML: one test case a claim and a check.

What is not decided is ``skipped`` and what makes the run INVALID is an ``error``, so no consumer can read either as
passed or as failed; the exit code of ``replay gate`` stays the authority.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from analysis.verdict import Check, Claim, State, Verdict, Word
from analysis.words import quantile

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(verdict: Verdict) -> bytes:
    """The XML document, UTF-8, indented."""
    suite = ET.Element("testsuite", name="replay gate")
    _case(suite, "verdict", verdict.verdict, _verdict_result(verdict), verdict.headline)
    for check in verdict.checks:
        _case(suite, "validity", check.name, _check_result(check), check.sentence)
    for claim in verdict.claims:
        what = quantile(claim.quantile) if claim.quantile is not None else claim.kind
        kind = f"{claim.kind} limit" if claim.kind == "slo" else claim.kind
        name = f"{claim.route} {what}" if what == kind else f"{claim.route} {what} {kind}"
        _case(suite, "claims", name, _claim_result(claim), claim.sentence)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(suite: ET.Element, group: str, name: str, result: str, sentence: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"replay.{group}", name=_clean(name))
    if result:
        ET.SubElement(case, result, message=_clean(sentence))
    else:
        ET.SubElement(case, "system-out").text = _clean(sentence)


def _verdict_result(verdict: Verdict) -> str:
    return {Word.READY: "", Word.NOT_READY: "failure", Word.INCONCLUSIVE: "skipped", Word.INVALID: "error"}[
        verdict.verdict
    ]


def _claim_result(claim: Claim) -> str:
    return {State.PASSED: "", State.FAILED: "failure", State.OPEN: "skipped", State.UNJUDGED: "skipped"}[claim.state]


def _check_result(check: Check) -> str:
    return {"fault": "error", "doubt": "skipped"}.get(check.state, "")


def _clean(text: str) -> str:
    """The text without what XML 1.0 has no place for."""
    return _FORBIDDEN.sub("�", text)

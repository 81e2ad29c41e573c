"""The walker of GraphQL documents (October 2021): names by vocabulary, literals mapped, punctuation as it is."""

from __future__ import annotations

import re

from replay.sanitize.walk import Walk

_TOKEN = re.compile(
    r'"""(?P<block>(?:[^"\\]++|\\.|"(?!""))*+)"""'
    r'|"(?P<string>(?:[^"\\\r\n]++|\\.)*+)"'
    r"|#(?P<comment>[^\r\n]*+)"
    r"|(?P<real>-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<other>[\s,!$&():=@\[\]{|}]|\.\.\.)"
)
_START = re.compile(r"\s*+(?:#[^\n]*+\n\s*+)*+(?:query|mutation|subscription|fragment)\b|\s*+\{\s*+[A-Za-z_]")


def is_graphql(text: str) -> bool:
    """Whether a text looks like a GraphQL document."""
    return _START.match(text) is not None and "{" in text and text.rstrip().endswith("}")


def mapped(walk: Walk, text: str) -> str | None:
    """The document with literals and unknown names mapped; None where it does not scan."""
    found = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        kind = token.lastgroup
        if kind == "name":
            found.append(walk.name(token["name"]).clean)
        elif kind == "string":
            found.append('"' + walk.leaves.text(token["string"]).replace('"', "").replace("\n", " ") + '"')
        elif kind == "block":
            found.append('"""' + walk.leaves.text(token["block"]).replace('"', "") + '"""')
        elif kind == "comment":
            found.append("#" + walk.leaves.filler(token["comment"]))
        elif kind == "real":
            found.append(walk.leaves.composite(token["real"]))
        else:
            found.append(token[0])
    return "".join(found)

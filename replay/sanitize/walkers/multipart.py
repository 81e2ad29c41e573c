"""The walker of multipart bodies (RFC 2046, RFC 7578): fields by name, files as filler, part headers built anew."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable

from replay.sanitize.walk import Walk
from replay.sanitize.walkers.header_names import MIME_TYPES
from replay.sanitize.walkers.headers import file_name, media_type

MOST_PARTS = 1000
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]{1,70})\"|([^\s;,\"]{1,70}))", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*+([A-Za-z*]{1,20}+)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;\s]*+))")
_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP",
    "application/pdf": b"%PDF-1.7\n",
    "application/zip": b"PK\x03\x04",
    "application/gzip": b"\x1f\x8b\x08",
}
_TEXT_CHARACTERS = "abcdefghijklmnopqrstuvwxyz     \n"

type TextWalker = Callable[[str, str], str | None]


class Multipart:
    """Maps multipart bodies.

    Args:
        walk: the rules.
        inner: maps the text of a part of some media type; None where it does not understand it.
    """

    def __init__(self, walk: Walk, inner: TextWalker) -> None:
        self._walk = walk
        self._inner = inner

    def body(self, body: bytes, content_type: str) -> tuple[bytes, str] | None:
        """The body and its ``Content-Type`` under a new boundary; None where it is not well formed."""
        found = _BOUNDARY.search(content_type)
        if found is None:
            return None
        boundary = (found[1] or found[2]).encode("latin-1", "replace")
        pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
        if len(pieces) < 2 or len(pieces) - 1 > MOST_PARTS or not pieces[-1].startswith(b"--"):
            return None
        clean_boundary = "replay-" + self._walk.leaves.pseudonyms.drawn(
            "boundary", boundary.decode("latin-1"), "0123456789abcdef", max(8, len(boundary) - 7)
        )
        written = []
        for piece in pieces[1:-1]:
            part = self._part(piece)
            if part is None:
                return None
            written.append(b"--" + clean_boundary.encode() + b"\r\n" + part + b"\r\n")
        kind = content_type.partition(";")[0].strip().lower()
        kind = kind if kind in MIME_TYPES else "multipart/mixed"
        return b"".join(written) + b"--" + clean_boundary.encode() + b"--\r\n", f"{kind}; boundary={clean_boundary}"

    def _part(self, piece: bytes) -> bytes | None:
        piece = piece.lstrip(b" \t")
        if not piece.startswith(b"\r\n"):
            return None
        head, gap, content = piece[2:].partition(b"\r\n\r\n")
        if piece.startswith(b"\r\n\r\n"):
            head, content = b"", piece[4:]
        elif not gap:
            return None
        headers: dict[str, str] = {}
        for line in head.split(b"\r\n"):
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            if not colon or (not line.isascii() and b"\x00" in line):
                return None
            headers[name.strip().lower()] = value.strip()
        disposition = headers.get("content-disposition", "")
        parameters = {n.lower(): q or bare for n, q, bare in _PARAMETER.findall(disposition)}
        name = parameters.get("name", "").replace('\\"', '"')
        file = parameters.get("filename", parameters.get("filename*", ""))
        clean = self._walk.name(name).clean if name else ""
        lines = ["Content-Disposition: form-data" + (f'; name="{_quoted(clean)}"' if name else "")]
        if "filename" in parameters or "filename*" in parameters:
            lines[0] += f'; filename="{_quoted(file_name(self._walk, file))}"'
        declared = headers.get("content-type", "")
        kind = media_type(declared) if declared else ""
        if kind:
            lines.append(f"Content-Type: {kind}")
        stored = self._content(content, name, kind, headers.get("content-transfer-encoding", ""), is_file=bool(file))
        if stored is None:
            return None
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + stored

    def _content(self, content: bytes, name: str, kind: str, encoding: str, *, is_file: bool) -> bytes | None:
        """A field's value by its name, a text by its walker, anything else as filler. Stored without its encoding."""
        if encoding.lower() in {"base64", "quoted-printable"}:
            try:
                content = base64.b64decode(content) if encoding.lower() == "base64" else quopri.decodestring(content)
            except (binascii.Error, ValueError):
                return None
        bare = kind.partition(";")[0]
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return self._filler(content, bare)
        if bare not in {"", "text/plain"} or is_file:
            found = self._inner(text, bare)
            return self._filler(content, bare) if found is None else found.encode("utf-8", "surrogatepass")
        value = self._walk.value("form", name, text) if name else self._walk.leaves.text(text)
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def _filler(self, content: bytes, kind: str) -> bytes:
        """As many bytes that say nothing, behind the mark that files of the kind begin with."""
        magic = _MAGIC.get(kind, b"")[: len(content)]
        size = len(content) - len(magic)
        pseudonyms = self._walk.leaves.pseudonyms
        seed = content[:4096].hex() + str(len(content))
        if magic:
            return magic + pseudonyms.stream("file", seed, size)
        return pseudonyms.drawn("file", seed, _TEXT_CHARACTERS, size).encode()


def _quoted(text: str) -> str:
    return text.replace("\\", "").replace('"', "%22").replace("\r", "").replace("\n", "")

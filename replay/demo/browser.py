"""A visitor's browser: one keep-alive connection (HTTP/1.1), a cookie jar, redirects, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httptools

TIMEOUT_S = 20.0


@dataclass(slots=True)
class Answer:
    """A response as far as a visitor needs it; filled in by the parser's callbacks."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """The end of the response."""
        self.is_complete = True

    def header(self, name: str) -> str:
        """The first header of this lower-case name, or ''."""
        return next((value for found, value in self.headers if found == name), "")

    def hidden_field(self, name: str) -> str:
        """The value of a hidden form field of the page, or ''."""
        found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', self.body.decode())
        return found[1] if found else ""


@dataclass(slots=True)
class Browser:
    """Talks to one host through one connection, which it opens again where the other side closed it."""

    host: str
    """Where to connect."""
    port: int
    site: str
    """The Host header: the name that the shop goes by."""
    agent: str
    cookies: dict[str, str] = field(default_factory=dict)
    referer: str = ""
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET a path."""
        return await self.send("GET", path, headers or {})

    async def submit(self, path: str, form: Mapping[str, str]) -> Answer:
        """POST a form and follow the redirect that it is answered with."""
        content = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self.site}"}
        answer = await self.send("POST", path, content, urlencode(form).encode())
        target = answer.header("location")
        if answer.status == 303 and target.startswith("/"):
            return await self.get(target)
        return answer

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send a request and read its response.

        Raises:
            OSError: no connection, or it broke off before the response was complete; TimeoutError after 20 s.
        """
        async with asyncio.timeout(TIMEOUT_S):
            writer, reader = await self._connection()
            writer.write(self._request(method, path, headers, body))
            await writer.drain()
            answer = await _read(reader)
        self._remember(path, answer)
        if answer.header("connection").lower() == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        if self._writer:
            self._writer.close()
        self._reader = self._writer = None

    async def _connection(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        if self._writer is None or self._reader is None or self._reader.at_eof():
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        return self._writer, self._reader

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = {"Host": self.site, "User-Agent": self.agent, "Accept": "*/*", "Accept-Language": "en-GB,en;q=0.8"}
        if self.referer:
            lines["Referer"] = f"http://{self.site}{self.referer}"
        if self.cookies:
            lines["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body:
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in (lines | dict(headers)).items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def _remember(self, path: str, answer: Answer) -> None:
        self.referer = path
        for name, value in answer.headers:
            if name == "set-cookie":
                cookie, _, attributes = value.partition(";")
                key, _, content = cookie.partition("=")
                if content and "max-age=0" not in attributes.lower():
                    self.cookies[key] = content
                else:
                    self.cookies.pop(key, None)


async def _read(reader: asyncio.StreamReader) -> Answer:
    answer = Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.is_complete:
        part = await reader.read(1 << 16)
        if not part:
            raise ConnectionResetError
        parser.feed_data(part)
    answer.status = parser.get_status_code()
    return answer

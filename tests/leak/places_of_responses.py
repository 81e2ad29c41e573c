"""Places of a response (class D)."""

from __future__ import annotations

import html

from exchanges import CODINGS, HOST, Message, answered, b64, b64url, dumps, escaped, percent, png_with_text
from places_of_requests import Place, h, q


def _header(name: str, value: str, status: int = 200) -> Message:
    return Message(answer_headers=((name, value),), status=status)


HEADERS: dict[str, Place] = {
    "set-cookie value": lambda v: _header("Set-Cookie", f"sid={q(v)}; Path=/; HttpOnly"),
    "set-cookie name": lambda v: _header("Set-Cookie", f"{b64url(v)}=1; Path=/"),
    "set-cookie json": lambda v: _header("Set-Cookie", f"state={q(dumps({'who': v}))}; Path=/"),
    "set-cookie path": lambda v: _header("Set-Cookie", f"sid=1; Path=/users/{q(v)}"),
    "set-cookie domain": lambda v: _header("Set-Cookie", f"sid=1; Domain={h(v)}.example.net"),
    "set-cookie attribute": lambda v: _header("Set-Cookie", f"sid=1; X-Own={q(v)}; SameSite=Lax"),
    "set-cookie, two": lambda v: Message(answer_headers=(("Set-Cookie", "a=1"), ("Set-Cookie", f"b={q(v)}"))),
    "set-cookie, joined": lambda v: _header("Set-Cookie", f"a=1; Path=/, b={q(v)}; Path=/"),
    "location": lambda v: _header("Location", f"https://{HOST}/users/{q(v)}", 302),
    "location, relative": lambda v: _header("Location", f"../users/{q(v)}", 302),
    "location, query": lambda v: _header("Location", f"/cb?code={q(v)}&state=1", 302),
    "location, fragment": lambda v: _header("Location", f"/cb#access_token={q(v)}&expires_in=3600", 302),
    "location, nested": lambda v: _header("Location", f"/login?next={q('/users/' + q(v))}", 302),
    "location, no url": lambda v: _header("Location", v, 302),
    "content location": lambda v: _header("Content-Location", f"/users/{q(v)}"),
    "refresh": lambda v: _header("Refresh", f"0; url=/users/{q(v)}"),
    "link": lambda v: _header("Link", f'</items?after={q(v)}>; rel="next", </x>; rel="prev"'),
    "link title": lambda v: _header("Link", f'</items>; rel="next"; title="{v}"'),
    "entity tag": lambda v: _header("ETag", f'"{v}"'),
    "last modified": lambda v: _header("Last-Modified", v),
    "content disposition": lambda v: _header("Content-Disposition", f'inline; filename="{v}.csv"'),
    "challenge realm": lambda v: _header("WWW-Authenticate", f'Bearer realm="{v}", error="invalid_token"', 401),
    "policy report": lambda v: _header(
        "Content-Security-Policy", f"script-src 'nonce-{b64(v)}'; report-uri /r?u={q(v)}"
    ),
    "allow origin": lambda v: _header("Access-Control-Allow-Origin", f"https://{h(v)}.example.net"),
    "expose headers": lambda v: _header("Access-Control-Expose-Headers", f"X-{b64url(v)}"),
    "server": lambda v: _header("Server", f"own/1.0 ({v})"),
    "server timing": lambda v: _header("Server-Timing", f'db;desc="{v}";dur=5'),
    "alternative service": lambda v: _header("Alt-Svc", f'h3="{h(v)}.example.net:443"'),
    "report to": lambda v: _header(
        "Report-To", dumps({"group": v, "endpoints": [{"url": f"https://{HOST}/r/{q(v)}"}]})
    ),
    "vary": lambda v: _header("Vary", f"Accept, X-{b64url(v)}"),
    "allow": lambda v: _header("Allow", f"GET, {b64url(v)}", 405),
    "retry after": lambda v: _header("Retry-After", v, 503),
    "content range": lambda v: _header("Content-Range", f"{b64url(v)} 0-1/2"),
    "warning": lambda v: _header("Warning", f'199 - "{v}"'),
    "cache control": lambda v: _header("Cache-Control", f'private="{v}", max-age=10'),
    "source map": lambda v: _header("SourceMap", f"/maps/{q(v)}.map"),
    "own header": lambda v: _header("X-User", v),
    "header name": lambda v: _header(f"X-{b64url(v)}", "1"),
    "trailer": lambda v: Message(answer_headers=(("Trailer", "X-Sum"), ("X-Sum", v))),
}

BODIES: dict[str, Place] = {
    "token issued": lambda v: answered(dumps({"access_token": v, "token_type": "Bearer", "expires_in": 3600})),
    "json string": lambda v: answered(dumps({"items": [{"title": v}]})),
    "json key": lambda v: answered(dumps({"by_user": {v: {"n": 1}}})),
    "json escapes": lambda v: answered(f'{{"owner":"{escaped(v)}"}}'),
    "json prefix": lambda v: answered(")]}'\n" + dumps({"owner": v})),
    "json padding": lambda v: answered(f"cb({dumps({'owner': v})});", "application/javascript"),
    "json padding, name": lambda v: answered(f"cb{h(v)}({{}});", "text/javascript"),
    "json pointer": lambda v: answered(dumps({"next": f"/items?after={q(v)}"})),
    "json problem": lambda v: answered(dumps({"detail": f"no user {v}"}), "application/problem+json", status=404),
    "script state": lambda v: answered(f"<script>window.S={dumps({'who': v})}</script>", "text/html"),
    "script string": lambda v: answered(f"<script>var u='{percent(v)}';</script>", "text/html"),
    "javascript": lambda v: answered(f"const owner = {dumps(v)}; f(owner);", "application/javascript"),
    "html text": lambda v: answered(
        f"<html><body><p>Hello {html.escape(v)}</p></body></html>", "text/html; charset=utf-8"
    ),
    "html attribute": lambda v: answered(f"<a href='/users/{q(v)}' title='{html.escape(v)}'>x</a>", "text/html"),
    "html attribute name": lambda v: answered(f"<p data-{h(v)}=1 x{h(v)}>x</p>", "text/html"),
    "html input": lambda v: answered(f'<input type=hidden name=csrf value="{html.escape(v)}">', "text/html"),
    "html meta": lambda v: answered(f"<meta name='csrf-token' content='{html.escape(v)}'>", "text/html"),
    "html comment": lambda v: answered(f"<p>x</p><!-- {v} -->", "text/html"),
    "html handler": lambda v: answered(f"<a onclick=\"go('{html.escape(v)}')\">x</a>", "text/html"),
    "html style": lambda v: answered(f"<style>.x{{background:url(/u/{q(v)})}}</style>", "text/html"),
    "html entities": lambda v: answered(f"<p>{''.join(f'&#{ord(c)};' for c in v)}</p>", "text/html"),
    "html broken": lambda v: answered(f"<p <b {html.escape(v)} <<>", "text/html"),
    "html labelled nothing": lambda v: Message(answer=f"<!doctype html><p>{html.escape(v)}</p>".encode()),
    "error page": lambda v: answered(f"Traceback: no user {v} at line 7", "text/plain", status=500),
    "redirect page": lambda v: answered(f"Moved to /users/{q(v)}", "text/plain", status=302),
    "xml": lambda v: answered(f"<feed><title>{html.escape(v)}</title></feed>", "application/atom+xml"),
    "svg": lambda v: answered(f"<svg><text>{html.escape(v)}</text></svg>", "image/svg+xml"),
    "css": lambda v: answered(f'.a::after{{content:"{v}"}}', "text/css"),
    "event data": lambda v: answered(f"event: m\ndata: {dumps({'who': v})}\n\n", "text/event-stream"),
    "event text": lambda v: answered(f"data: {v}\n\n", "text/event-stream"),
    "event id": lambda v: answered(f"id: {v}\ndata: 1\n\n", "text/event-stream"),
    "event name": lambda v: answered(f"event: {v}\ndata: 1\n\n", "text/event-stream"),
    "event comment": lambda v: answered(f": {v}\n\n", "text/event-stream"),
    "event, split": lambda v: answered(f'data: {{"who":\ndata: {dumps(v)}}}\n\n', "text/event-stream"),
    "json lines": lambda v: answered(f'{{"a":1}}\n{{"owner":{dumps(v)}}}\n', "application/x-ndjson"),
    "csv": lambda v: answered(f'id,owner\n1,"{v}"\n', "text/csv; header=present"),
    "tsv": lambda v: answered(f"id\towner\n1\t{v}\n", "text/tab-separated-values"),
    "multipart mixed": lambda v: answered(
        "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n"
        f"X-Who: {v}\r\n\r\n{dumps({'who': v})}\r\n--b--",
        "multipart/mixed; boundary=b",
    ),
    "byte ranges": lambda v: answered(
        f"--b\r\nContent-Range: bytes 0-9/99\r\n\r\n{v}\r\n--b--", "multipart/byteranges; boundary=b", status=206
    ),
    "gzip": lambda v: answered(
        CODINGS["gzip"](dumps({"owner": v}).encode()), "application/json", ("Content-Encoding", "gzip")
    ),
    "br": lambda v: answered(
        CODINGS["br"](f"<p>{html.escape(v)}</p>".encode()), "text/html", ("Content-Encoding", "br")
    ),
    "image": lambda v: answered(png_with_text(v), "image/png"),
    "manifest": lambda v: answered(f"#EXTM3U\n#EXTINF:1,\nseg.ts?token={q(v)}\n", "application/vnd.apple.mpegurl"),
    "vcard": lambda v: answered(f"BEGIN:VCARD\nFN:{v}\nEND:VCARD\n", "text/vcard"),
    "not found echo": lambda v: answered(dumps({"error": f"Cannot GET /users/{v}"}), "application/json", status=404),
}
"""Class D: responses."""

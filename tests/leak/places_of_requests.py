"""Places of a request: its line, its headers, its body (classes A, B and C)."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from exchanges import (
    CODINGS,
    HOST,
    Message,
    b64,
    b64url,
    dumps,
    escaped,
    msgpack_text,
    multipart,
    part,
    percent,
    png_with_text,
    protobuf_text,
    raw_deflate,
    sent,
)

type Place = Callable[[str], Message]

_FORM = "application/x-www-form-urlencoded"


def _path(path: str) -> Message:
    return Message(path=path)


def q(text: str) -> str:
    """Percent-encoded as a browser does."""
    return quote(text, safe="")


def h(text: str) -> str:
    """In hexadecimal, which fits into a host label and keeps its meaning whatever the case."""
    return text.encode().hex()


def _header(name: str, value: str) -> Message:
    return Message(headers=((name, value),))


LINE: dict[str, Place] = {
    "path segment": lambda v: _path(f"/users/{q(v)}/orders"),
    "path segment, all escaped": lambda v: _path(f"/users/{percent(v)}"),
    "path segment, escaped twice": lambda v: _path(f"/users/{q(q(v))}"),
    "path segment, last with extension": lambda v: _path(f"/img/{q(v)}.jpg"),
    "path segment, two joined": lambda v: _path(f"/items/{q(v)},{q(v[::-1])}"),
    "path segment, function call": lambda v: _path(f"/Users('{q(v)}')/items"),
    "path segment, verb": lambda v: _path(f"/users/{q(v)}:cancel"),
    "path segment, base64": lambda v: _path(f"/state/{b64url(v)}"),
    "path segment, hex": lambda v: _path(f"/state/{h(v)}"),
    "path, empty segments": lambda v: _path(f"//{q(v)}//"),
    "path, nested url": lambda v: _path(f"/proxy/https://{HOST}/{q(v)}"),
    "path, raw bytes": lambda v: Message(path=b"/users/" + v.encode().replace(b" ", b"%20").replace(b"#", b"%23")),
    "matrix parameter": lambda v: _path(f"/items;owner={q(v)}/list"),
    "matrix parameter, name": lambda v: _path(f"/items;{q(v)}=1"),
    "query value": lambda v: _path(f"/search?q={q(v)}"),
    "query value, plus": lambda v: _path(f"/search?q={quote_plus(v)}"),
    "query value, all escaped": lambda v: _path(f"/search?q={percent(v)}"),
    "query value, escaped twice": lambda v: _path(f"/search?q={q(q(v))}"),
    "query value, escaped three times": lambda v: _path(f"/search?q={q(q(q(v)))}"),
    "query value, page": lambda v: _path(f"/search?page={q(v)}&limit=10"),
    "query value, semicolon": lambda v: _path(f"/search?a=1;b={q(v)}"),
    "query value, array": lambda v: _path(f"/search?ids[]={q(v)}&ids[]=7"),
    "query value, list": lambda v: _path(f"/search?ids=7,{q(v)},9"),
    "query value, json": lambda v: _path(f"/search?filter={q(dumps({'owner': v}))}"),
    "query value, base64 json": lambda v: _path(f"/search?cursor={b64url(dumps({'after': v}))}"),
    "query value, base64 padded": lambda v: _path(f"/search?cursor={q(b64('cursor:' + v))}"),
    "query value, nested url": lambda v: _path(f"/login?next={q(f'https://{HOST}/u/{q(v)}')}"),
    "query value, nested query": lambda v: _path(f"/login?next={q(f'/account?who={q(v)}&x=1')}"),
    "query value, userinfo": lambda v: _path(f"/fetch?url={q(f'https://{q(v)}:pw@{HOST}/')}"),
    "query value, graphql": lambda v: _path(f"/graphql?query={q('{ user(id: ' + json.dumps(v) + ') { name } }')}"),
    "query value, empty name": lambda v: _path(f"/search?={q(v)}"),
    "query value, raw equals": lambda v: _path(f"/search?a=b={q(v)}"),
    "query name": lambda v: _path(f"/search?{q(v)}=1"),
    "query name, brackets": lambda v: _path(f"/search?filter[{q(v)}]=1"),
    "query, bare": lambda v: _path(f"/search?{q(v)}"),
    "query, second question mark": lambda v: _path(f"/search?a=1?b={q(v)}"),
    "fragment": lambda v: _path(f"/search?a=1#{q(v)}"),
    "absolute form": lambda v: _path(f"http://{q(v)}:pw@{HOST}/search"),
    "host label": lambda v: Message(host=f"{h(v)}.shop.example.net"),
    "method": lambda v: Message(method=f"X{b64url(v)}"),
}
"""Class A: the request line."""


CREDENTIALS: dict[str, Place] = {
    "bearer": lambda v: _header("Authorization", f"Bearer {v}"),
    "bearer, lower case": lambda v: _header("authorization", f"bearer {v}"),
    "basic user": lambda v: _header("Authorization", f"Basic {b64(v + ':pw')}"),
    "basic password": lambda v: _header("Authorization", f"Basic {b64('me:' + v)}"),
    "digest user": lambda v: _header(
        "Authorization", f'Digest username="{v}", realm="r", nonce="n", uri="/u", response="0a"'
    ),
    "digest uri": lambda v: _header("Authorization", f'Digest username="u", realm="r", nonce="n", uri="/u/{q(v)}"'),
    "aws credential": lambda v: _header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={q(v)}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab",
    ),
    "aws signature": lambda v: _header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential=AK/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature={b64url(v)}",
    ),
    "token scheme": lambda v: _header("Authorization", f'Token token="{v}"'),
    "unknown scheme": lambda v: _header("Authorization", f"Custom {v}"),
    "no scheme": lambda v: _header("Authorization", v),
    "scheme itself": lambda v: _header("Authorization", f"{b64url(v)} abc"),
    "oauth parameter": lambda v: _header("Authorization", f'OAuth oauth_token="{q(v)}", oauth_version="1.0"'),
    "proxy authorization": lambda v: _header("Proxy-Authorization", f"Basic {b64(v)}"),
    "api key header": lambda v: _header("X-Api-Key", v),
    "csrf header": lambda v: _header("X-CSRF-Token", v),
    "signature header": lambda v: _header("X-Hub-Signature-256", f"sha256={v}"),
    "message signature": lambda v: _header("Signature", f"sig1=:{b64(v)}:"),
    "dpop": lambda v: _header("DPoP", v),
    "client certificate": lambda v: _header("X-Client-Cert", q(f"-----BEGIN CERTIFICATE-----\n{b64(v)}\n")),
    "forwarded certificate": lambda v: _header("X-Forwarded-Client-Cert", f'By=spiffe://a;Hash=1;Subject="CN={v}"'),
}

COOKIES: dict[str, Place] = {
    "cookie value": lambda v: _header("Cookie", f"a=1; sid={q(v)}; b=2"),
    "cookie value, raw": lambda v: _header("Cookie", f"note={v.replace(';', ',')}"),
    "cookie value, quoted": lambda v: _header("Cookie", f'sid="{q(v)}"'),
    "cookie value, json": lambda v: _header("Cookie", f"prefs={q(dumps({'who': v}))}"),
    "cookie value, base64 json": lambda v: _header("Cookie", f"state={b64(dumps({'who': v}))}"),
    "cookie value, nested pairs": lambda v: _header("Cookie", f"track=uid={q(v)}&seen=1"),
    "cookie value, signed": lambda v: _header("Cookie", f"connect.sid=s%3A{q(v)}.c2lnbmF0dXJl"),
    "cookie value, dotted": lambda v: _header("Cookie", f"_ga=GA1.2.{q(v)}.1767225600"),
    "cookie name": lambda v: _header("Cookie", f"{b64url(v)}=1"),
    "cookie name, prefix": lambda v: _header("Cookie", f"wp_logged_in_{h(v)}=1"),
    "cookie without value": lambda v: _header("Cookie", q(v)),
    "cookie, two fields": lambda v: Message(headers=(("Cookie", "a=1"), ("Cookie", f"b={q(v)}"))),
    "cookie, no space": lambda v: _header("Cookie", f"a=1;b={q(v)};"),
}

HEADERS: dict[str, Place] = {
    "referer path": lambda v: _header("Referer", f"https://{HOST}/users/{q(v)}"),
    "referer query": lambda v: _header("Referer", f"https://{HOST}/search?q={q(v)}&x=1#f"),
    "referer host": lambda v: _header("Referer", f"https://{h(v)}.example.net/"),
    "referer, no url": lambda v: _header("Referer", v),
    "origin": lambda v: _header("Origin", f"https://{h(v)}.example.net"),
    "forwarded for": lambda v: _header("X-Forwarded-For", f"{v}, 10.0.0.1"),
    "forwarded": lambda v: _header("Forwarded", f'for="{v}";proto=https;by=10.0.0.1'),
    "forwarded host": lambda v: _header("X-Forwarded-Host", v),
    "real ip": lambda v: _header("X-Real-IP", v),
    "via": lambda v: _header("Via", f"1.1 {v}"),
    "user agent, comment": lambda v: _header("User-Agent", f"Mozilla/5.0 (X11; {v}) Chrome/120.0.0.0"),
    "user agent, product": lambda v: _header("User-Agent", f"{b64url(v)}/1.0"),
    "user agent, own": lambda v: _header("User-Agent", v),
    "accept parameter": lambda v: _header("Accept", f'text/html;profile="{v}", */*;q=0.1'),
    "accept type": lambda v: _header("Accept", f"application/vnd.{b64url(v)}+json"),
    "accept language": lambda v: _header("Accept-Language", f"en, {b64url(v)};q=0.5"),
    "accept encoding": lambda v: _header("Accept-Encoding", f"gzip, {b64url(v)}"),
    "content type parameter": lambda v: sent("{}", f'application/json; owner="{v}"'),
    "content type subtype": lambda v: sent("{}", f"application/vnd.{b64url(v)}+json"),
    "content type boundary": lambda v: sent(
        b"--" + b64url(v).encode() + b"--\r\n", f"multipart/form-data; boundary={b64url(v)}"
    ),
    "content disposition": lambda v: _header("Content-Disposition", f'attachment; filename="{v}.pdf"'),
    "content disposition, extended": lambda v: _header(
        "Content-Disposition", f"attachment; filename*=UTF-8''{q(v)}.pdf"
    ),
    "cache control extension": lambda v: _header("Cache-Control", f'no-cache, owner="{v}"'),
    "entity tag condition": lambda v: _header("If-None-Match", f'W/"{v}"'),
    "range condition": lambda v: _header("If-Range", f'"{v}"'),
    "range unit": lambda v: _header("Range", f"{b64url(v)}=0-10"),
    "expect": lambda v: _header("Expect", v),
    "prefer": lambda v: _header("Prefer", f'return=minimal, owner="{v}"'),
    "from": lambda v: _header("From", v),
    "link": lambda v: _header("Link", f'<https://{HOST}/users/{q(v)}>; rel="self"'),
    "trace parent": lambda v: _header("traceparent", f"00-{h(v)}-00f067aa0ba902b7-01"),
    "baggage": lambda v: _header("baggage", f"userId={q(v)},tier=gold"),
    "request id": lambda v: _header("X-Request-Id", v),
    "idempotency key": lambda v: _header("Idempotency-Key", f'"{v}"'),
    "client hint": lambda v: _header("Sec-CH-UA", f'"{v}";v="99"'),
    "upgrade": lambda v: _header("Upgrade", b64url(v)),
    "connection": lambda v: _header("Connection", f"keep-alive, X-{b64url(v)}"),
    "host field": lambda v: _header("Host", f"{h(v)}.example.net"),
    "websocket protocol": lambda v: _header("Sec-WebSocket-Protocol", f"v1, {b64url(v)}"),
    "te": lambda v: _header("TE", f"trailers, {b64url(v)}"),
    "trailer": lambda v: _header("Trailer", f"X-{b64url(v)}"),
    "content encoding name": lambda v: Message(headers=(("Content-Encoding", b64url(v)),), body=b"{}"),
    "http2 settings": lambda v: _header("HTTP2-Settings", b64url(v)),
    "body digest": lambda v: _header("Content-MD5", b64(v)),
    "own header": lambda v: _header("X-Customer", v),
    "own header, json": lambda v: _header("X-Context", dumps({"who": v}).encode().decode()),
    "own header, base64 json": lambda v: _header("X-Amz-Meta", b64(dumps({"who": v}))),
    "own header, url": lambda v: _header("X-Original-URL", f"/users/{q(v)}?a=1"),
    "own header, list": lambda v: _header("X-Groups", f"a, {v}, b"),
    "own header, pairs": lambda v: _header("X-Tags", f"tier=gold;who={v}"),
    "own header, known word as name": lambda v: _header("Priority", f"u=1, {b64url(v)}"),
    "header name": lambda v: _header(f"X-{b64url(v)}", "1"),
    "header name, word": lambda v: _header("k" + h(v), "1"),
    "header, not UTF-8": lambda v: Message(headers=(("X-Note", b"\xff\xfe " + v.encode()),)),
    "connection name": lambda v: Message(connection=v),
}
"""Class B: headers and cookies of requests."""


def _j(value: object, kind: str = "application/json") -> Message:
    return sent(dumps(value), kind)


JSON: dict[str, Place] = {
    "json string": lambda v: _j({"owner": v}),
    "json string, known name": lambda v: _j({"status": v, "type": v, "id": v}),
    "json string, nested": lambda v: _j({"a": [{"b": {"c": [v]}}]}),
    "json string, top": lambda v: _j(v),
    "json array, top": lambda v: _j([v, 1]),
    "json key": lambda v: _j({"seen": {v: 1}}),
    "json key, camel": lambda v: _j({"by" + h(v): True}),
    "json pair": lambda v: _j({"attributes": [["owner", v]]}),
    "json name and value": lambda v: _j([{"name": "owner", "value": v}]),
    "json escapes": lambda v: sent(f'{{"owner":"{escaped(v)}"}}'),
    "json within text": lambda v: _j({"message": "owner is " + dumps({"who": v})}),
    "json in string": lambda v: _j({"payload": dumps({"who": v})}),
    "json in string in string": lambda v: _j({"payload": dumps({"more": dumps({"who": v})})}),
    "json in base64": lambda v: _j({"state": b64(dumps({"who": v}))}),
    "json in base64url": lambda v: _j({"state": b64url(dumps({"who": v}))}),
    "json in hex": lambda v: _j({"state": dumps({"who": v}).encode().hex()}),
    "json in base64 in base64": lambda v: _j({"state": b64(b64(dumps({"who": v})))}),
    "json percent": lambda v: _j({"state": percent(v)}),
    "json html entities": lambda v: _j({"note": "".join(f"&#{ord(c)};" for c in v)}),
    "json data url": lambda v: _j({"file": f"data:text/plain;base64,{b64(v)}"}),
    "json url": lambda v: _j({"link": f"https://{HOST}/u/{q(v)}?who={q(v)}"}),
    "json form in string": lambda v: _j({"query": f"who={q(v)}&x=1"}),
    "json jwt": lambda v: _j(
        {"t": f"{b64url(dumps({'alg': 'RS256'}))}.{b64url(dumps({'sub': v}))}.{b64url('s' * 32)}"}
    ),
    "json jwt header": lambda v: _j(
        {"t": f"{b64url(dumps({'alg': 'RS256', 'kid': v}))}.{b64url('{}')}.{b64url('s' * 32)}"}
    ),
    "json jwt algorithm": lambda v: _j(
        {"t": f"{b64url(dumps({'alg': v, 'typ': v}))}.{b64url('{}')}.{b64url('s' * 32)}"}
    ),
    "json jwt signature": lambda v: _j(
        {"t": f"{b64url(dumps({'alg': 'RS256'}))}.{b64url('{}')}.{b64url(v + 's' * 20)}"}
    ),
    "json sentence": lambda v: _j({"text": f"Dear {v}, your order has been shipped and is on its way to you, {v}."}),
    "json html": lambda v: _j({"html": f"<p class='x'>Hello <b>{html.escape(v)}</b></p>"}),
    "json labelled text": lambda v: _j({"owner": v}, "text/plain"),
    "json labelled nothing": lambda v: Message(body=dumps({"owner": v}).encode()),
    "json labelled form": lambda v: _j({"owner": v}, _FORM),
    "json vendor type": lambda v: _j({"owner": v}, "application/vnd.api+json; charset=utf-8"),
    "json charset upper": lambda v: _j({"owner": v}, "Application/JSON; Charset=UTF-8"),
    "json utf-16": lambda v: sent(dumps({"owner": v}).encode("utf-16"), "application/json; charset=utf-16"),
    "json utf-32": lambda v: sent(dumps({"owner": v}).encode("utf-32"), "application/json"),
    "json latin-1": lambda v: sent(
        dumps({"owner": v}).encode("latin-1", "xmlcharrefreplace"), "application/json; charset=iso-8859-1"
    ),
    "json byte order mark": lambda v: sent(b"\xef\xbb\xbf" + dumps({"owner": v}).encode()),
    "json cut off": lambda v: sent(dumps({"a": 1, "owner": v, "rest": "x" * 20})[:-10]),
    "json cut off in value": lambda v: sent(f'{{"owner":"{v}'),
    "json, comment": lambda v: sent(f'{{"a":1 /* {v} */}}'),
    "json, single quotes": lambda v: sent(f"{{'owner':'{v}'}}"),
    "json, trailing garbage": lambda v: sent(f'{{"a":1}} {v}'),
    "json, duplicate names": lambda v: sent(f'{{"owner":{dumps(v)},"owner":"x"}}'),
    "json, NaN beside": lambda v: sent(f'{{"a":NaN,"owner":{dumps(v)}}}'),
    "json, lone surrogate beside": lambda v: sent(f'{{"a":"\\ud800","owner":{dumps(v)}}}'),
    "json, big integer beside": lambda v: sent(f'{{"a":{"9" * 40},"owner":{dumps(v)}}}'),
    "json, invalid utf-8 beside": lambda v: sent(b'{"a":"\xff","owner":' + dumps(v).encode() + b"}"),
    "json, deep": lambda v: sent("[" * 200 + dumps(v) + "]" * 200),
    "json lines": lambda v: sent(f'{{"a":1}}\n{{"owner":{dumps(v)}}}\n', "application/x-ndjson"),
    "json lines, unlabelled": lambda v: sent(f'{{"a":1}}\n{{"owner":{dumps(v)}}}\n'),
    "json sequence": lambda v: sent(f'\x1e{{"owner":{dumps(v)}}}\n', "application/json-seq"),
    "json bulk": lambda v: sent(f'{{"index":{{"_id":{dumps(v)}}}}}\n{{"f":1}}\n', "application/json"),
}
NUMBERS: dict[str, Place] = {
    "json number": lambda v: sent(f'{{"owner":{v}}}'),
    "json number, known name": lambda v: sent(f'{{"id":{v},"count":{v},"total":{v}}}'),
    "json number, negative": lambda v: sent(f'{{"owner":-{v}}}'),
    "json number, top": lambda v: sent(v),
    "json number, list": lambda v: sent(f"[1,{v},2]"),
    "json number, key": lambda v: sent(f'{{"seen":{{"{v}":1}}}}'),
    "json number, exponent": lambda v: sent(f'{{"owner":{v}e0}}'),
    "json number, in exponent": lambda v: sent(f'{{"owner":1e{v.replace(".", "")}}}'),
    "json number, coordinate": lambda v: sent(f'{{"latitude":{v},"lng":{v},"at":{{"lat":"{v}"}}}}'),
    "json number, time name": lambda v: sent(f'{{"created_at":{v},"exp":{v}}}'),
    "graphql number": lambda v: _j({"query": f"{{ user(id: {v}) {{ name }} }}"}),
}

BODIES: dict[str, Place] = {
    "form value": lambda v: sent(f"a=1&owner={quote_plus(v)}", _FORM),
    "form value, all escaped": lambda v: sent(f"owner={percent(v)}", _FORM),
    "form name": lambda v: sent(f"{quote_plus(v)}=1", _FORM),
    "form, brackets": lambda v: sent(f"user[{q(v)}][]={q(v)}", _FORM),
    "form, json": lambda v: sent(f"payload={q(dumps({'who': v}))}", _FORM),
    "form, base64": lambda v: sent(f"SAMLResponse={q(b64(f'<a>{v}</a>'))}", _FORM),
    "form, unlabelled": lambda v: Message(body=f"a=1&owner={q(v)}".encode()),
    "form, labelled json": lambda v: sent(f"a=1&owner={q(v)}"),
    "form, semicolons": lambda v: sent(f"a=1;owner={q(v)}", _FORM),
    "form, raw": lambda v: sent(f"owner={v}", _FORM),
    "form, latin-1": lambda v: sent(
        f"owner={quote_plus(v, encoding='latin-1', errors='xmlcharrefreplace')}", f"{_FORM}; charset=latin-1"
    ),
    "multipart value": lambda v: multipart(part(v, 'form-data; name="owner"')),
    "multipart name": lambda v: multipart(part("1", f'form-data; name="{v}"')),
    "multipart file name": lambda v: multipart(
        part("1", f'form-data; name="f"; filename="{v}.txt"', "Content-Type: text/plain")
    ),
    "multipart file name, extended": lambda v: multipart(
        part("1", f"form-data; name=\"f\"; filename*=UTF-8''{q(v)}")
    ),
    "multipart header": lambda v: multipart(part("1", 'form-data; name="f"', f"X-Owner: {v}")),
    "multipart text file": lambda v: multipart(
        part(f"line\n{v}\n", 'form-data; name="f"; filename="a.txt"', "Content-Type: text/plain")
    ),
    "multipart binary file": lambda v: multipart(
        part(png_with_text(v), 'form-data; name="f"; filename="a.png"', "Content-Type: image/png")
    ),
    "multipart json": lambda v: multipart(
        part(dumps({"who": v}), 'form-data; name="f"', "Content-Type: application/json")
    ),
    "multipart base64": lambda v: multipart(part(b64(v), 'form-data; name="f"', "Content-Transfer-Encoding: base64")),
    "multipart quoted-printable": lambda v: multipart(
        part(
            "".join(f"={b:02X}" for b in v.encode()),
            'form-data; name="f"',
            "Content-Transfer-Encoding: quoted-printable",
        )
    ),
    "multipart preamble": lambda v: multipart(part("1", 'form-data; name="f"'), before=f"{v}\r\n".encode()),
    "multipart epilogue": lambda v: multipart(part("1", 'form-data; name="f"'), after=v.encode()),
    "multipart cut off": lambda v: sent(part(v, 'form-data; name="f"')[:-2], "multipart/form-data; boundary=xyz"),
    "multipart, other boundary": lambda v: sent(part(v, 'form-data; name="f"'), "multipart/form-data; boundary=abc"),
    "multipart, no boundary": lambda v: sent(part(v, 'form-data; name="f"'), "multipart/form-data"),
    "multipart nested": lambda v: multipart(
        part(
            b"--in\r\n\r\n" + v.encode() + b"\r\n--in--",
            'form-data; name="f"',
            "Content-Type: multipart/mixed; boundary=in",
        )
    ),
    "graphql variable": lambda v: _j({"query": "query Q($w: ID!) { user(id: $w) { name } }", "variables": {"w": v}}),
    "graphql literal": lambda v: _j({"query": f"{{ user(email: {json.dumps(v)}) {{ name }} }}"}),
    "graphql block string": lambda v: _j({"query": f'{{ note(text: """{v}""") {{ id }} }}'}),
    "graphql operation": lambda v: _j({"query": "{ me { id } }", "operationName": v}),
    "graphql alias": lambda v: _j({"query": f"{{ x{h(v)}: me {{ id }} }}"}),
    "graphql comment": lambda v: _j({"query": f"{{ me {{ id }} }} # {v}"}),
    "graphql text": lambda v: sent(f"{{ user(id: {json.dumps(v)}) {{ name }} }}", "application/graphql"),
    "xml text": lambda v: sent(f"<a><b>{html.escape(v)}</b></a>", "application/xml"),
    "xml attribute": lambda v: sent(f'<a b="{html.escape(v)}"/>', "text/xml; charset=utf-8"),
    "xml cdata": lambda v: sent(f"<a><![CDATA[{v}]]></a>", "application/xml"),
    "xml comment": lambda v: sent(f"<a><!-- {v} --></a>", "application/xml"),
    "xml instruction": lambda v: sent(f"<?owner {v}?><a/>", "application/xml"),
    "xml entity": lambda v: sent(f'<!DOCTYPE a [<!ENTITY e "{html.escape(v)}">]><a>&e;</a>', "application/xml"),
    "xml attribute name": lambda v: sent(f'<a x{h(v)}="1"/>', "application/xml"),
    "xml element name": lambda v: sent(f"<a><x{h(v)}/></a>", "application/xml"),
    "xml character references": lambda v: sent(f"<a>{''.join(f'&#x{ord(c):x};' for c in v)}</a>", "application/xml"),
    "xml namespace": lambda v: sent(f'<a xmlns:o="urn:{q(v)}"/>', "application/soap+xml"),
    "xml unlabelled": lambda v: Message(body=f"<a><b>{html.escape(v)}</b></a>".encode()),
    "text": lambda v: sent(f"owner: {v}\nmore", "text/plain"),
    "text, only": lambda v: sent(v, "text/plain"),
    "text latin-1": lambda v: sent(
        f"owner {v}".encode("latin-1", "xmlcharrefreplace"), "text/plain; charset=iso-8859-1"
    ),
    "text utf-16": lambda v: sent(f"owner {v}".encode("utf-16-le"), "text/plain; charset=utf-16le"),
    "text, false charset": lambda v: sent(f"owner {v}".encode(), "text/plain; charset=utf-16"),
    "text, unknown charset": lambda v: sent(f"owner {v}".encode(), "text/plain; charset=x-own"),
    "text, base64": lambda v: sent(b64(f"owner {v}"), "text/plain"),
    "csv": lambda v: sent(f'id,owner\n1,"{v}"\n', "text/csv"),
    "csv head": lambda v: sent(f'id,"{v}"\n1,2\n', "text/csv"),
    "yaml": lambda v: sent(f'owner: "{v}"\n', "application/yaml"),
    "unknown type": lambda v: sent(f"owner={v}", "application/x-own"),
    "octets": lambda v: sent(b"\0\1\2" + v.encode() + b"\xff", "application/octet-stream"),
    "octets, text": lambda v: sent(v, "application/octet-stream"),
    "image": lambda v: sent(png_with_text(v), "image/png"),
    "pdf": lambda v: sent(f"%PDF-1.4\n1 0 obj <</Author ({v})>> endobj", "application/pdf"),
    "protobuf": lambda v: sent(protobuf_text(v), "application/x-protobuf"),
    "grpc": lambda v: sent(b"\0" + len(protobuf_text(v)).to_bytes(4) + protobuf_text(v), "application/grpc+proto"),
    "messagepack": lambda v: sent(msgpack_text(v), "application/msgpack"),
    "messagepack, unlabelled": lambda v: Message(body=msgpack_text(v)),
    **{
        f"json, {name}": (
            lambda v, n=name: sent(
                CODINGS[n](dumps({"owner": v}).encode()), "application/json", ("Content-Encoding", n)
            )
        )
        for name in CODINGS
    },
    "json, raw deflate": lambda v: sent(
        raw_deflate(dumps({"owner": v}).encode()), "application/json", ("Content-Encoding", "deflate")
    ),
    "json, stacked": lambda v: sent(
        CODINGS["br"](CODINGS["gzip"](dumps({"owner": v}).encode())),
        "application/json",
        ("Content-Encoding", "gzip, br"),
    ),
    "json, gzip twice": lambda v: sent(
        CODINGS["gzip"](CODINGS["gzip"](dumps({"owner": v}).encode())),
        "application/json",
        ("Content-Encoding", "gzip"),
    ),
    "json, gzip undeclared": lambda v: sent(CODINGS["gzip"](dumps({"owner": v}).encode())),
    "json, declared gzip but plain": lambda v: sent(
        dumps({"owner": v}), "application/json", ("Content-Encoding", "gzip")
    ),
    "json, unknown coding": lambda v: sent(dumps({"owner": v}), "application/json", ("Content-Encoding", "x-own")),
    "json, x-gzip": lambda v: sent(
        CODINGS["gzip"](dumps({"owner": v}).encode()), "application/json", ("Content-Encoding", "X-GZip")
    ),
    "json, gzip cut off": lambda v: sent(
        CODINGS["gzip"](dumps({"owner": v, "more": "y" * 50}).encode())[:-12],
        "application/json",
        ("Content-Encoding", "gzip"),
    ),
    "json, bomb around": lambda v: sent(
        CODINGS["gzip"](dumps({"owner": v, "fill": "0" * 9_000_000}).encode()),
        "application/json",
        ("Content-Encoding", "gzip"),
    ),
}
"""Class C: bodies of requests."""

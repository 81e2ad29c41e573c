"""The start-up self-test: an exchange full of canaries goes through before the first real one does."""

from __future__ import annotations

import base64

import msgspec

from replay.errors import RefusedError
from replay.exchange import RawExchange, RawRequest, RawResponse
from replay.sanitize.sanitizer import Sanitizer

_CANARIES = (
    "Qanarywerth",
    "qanary.fowlmere@birdsong-mill.org",
    "4539578763621486",
    "QanaryTok3n9Zx81Lm42Pq",
    "8203716494",
    "6f1c9d52-3b7e-4a10-9c55-0e8d7a6b4c21",
    "GB33BUKB20201555555555",
    "203.0.113.77",
    "+49 1512 3456789",
)


def canary_exchange() -> RawExchange:
    """An exchange that holds every canary in every sort of place."""
    name, mail, card, token, number, uuid, iban, address, phone = _CANARIES
    body = msgspec.json.encode(
        {
            "name": name,
            "email": mail,
            "card": int(card),
            "token": token,
            name: number,
            "id": int(number),
            "note": f"{name} pays {iban} from {address}, call {phone}",
            "inner": msgspec.json.encode({"mail": mail}).decode(),
        }
    )
    packed = base64.b64encode(mail.encode())
    return RawExchange(
        id="canary",
        connection="canary",
        started=1,
        requested=1,
        connect_started=0,
        connected=0,
        first_byte=2,
        ended=3,
        request=RawRequest(
            method="POST",
            scheme="https",
            host=f"{name.lower()}.birdsong-mill.org",
            path=f"/users/{uuid}/{number}/{name}?email={mail.replace('@', '%40')}&{name}={iban}".encode(),
            version="HTTP/1.1",
            headers=[
                (b"Host", b"birdsong-mill.org"),
                (b"Authorization", b"Bearer " + token.encode()),
                (b"X-Request-Id", packed),
                (b"Cookie", f"sid={token}; {name}={number}".encode()),
                (b"X-Forwarded-For", address.encode()),
                (b"Referer", f"https://birdsong-mill.org/{name}?q={phone}".replace(" ", "%20").encode()),
                (b"Content-Type", b"application/json"),
                (b"User-Agent", name.encode()),
                (b"X-" + name.encode(), token.encode()),
            ],
            body=body,
            body_bytes=len(body),
        ),
        response=RawResponse(
            status=200,
            version="HTTP/1.1",
            headers=[
                (b"Set-Cookie", f"sid={token}; Path=/{name}; Domain=birdsong-mill.org".encode()),
                (b"Location", f"/users/{number}".encode()),
                (b"Content-Type", b"text/plain"),
            ],
            body=f"{name} {card} {uuid}".encode(),
            body_bytes=64,
        ),
        error="",
    )


def self_test(sanitizer: Sanitizer) -> None:
    """Return where nothing of the canary exchange came out.

    Raises:
        RefusedError: a canary survived, or the exchange did not come through at all.
    """
    found = sanitizer.clean(canary_exchange())
    if found is None:
        raise RefusedError(
            "self-test: the sanitiser withheld its own test exchange. Nothing was captured; report this."
        )
    written = msgspec.json.encode(found).lower()
    survivors = sum(1 for canary in _CANARIES for form in _forms(canary) if form in written)
    if survivors:
        raise RefusedError(
            f"self-test: {survivors} canaries came out of the sanitiser. Nothing was captured; report this."
        )


def _forms(canary: str) -> list[bytes]:
    plain = canary.lower().encode()
    bare = bytes(c for c in plain if chr(c).isalnum())
    return [plain, bare, base64.b64encode(canary.encode()).lower().rstrip(b"="), *plain.split(b"@")]

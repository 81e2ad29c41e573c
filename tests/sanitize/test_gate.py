from __future__ import annotations

import base64
import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize import tokens as tokens_module
from replay.sanitize.gate import Gate
from replay.sanitize.tokens import Tokens, _spelled
from tests.factories import raw_exchange
from tests.sanitize.making import pseudonyms, sanitizer

MAP = pseudonyms()
GATE = Gate(["skugroup"], MAP.digits)
SECRET = "Qanarywerth42"


def tokens(text: bytes) -> set[bytes]:
    return Tokens().of(text)


def passes(raw: str, written: str, kept: tuple[str, ...] = ()) -> bool:
    return GATE.passes([raw.encode()], [written.encode()], kept)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"x={SECRET}&y",
        SECRET.upper(),
        f"%51anarywerth42 {SECRET[:0]}",
        f'"{SECRET}"',
        "\\u0051anarywerth42",
        base64.b64encode(f"to {SECRET} from".encode()).decode(),
    ],
)
def test_a_token_that_was_raw_and_is_written_is_a_hit(written: str) -> None:
    assert not passes(f"name={SECRET}", written)


@pytest.mark.parametrize(
    "raw",
    [SECRET.replace("Q", "%51"), SECRET.replace("Q", "%2551"), SECRET.replace("Q", "\\u0051"), SECRET.swapcase()],
)
def test_the_raw_side_is_decoded_too(raw: str) -> None:
    assert not passes(f'{{"a":"{raw}"}}', SECRET)


@pytest.mark.parametrize("around", ["sid={}", "sid={}; b=1", "a=1&to={}&b=2", '<a b="{}">'])
def test_base64_is_looked_behind_wherever_a_value_stands(around: str) -> None:
    hidden = base64.b64encode(f"to {SECRET} from".encode()).decode()

    assert not passes(around.format(hidden), SECRET)
    assert not passes(SECRET, around.format(hidden))


HIDDEN = base64.b64encode(f"to {SECRET} from here on?".encode()).decode()


@pytest.mark.parametrize(
    "around", ["/users/{}", "abc-{}", "abc_{}/orders", "/a/b-c/{}?x=1", "https:\\/\\/a\\/{}\\/b"]
)
def test_base64_is_looked_behind_where_more_of_its_alphabet_stands_around_it(around: str) -> None:
    assert not passes(around.format(HIDDEN), SECRET)
    assert not passes(SECRET, around.format(HIDDEN))


@pytest.mark.parametrize("around", ["{}", "/users/{}", "boundary0123456789\n{}", "{}\nanother0123456789"])
@pytest.mark.parametrize("gap", ["\n", "\r\n", "\\n", "\\r\\n"])
def test_base64_is_looked_behind_over_line_breaks(gap: str, around: str) -> None:
    hidden = base64.b64encode(f"{SECRET} from here on to {SECRET}s".encode()).decode()
    wrapped = gap.join(hidden[at : at + 18] for at in range(0, len(hidden), 18))

    assert not passes(around.format(wrapped), f"{SECRET}s")


def test_base64_with_an_escaped_slash_is_looked_behind() -> None:
    hidden = base64.b64encode(f"ab?{SECRET}??".encode()).decode()

    assert "/" in hidden
    assert not passes(hidden.replace("/", "\\/"), SECRET)


def test_base64_of_several_lines_is_looked_behind() -> None:
    assert not passes(base64.b64encode(f"to\r\n\t{SECRET}\n".encode()).decode(), SECRET)


def test_long_runs_of_cuts_cost_time_in_proportion() -> None:
    assert passes("/a-b_c+d" * 50_000 + "\n" + "a" * 20 + "\naaaa" * 50_000, "nothing of it")


@pytest.mark.parametrize("written", ["4539 5787 6362 1486", "4539-5787-6362-1486", "4539578763621486"])
def test_digits_are_compared_without_their_separators(written: str) -> None:
    assert not passes("card 4539.5787.6362.1486", written)


def test_short_tokens_and_words_of_interfaces_may_be_in_both() -> None:
    assert passes("created_at description abc12 /products/orders", "created_at description abc12 /products/orders")


@pytest.mark.parametrize("token", ["f9c2b7e1d4", "user1234", "marion", "a1b2c3d4", "manonlescaut"])
def test_what_only_resembles_words_is_a_hit(token: str) -> None:
    assert not passes(f'{{"{token}":1}}', f'{{"{token}":2}}')


def test_words_run_together_are_words() -> None:
    assert passes("cartItemCount2 getOrderStatus", "cartitemcount2 getorderstatus")


def test_words_of_the_policy_and_kept_values_may_be_in_both() -> None:
    assert passes("skugroup wooden floorlamp", "skugroup floorlamp", ("floorlamp",))
    assert not passes("skugroup floorlamp", "skugroup floorlamp")


def test_a_chance_hit_of_a_pseudonym_is_explained_by_its_source() -> None:
    image = MAP.digits("123456")

    assert passes(f"123456 {image}", f"{image} 777777")


def test_a_number_that_is_its_own_pseudonym_passes() -> None:
    maps = (pseudonyms(byte) for byte in range(20))
    mapped, digit = next((each, digit) for each in maps for digit in "123456789" if each.digits(digit) == digit)
    own = f"000000{digit}".encode()

    assert Gate([], mapped.digits).passes([own], [own], [])


def test_a_chance_hit_hides_no_leak() -> None:
    image = MAP.digits("123456")

    assert not passes(f"123456 {image}", f"{image} {image}")


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (SECRET, SECRET),
        ("\\u0051anarywerth42", SECRET),
        (SECRET, f"caf\\u00e9{SECRET}"),
        (base64.b64encode(f"to {SECRET} from".encode()).decode(), SECRET),
        (SECRET, "/users/" + base64.b64encode(f"to {SECRET} from".encode()).decode()),
        ("4539 5787 6362 1486", "4539-5787-6362-1486"),
        ("a long_name_of_many_words 453 95.78", "(453) 95 78"),
    ],
)
def test_a_leak_is_a_hit_each_time_that_it_is_seen(raw: str, written: str) -> None:
    mine = Gate([], MAP.digits)
    sides = [[f'{{"customer":"{text}","description_of_the_order":"order"}}'.encode()] for text in (raw, written)]

    assert [mine.passes(*sides, []) for _ in range(5)] == [False] * 5


@given(st.lists(st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).rstrip(b"=")), max_size=60))
def test_base64_is_read_alike_one_by_one_and_all_at_once(runs: list[bytes]) -> None:
    one_by_one = {run: text for run in runs for text in _spelled([run]).values()}

    assert _spelled(runs * 30) == one_by_one


def test_what_a_rule_kept_once_is_a_hit_where_no_rule_keeps_it() -> None:
    mine = Gate([], MAP.digits)
    text = [b'{"sku":"floorlamp-22"}']

    assert mine.passes(text, text, ["floorlamp-22"])
    assert not mine.passes(text, text, [])


def test_a_number_that_was_explained_once_must_be_explained_again() -> None:
    mine = Gate([], MAP.digits)
    image = MAP.digits("123456").encode()

    assert mine.passes([b"123456 " + image], [image], [])
    assert not mine.passes([image], [image], [])


PIECES = st.sampled_from(
    [
        *("created_at", "livemode", SECRET, "abc12", "é", "1234567", "marion", "getOrderStatus", "a1b2c3d4"),
        *("4539 5787 6362 1486", "4539-57876362.1486", "(453)9578-7636", "%51%2e", "\\u0051anarywerth42"),
        *(base64.b64encode(f"to {SECRET} from".encode()).decode(), "cXdlcnR5dWlvcGFzZGY="),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.sampled_from([" ", '","', ":", "&", "=", "/", "--", ". ", "\n"])), max_size=12)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_phrases_and_what_is_remembered_of_them_change_no_verdict(pairs: list[tuple[list[str], list[str]]]) -> None:
    mine = Gate(["skugroup"], MAP.digits)
    for raw, written in pairs:
        before, after = "".join(raw).encode(), "".join(written).encode()
        shared = _plain_tokens(before) & _plain_tokens(after)
        suspects = [each for each in shared if not Gate(["skugroup"], MAP.digits).passes([each], [each], [])]
        verdict = mine.passes([before], [after], [])

        assert verdict == (not suspects) or any(each.isdigit() for each in suspects)


@given(st.lists(TEXTS.map(lambda pieces: "".join(pieces).encode()), min_size=1, max_size=6), st.data())
def test_a_text_holds_what_it_holds_alone_whatever_came_before_or_stands_beside_it(
    texts: list[bytes], data: st.DataObject
) -> None:
    mine = Tokens()
    for _ in range(4):
        drawn = data.draw(st.lists(st.sampled_from(texts), max_size=6))

        assert mine.of_all(drawn) == set().union(*(Tokens().of_all([text]) for text in drawn))


def test_what_is_remembered_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "_MOST_REMEMBERED", 50)
    mine = Tokens()
    for number in range(200):
        mine.of_all([b"/users/%d/orders-and-more-of-them" % (number // 2), b"a,b%d" % number, b"GET"])
        held = (mine._once, mine._texts, mine._new, mine._bare, mine._pieces, mine._opaque)

        assert sum(map(len, held)) <= 50


def _plain_tokens(text: bytes) -> set[bytes]:
    """The gate's tokens by their definition, over the whole text at once."""
    for _ in range(3):
        text = unquote_to_bytes(text)
    text = text.replace(b"\\/", b"/")
    hidden = []

    def look(found: re.Match[bytes]) -> bytes:
        plain = _plain_base64(found[0])
        if plain is None:
            pieces = [*re.split(rb"[/+]", found[0]), *re.split(rb"[-_]", found[0]), *re.split(rb"[/+_-]", found[0])]
            pieces += [found[0][cut.end() :] for cut in list(re.finditer(rb"[/+_-]", found[0]))[:8]]
            plains = [_plain_base64(piece) for piece in pieces if len(piece.rstrip(b"=")) >= 16]
            hidden.extend(each for each in plains if each is not None)
            return found[0]
        hidden.append(plain)
        return b" "

    bare = re.sub(rb"[A-Za-z0-9+/_-]{16,}={0,2}", look, text)
    plain = re.sub(rb"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), bare)
    words = re.findall(rb"[a-z0-9]{6,}", b" ".join([bare, plain, *hidden]).lower())
    numbers = re.findall(rb"[0-9](?:[ ().-]{0,2}[0-9]){6,}", text)
    return {*words, *(re.sub(rb"[^0-9]", b"", number) for number in numbers)}


def _plain_base64(run: bytes) -> bytes | None:
    run = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        plain = base64.b64decode(run + b"=" * (-len(run) % 4), validate=True)
        return plain if plain and plain.translate(None, b"\t\r\n").decode().isprintable() else None
    except ValueError:
        return None


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    tokens(raw)


@given(st.from_regex(r"[a-z0-9]{6,30}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_any_token_is_seen_between_any_texts(token: str, before: str, after: str) -> None:
    text = f"{before}<{token}>{after}".encode("utf-8", "replace")
    found = tokens(text)

    assert token.encode() in found or b"%" in text or b"\\" in text or tokens(token.encode()) <= found


class _Nothing(dict[str, str]):
    def __missing__(self, text: str) -> str:
        return text


def test_the_gate_sees_into_a_multipart_body_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = sanitizer()
    monkeypatch.setattr(mine._walk.leaves, "texts", _Nothing())  # a map that maps nothing
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="b"; filename="x.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\xff\xfe\xff\r\n--XX--\r\n"
    ) % SECRET.encode()
    headers = [(b"Content-Type", b"multipart/form-data; boundary=XX")]

    assert mine.clean(raw_exchange(method="POST", headers=headers, body=body)) is None
    assert mine.counts["withheld:gate"] == 1

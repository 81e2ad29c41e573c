"""A table under a capture's map, in every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import InputError, RefusedError, ReplayError
from replay.pseudonymise.cells import Cells
from replay.pseudonymise.columns import parse_choices
from replay.pseudonymise.mapped import Mapped
from replay.pseudonymise.parquet import convert
from replay.pseudonymise.tables import Done, Table, pseudonymise
from replay.sanitize.gate import Gate
from replay.sanitize.mapping import Map
from replay.sanitize.policy import Policy, load_policy
from tests.sanitize.making import EPOCH_NS, cleaned, key

STRICT = load_policy("builtin:strict")
PEOPLE = "id,email,name,sku,created_at\n1042,alice@birdsong-mill.org,Alice Fowl,LAM-0007,1790000100\n"


def mapped(
    content: bytes | str,
    path: str = "t.csv",
    *,
    folder: Path,
    choices: list[str] | None = None,
    policy: Policy = STRICT,
    constants: dict[str, str] | None = None,
    **options: object,
) -> tuple[bytes, Done]:
    file = folder / path
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    sink = io.BytesIO()
    asked = Table(str(file), **options)  # type: ignore[arg-type]
    done = pseudonymise(asked, sink, policy, key(), EPOCH_NS, parse_choices(choices or [], constants or {}))
    return sink.getvalue(), done


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def one(value: str, column: str = "x") -> str:
    """What a table makes of one value."""
    sink = io.BytesIO()
    text = io.StringIO()
    csv.writer(text).writerows([[column], [value]])
    with TemporaryDirectory() as folder:
        table = Path(folder, "t.csv")
        table.write_text(text.getvalue(), encoding="utf-8", newline="")
        pseudonymise(Table(str(table)), sink, STRICT, key(), EPOCH_NS, parse_choices([], {}))
    found = list(csv.reader(io.StringIO(sink.getvalue().decode(), newline="")))
    return found[1][0] if found[1] else ""


IDS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.from_regex(r"[A-Z]{3}-[0-9]{4}", fullmatch=True),
    st.from_regex(r"[a-z]{2,10}[0-9]{1,6}", fullmatch=True),
    st.uuids().map(str),
    st.from_regex(r"[a-z]{3,8}\.[a-z]{3,8}@[a-z]{3,8}\.org", fullmatch=True),
    st.from_regex(r"[0-9a-f]{24}", fullmatch=True),
)


@settings(max_examples=60, deadline=None)
@given(IDS)
def test_a_value_has_the_pseudonym_that_it_has_in_a_path_a_query_json_and_a_cookie(value: str) -> None:
    clean = cleaned(
        f"/users/{quote(value, safe='@')}?ref={quote(value, safe='')}",
        headers=[(b"Cookie", b"uid=" + value.encode()), (b"Content-Type", b"application/json")],
        method="POST",
        body=json.dumps({"ref": value, "list": [value]}).encode(),
    )
    image = one(value, "ref")

    assert quote(image, safe="@") in clean.request.path.partition("?")[0]
    assert f"ref={quote(image, safe='@')}" in clean.request.path or image in clean.request.path
    assert json.loads(str(clean.request.body))["ref"] == image
    cookie = next(value for name, value in clean.request.headers if name.lower() == "cookie")
    assert image in cookie


def test_every_format_has_one_map(tmp_path: Path) -> None:
    row = {"id": 1042, "email": "alice@birdsong-mill.org", "sku": "LAM-0007", "created_at": 1790000100}
    plain = {name: str(value) for name, value in row.items()}
    as_csv = rows(mapped(",".join(row) + "\n" + ",".join(plain.values()) + "\n", folder=tmp_path)[0])[0]
    as_json = json.loads(mapped(json.dumps(row) + "\n", "t.jsonl", folder=tmp_path)[0])
    copied = mapped("\t".join(plain.values()) + "\n", "t.copy", names=tuple(row), folder=tmp_path)[0]
    pq.write_table(pa.table({name: [value] for name, value in row.items()}), tmp_path / "in.parquet")
    as_parquet = pq.read_table(
        pa.BufferReader(mapped((tmp_path / "in.parquet").read_bytes(), "t.parquet", folder=tmp_path)[0])
    ).to_pylist()[0]

    assert as_csv != plain
    assert {name: str(value) for name, value in as_json.items()} == as_csv
    assert copied.decode().rstrip("\n").split("\t") == list(as_csv.values())
    assert {name: str(value) for name, value in as_parquet.items()} == as_csv


def test_the_layout_of_csv_stays(tmp_path: Path) -> None:
    text = '\ufeffid;"note";x\r\n1;"";\r\n2;"a;""b""\nc";"7"\r\n'

    found, done = mapped(text, delimiter=";", folder=tmp_path, choices=["note=keep"])

    one_, two = one("1"), one("2")
    assert found.decode() == f'id;"note";x\r\n{one_};"";\r\n{two};"a;""b""\nc";"{one("7")}"\r\n'
    assert done.rows == 2


def test_columns_are_kept_dropped_constant_or_known_by_another_name(tmp_path: Path) -> None:
    found, done = mapped(
        "id,status,notes,password,joined\n7,open,call her,$2b$x,1790000100\n8,shut,,,1790000200\n",
        folder=tmp_path,
        choices=["status=keep", "notes=drop", "joined=as:created_at"],
        constants={"password": "$2b$12$staging"},
    )

    table = rows(found)
    assert [row["status"] for row in table] == ["open", "shut"]
    assert "notes" not in table[0]
    assert table[0]["password"] == "$2b$12$staging"
    assert int(table[1]["joined"]) - int(table[0]["joined"]) == 100
    assert [each.treatment for each in done.columns] == [
        "pseudonyms",
        "kept",
        "dropped",
        "a constant",
        "pseudonyms as created_at",
    ]


def test_what_was_to_be_kept_and_looks_like_a_person_is_mapped_and_counted(tmp_path: Path) -> None:
    found, done = mapped("label\nlamp\nalice@birdsong-mill.org\n", folder=tmp_path, choices=["label=keep"])

    assert rows(found)[0]["label"] == "lamp"
    assert b"alice" not in found
    assert done.counts["veto"] == 1


def test_the_policy_s_domains_keep_what_they_keep_in_a_capture(tmp_path: Path) -> None:
    policy = load_policy("builtin:demo")
    name = next(iter(policy.domains))
    inside = next(v for v in ("7", "lamp", "LAM-0007", "2") if policy.domains[name].accepts(v))

    found, _ = mapped(f"{name}\n{inside}\n123456789012\n", folder=tmp_path, policy=policy)

    assert rows(found)[0][name] == inside
    assert rows(found)[1][name] != "123456789012"


def test_the_highest_id_of_each_integer_column_is_known(tmp_path: Path) -> None:
    found, done = mapped("id,sku\n1042,A-1\n77,B-2\n90555,C-3\n", folder=tmp_path)

    highest = {each.name: each.highest for each in done.columns}
    assert highest == {"id": max(int(row["id"]) for row in rows(found)), "sku": None}


def test_a_dump_of_data_alone_is_mapped_table_by_table(tmp_path: Path) -> None:
    dump = (
        "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\nSET client_encoding = 'UTF8';\n"
        "SELECT pg_catalog.set_config('search_path', '', false);\n\n"
        'COPY public."order" (id, account, note, at) FROM stdin;\n'
        "7\t1042\t\\N\t2026-09-21 14:13:20.5+02\n8\t1042\ttab\\there\t2026-09-21 15:13:20.5+02\n\\.\n\n"
        "SELECT pg_catalog.setval('public.order_id_seq', 8, true);\n"
    )

    found, done = mapped(dump, "d.sql", folder=tmp_path, choices=["order.note=drop"])

    lines = found.decode().split("\n")
    at = lines.index('COPY public."order" (id, account, at) FROM stdin;')
    first, second = (line.split("\t") for line in lines[at + 1 : at + 3])
    assert first[1] == second[1] == one("1042")
    assert (first[2][-3:], second[2][:10]) == ("+02", first[2][:10])
    moved = [datetime.fromisoformat(each[2] + ":00") for each in (first, second)]
    assert (moved[1] - moved[0]).total_seconds() == 3600
    assert lines[at + 3] == "\\."
    assert "setval" not in found.decode()
    assert done.counts["sequence"] == 1


def test_copy_text_keeps_nulls_and_escapes(tmp_path: Path) -> None:
    found, _ = mapped("a\tb\n\\N\tback\\\\slash\\nline\n", "t.copy", folder=tmp_path, choices=["b=keep"])

    assert found == b"a\tb\n\\N\tback\\\\slash\\nline\n"


def test_json_inside_is_walked_and_names_of_columns_stay(tmp_path: Path) -> None:
    line = json.dumps({"id": 7, "Kundennr": "8123", "profile": {"email": "alice@birdsong-mill.org", "active": True}})

    found = json.loads(mapped(line, "t.jsonl", folder=tmp_path)[0])

    assert found["Kundennr"] == one("8123")
    assert found["profile"] == {"email": one("alice@birdsong-mill.org"), "active": True}


def test_numbers_with_a_fraction_stay_numbers_in_json_lines(tmp_path: Path) -> None:
    line = '{"price":13.75,"lat":51.5074,"rate":2.5,"home":51.5074,"inside":{"price":13.75,"list":[1.25e3]}}'

    content, done = mapped(line, "t.jsonl", folder=tmp_path, choices=["rate=keep", "home=keep"])
    found = json.loads(content)

    assert [type(found[name]) for name in ("price", "lat", "rate", "home")] == [float] * 4
    assert found["price"] == found["inside"]["price"] != 13.75
    assert type(found["inside"]["list"][0]) is float
    assert (found["rate"], done.counts["veto"]) == (2.5, 1)
    assert found["home"] != 51.5074  # it looks like a place on the map


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    when = datetime(2026, 9, 21, 14, 13, 21, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array([1042, None], pa.int64()),
            "small": pa.array([30_000, 7], pa.int16()),
            "kind": pa.array(["open", "open"]).dictionary_encode(),
            "at": pa.array([when, None], pa.timestamp("ns", "UTC")),
            "day": pa.array([date(2026, 9, 21), None]),
            "price": pa.array([12.5, float("nan")]),
            "tags": pa.array([["a1", "b2"], []], pa.list_(pa.string())),
            "ok": pa.array([True, False]),
        },
        metadata={"origin": "alice's laptop"},
    )
    pq.write_table(table, tmp_path / "in.parquet")

    content, done = mapped((tmp_path / "in.parquet").read_bytes(), "t.parquet", folder=tmp_path)

    found = pq.read_table(pa.BufferReader(content))
    row = found.to_pylist()[0]
    assert str(row["id"]) == one("1042")
    assert (found.schema.field("small").type, found.schema.field("id").type) == (pa.int64(), pa.int64())
    assert row["at"].year == 2036
    assert row["tags"] == [one("a1"), one("b2")]
    assert (row["ok"], found["price"].to_pylist()[1] != found["price"].to_pylist()[1]) == (True, True)
    assert b"laptop" not in content
    assert done.rows == 2


def test_names_of_a_struct_stay_and_keys_of_a_map_do_not(tmp_path: Path) -> None:
    kind = pa.struct([("Kundennr", pa.string()), ("orders", pa.list_(pa.struct([("nr", pa.int64())])))])
    table = pa.table(
        {
            "who": pa.array([{"Kundennr": "8123", "orders": [{"nr": 1042}, {"nr": None}]}, None], kind),
            "by": pa.array([[("alice@birdsong-mill.org", 7)], []], pa.map_(pa.string(), pa.int32())),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")

    content, _ = mapped((tmp_path / "in.parquet").read_bytes(), "t.parquet", folder=tmp_path)

    first, second = pq.read_table(pa.BufferReader(content)).to_pylist()
    assert first["who"] == {"Kundennr": one("8123"), "orders": [{"nr": int(one("1042"))}, {"nr": None}]}
    assert first["by"] == [(one("alice@birdsong-mill.org"), int(one("7")))]
    assert (second["who"], second["by"]) == (None, [])


def test_a_type_without_a_map_is_refused_by_its_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"took": pa.array([7], pa.duration("s"))}), tmp_path / "in.parquet")
    content = (tmp_path / "in.parquet").read_bytes()

    with pytest.raises(InputError, match=r"column 'took' is duration\[.*\], which has no map. Keep or drop it"):
        mapped(content, "t.parquet", folder=tmp_path)
    assert mapped(content, "t.parquet", folder=tmp_path, choices=["took=keep"])[1].rows == 1


class _Nothing(Cells):
    """A map that maps nothing."""

    def node(self, name: str, value: Any) -> Any:
        return value


@pytest.mark.parametrize(
    "column",
    [
        pa.array([f"Wojtowicz {n}" for n in range(4)]),
        pa.array([4930123456 + n for n in range(4)]),
        pa.array([Decimal("4930123456.25") + n for n in range(4)]),
        pa.array([4930123456.25 + n for n in range(4)]),
        pa.array([b"Wojtowicz %d" % n for n in range(4)]),
        pa.array([["Wojtowicz"]] * 4),
        pa.array([{"who": [{"name": "Wojtowicz"}]}] * 4),
        pa.array([[("Wojtowicz", 1)]] * 4, pa.map_(pa.string(), pa.int64())),
    ],
    ids=lambda column: str(column.type),
)
def test_the_gate_compares_every_type_and_what_is_inside(tmp_path: Path, column: pa.Array) -> None:
    joined = Map(STRICT, key(), EPOCH_NS, Counter())
    gate = Gate(STRICT.vocabulary, joined.leaves.shapes.number)
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")
    bare = Mapped(_Nothing(joined, STRICT, Counter()), parse_choices([], {}), gate, "t.parquet")

    with pytest.raises(RefusedError, match="the write gate found words of rows"):
        convert(tmp_path / "t.parquet", io.BytesIO(), bare)


@pytest.mark.parametrize("name", ["password", "users.password", "api_key"])
def test_a_column_of_secrets_is_not_kept(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReplayError, match=f"--column {name}=keep: by its name the column holds secrets") as caught:
        mapped("id,password\n1,hunter2\n", folder=tmp_path, choices=[f"{name}=keep"])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "field"), [("password", "sku"), ("users.password", "api_key"), ("api_key", "id"), ("pin", "token")]
)
def test_a_column_of_secrets_is_not_mapped_as_what_is_none(tmp_path: Path, name: str, field: str) -> None:
    with pytest.raises(
        ReplayError, match=f"--column {name}=as:{field}: by its name the column holds secrets"
    ) as caught:
        mapped("id,password\n1,hunter2\n", folder=tmp_path, choices=[f"{name}=as:{field}"])
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (2, 0)


def test_a_column_of_secrets_may_be_known_by_another_secret_s_name(tmp_path: Path) -> None:
    found, _ = mapped("api_key\nabc-1234\n", folder=tmp_path, choices=["api_key=as:access_token"])

    assert rows(found)[0]["api_key"] == one("abc-1234", "access_token")


@pytest.mark.parametrize(
    "text",
    [
        '{"theme": "dark", "password": "hunter2"}',
        '[{"a": [{"api_key": "hunter2"}]}]',
        '{"a": "{\\"client_secret\\": \\"hunter2\\"}"}',
        "{'password': 'hunter2', }",
        "theme=dark&password=hunter2",
        "password: hunter2",
    ],
)
def test_a_kept_text_that_names_a_secret_within_itself_is_mapped(tmp_path: Path, text: str) -> None:
    sink = io.StringIO()
    csv.writer(sink).writerows([["settings"], [text], ['{"theme": "dark"}'], ["note: dark"]])

    found, done = mapped(sink.getvalue(), folder=tmp_path, choices=["settings=keep"])

    assert "hunter2" not in found.decode()
    assert [row["settings"] for row in rows(found)[1:]] == ['{"theme": "dark"}', "note: dark"]
    assert done.counts["veto"] == 1


def test_bytes_are_never_kept(tmp_path: Path) -> None:
    pq.write_table(pa.table({"blob": pa.array([b"secret-token-value-1234567890"])}), tmp_path / "in.parquet")
    content = (tmp_path / "in.parquet").read_bytes()

    with pytest.raises(InputError, match=r"column 'blob' is binary, which may hold anything\. Map or drop it"):
        mapped(content, "t.parquet", folder=tmp_path, choices=["blob=keep"])


def test_kept_fractions_that_look_like_a_place_are_mapped(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([51.507412, 2.5]), "b": pa.array([Decimal("51.507412"), Decimal("2.500000")])})
    pq.write_table(table, tmp_path / "in.parquet")

    content, done = mapped(
        (tmp_path / "in.parquet").read_bytes(), "t.parquet", folder=tmp_path, choices=["a=keep", "b=keep"]
    )

    found = pq.read_table(pa.BufferReader(content)).to_pydict()
    assert (found["a"][1], found["a"][0] != 51.507412, found["b"][0] != Decimal("51.507412")) == (2.5, True, True)
    assert done.counts["veto"] >= 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9999-12-31",
            "9999-12-31 23:59:59.999999",
            "9999-12-31T23:59:59Z",
            "9999-12-31 23:59:59.9999999+00",
            "0001-01-01",
        ),
        *("infinity", "-infinity", "0001-01-01 00:00:00+00", "12/31/9999"),
    ],
)
def test_the_calendar_s_ends_stay_what_they_are(text: str) -> None:
    assert one(text, "valid_until") == text


def test_a_name_like_the_end_of_time_is_mapped() -> None:
    assert one("infinity", "nickname") != "infinity"


_LAST = 2**63 - 1
_ENDS = {
    "day": pa.array([date(9999, 12, 31), date(1, 1, 1), date(9999, 12, 20), date(2026, 9, 21)]),
    "days beyond": pa.array([2**31 - 1, -(2**31) + 1, 2**31 - 200_000, 20_000], pa.int32()).cast(pa.date32()),
    "us": pa.array(
        [253_402_300_799_999_999, -62_135_596_800_000_000, 253_401_000_000_000_000, 0], pa.timestamp("us")
    ),
    "us beyond": pa.array([_LAST, -_LAST, _LAST - 10**13, 0], pa.timestamp("us")),
    "ns": pa.array([_LAST, -_LAST, _LAST - 10**16, 0], pa.timestamp("ns", "UTC")),
}


@pytest.mark.parametrize("name", _ENDS)
@pytest.mark.parametrize("choice", ["as:until", "keep"])
def test_no_day_is_too_far_for_parquet(tmp_path: Path, name: str, choice: str) -> None:
    values = _ENDS[name]
    pq.write_table(pa.table({"until": values}), tmp_path / "in.parquet")

    content, _ = mapped(
        (tmp_path / "in.parquet").read_bytes(), "t.parquet", folder=tmp_path, choices=[f"until={choice}"]
    )

    column = pq.read_table(pa.BufferReader(content))["until"].combine_chunks()
    bits = pa.int32() if pa.types.is_date32(values.type) else pa.int64()
    found, raw = column.cast(bits).to_pylist(), values.cast(bits).to_pylist()
    assert column.type == values.type
    assert found[:2] == raw[:2]
    is_moved = [choice != "keep" and not name.endswith("beyond"), choice != "keep"]
    assert [new != old for new, old in zip(found[2:], raw[2:], strict=True)] == is_moved


def test_members_whose_names_are_data_are_no_columns(tmp_path: Path) -> None:
    lines = "".join(f'{{"user_{number}":1}}\n' for number in range(1_601))

    with pytest.raises(InputError, match=r"row 1601: members of more than 1,600 names") as caught:
        mapped(lines, "t.jsonl", folder=tmp_path)
    assert "user_" not in str(caught.value)


def test_an_object_is_not_kept_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'who' holds no text and no number"):
        mapped('{"who": {"name": "alice"}}', "t.jsonl", folder=tmp_path, choices=["who=keep"])


def test_a_packed_table_is_read(tmp_path: Path) -> None:
    assert (
        mapped(gzip.compress(PEOPLE.encode()), "t.csv.gz", folder=tmp_path)[0] == mapped(PEOPLE, folder=tmp_path)[0]
    )


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("t.csv", "id,name\n1,SECRET\n2,SECRET,x\n", r"row 2 \(line 3\): 3 values, where the table has 2 columns"),
        ("t.csv", 'id,name\n1,"SECRET\n', r"row 1 \(line 2\): a quote is opened and not closed"),
        ("t.csv", 'id,name\n1,SEC"RET\n', r"row 1 \(line 2\): a quote stands inside a field"),
        ("t.csv", b"id,name\n1,SECRET\xff\n", r"line 2: is no UTF-8"),
        ("t.csv", "", r"is empty"),
        ("t.csv", "SECRET@birdsong-mill.org,x\n1,2\n", r"column 1 of the first row is no column's name"),
        ("t.csv", "7,x\n1,2\n", r"column 1 of the first row is no column's name"),
        ("t.jsonl", '{"id": 1}\n{"id": SECRET}\n', r"row 2 \(line 2\): is no JSON"),
        ("t.jsonl", '["SECRET"]\n', r"row 1 \(line 1\): is no object"),
        ("t.sql", "SET x = 1;\nINSERT INTO t VALUES ('SECRET');\n", r"line 2: is no part of a dump of data alone"),
        ("t.sql", "COPY t (a) FROM stdin;\nSECRET\n", r"the file ends inside a COPY block"),
        ("t.parquet", "SECRET", r"is no Parquet file"),
    ],
)
def test_damage_is_named_by_row_and_never_quoted(
    tmp_path: Path, path: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        mapped(content, path, folder=tmp_path)

    assert "SECRET" not in str(caught.value)


def test_a_choice_for_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no column statuss. Its columns: id, email"):
        mapped(PEOPLE, folder=tmp_path, choices=["statuss=keep"])

"""Numbers of registers keep right check digits, one to one, in every layout; nothing else comes to carry them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.sanitize import kinds, registered
from replay.sanitize.shapes import Shapes
from tests.sanitize.making import leaves

MAP, OTHER = leaves(), leaves()
KNOWN = {
    "imei": "490154203237518",
    "ahv": "7569217076985",
    "cpf": "52998224725",
    "nir": "255081416802538",
    "pesel": "44051401359",
}
"""From the standards' own pages and the registers' examples."""
_PESEL_MONTHS = {18: 80, 19: 0, 20: 20, 21: 40, 22: 60}
BODIES = {
    "imei": st.from_regex(r"[1-9][0-9]{13}", fullmatch=True),
    "ahv": st.from_regex(r"[1-9][0-9]{8}", fullmatch=True),
    "cpf": st.from_regex(r"[1-9][0-9]{8}", fullmatch=True),
    "nir": st.from_regex(r"[12][0-9]{2}(0[1-9]|1[0-2])[0-9]{8}", fullmatch=True),
    "pesel": st.builds(
        lambda day, serial: f"{day:%y}{day.month + _PESEL_MONTHS[day.year // 100]:02d}{day:%d}{serial:04d}",
        st.dates(date(1800, 1, 1), date(2299, 12, 31)),
        st.integers(0, 9999),
    ),
}
NUMBERS = {
    kind: bodies.map(lambda body, kind=kind: registered.with_check(kind, body)) for kind, bodies in BODIES.items()
}
VINS = st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=17, max_size=17).map(
    lambda text: registered.vin_of("W" + text[1:16] + "7", text.encode())
)
DNIS = st.from_regex(r"[0-9]{8}|[XYZ][0-9]{7}", fullmatch=True).map(lambda body: body + registered.dni_letter(body))


@pytest.mark.parametrize(("kind", "number"), KNOWN.items())
def test_a_published_example_is_known(kind: str, number: str) -> None:
    assert registered.number_kind(number) == kind
    assert registered.number_kind(number[:-1] + str((int(number[-1]) + 1) % 10)) is None
    assert registered.with_check(kind, registered.body_of(kind, number)) == number


def test_equal_digits_alone_are_no_cpf_and_are_walked_past() -> None:
    equal = registered.with_check("cpf", "111111111")

    assert equal == "11111111111"
    assert registered.number_kind(equal) is None
    found = Shapes(OnTheWay(["111111111", "529982247"]), MAP.clock).number(KNOWN["cpf"])  # type: ignore[arg-type]
    assert found == KNOWN["cpf"]


class OnTheWay:
    """A map of digits that comes by what no register gives out."""

    def __init__(self, images: list[str]) -> None:
        self._images = iter(images)

    def digits(self, _run: str) -> str:
        return next(self._images)


def test_published_examples_of_codes_are_known() -> None:
    assert registered.is_vin("1M8GDM9AXKP042788")
    assert not registered.is_vin("1M8GDM9A1KP042788")
    assert registered.is_dni("12345678Z")
    assert registered.is_dni("X1234567L")
    assert not registered.is_dni("12345678A")


@pytest.mark.parametrize("kind", KNOWN)
@given(data=st.data())
def test_a_number_becomes_another_of_its_register(kind: str, data: st.DataObject) -> None:
    number = data.draw(NUMBERS[kind])
    if kinds.card_prefix(number) or registered.number_kind(number) != kind:  # of two kinds the first decides
        return
    image = MAP.text(number)

    assert registered.number_kind(image) == kind
    assert kinds.card_prefix(image) is None
    assert image == OTHER.text(number)


@pytest.mark.parametrize("kind", KNOWN)
@given(data=st.data())
def test_two_numbers_stay_two(kind: str, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(NUMBERS[kind], min_size=2, max_size=20, unique=True))
    numbers = [
        number for number in numbers if registered.number_kind(number) == kind and not kinds.card_prefix(number)
    ]

    assert len({MAP.text(number) for number in numbers}) == len(numbers)


@given(
    st.sampled_from([11, 13, 15]).flatmap(lambda size: st.from_regex(rf"[1-9][0-9]{{{size - 1}}}", fullmatch=True))
)
def test_what_carries_no_check_becomes_what_carries_none(digits: str) -> None:
    if registered.number_kind(digits) is None and kinds.card_prefix(digits) is None:
        image = MAP.text(digits)
        assert registered.number_kind(image) is None
        assert kinds.card_prefix(image) is None
        assert len(image) == len(digits)


@given(VINS)
def test_a_vin_becomes_a_vin_of_the_same_pattern(vin: str) -> None:
    assert registered.is_vin(vin)
    image = MAP.text(vin)

    assert registered.is_vin(image)
    assert image == OTHER.text(vin) != vin
    is_digit = [c.isdigit() for c in vin]
    assert [c.isdigit() for c in image[:8] + image[9:]] == is_digit[:8] + is_digit[9:]


@given(st.lists(DNIS, min_size=1, max_size=10, unique=True))
def test_a_dni_becomes_another_with_its_right_letter(numbers: list[str]) -> None:
    images = [MAP.text(number) for number in numbers]

    assert all(registered.is_dni(image) for image in images)
    assert len(set(images)) == len(images)
    assert [image[0].isdigit() for image in images] == [number[0].isdigit() for number in numbers]


@pytest.mark.parametrize(
    ("grouped", "compact"),
    [
        ("529.982.247-25", "52998224725"),
        ("756.9217.0769.85", "7569217076985"),
        ("2 55 08 14 168 025 38", "255081416802538"),
    ],
)
def test_a_grouped_number_joins_the_compact_one(grouped: str, compact: str) -> None:
    image = MAP.text(f"no {grouped}, please")

    assert "".join(c for c in image if c.isdigit()) == MAP.text(compact)
    assert [c for c in MAP.text(grouped) if not c.isdigit()] == [c for c in grouped if not c.isdigit()]


@pytest.mark.parametrize("number", ["44131401350", "44053201353", "44023001356", "301081416802515"])
def test_what_holds_no_date_is_none_of_them(number: str) -> None:
    assert registered.number_kind(number) is None


def test_a_grouped_number_without_a_check_is_mapped_run_by_run() -> None:
    assert MAP.text("529.982.247-26") == "-".join(
        [".".join(MAP.text(piece) for piece in ("529", "982", "247")), MAP.text("26")]
    )

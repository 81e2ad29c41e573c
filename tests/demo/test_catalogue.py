"""The shop's data is made up, complete and the same everywhere."""

from __future__ import annotations

from pathlib import Path

from replay.demo.catalogue import CUSTOMERS, WORDS, customers, luhn_sum, products
from replay.demo.store import Store, create, open_test_accounts


def test_products_are_numbered_without_a_gap_and_each_category_has_twenty() -> None:
    assert [product.id for product in products()] == list(range(1, 401))
    assert {word: sum(product.category == word for product in products()) for word in WORDS} == dict.fromkeys(
        WORDS, 20
    )
    assert len({product.sku for product in products()}) == 400


def test_customers_have_addresses_of_their_own_in_a_reserved_domain() -> None:
    assert len({customer.email for customer in customers()}) == CUSTOMERS
    assert all(customer.email.endswith(".example") for customer in customers())


def test_testers_are_no_customers_and_can_log_in_where_their_accounts_were_opened(tmp_path: Path) -> None:
    create(tmp_path / "staging.db")
    opened = open_test_accounts(tmp_path / "staging.db", 3)
    store = Store(tmp_path / "staging.db")

    assert [tester.email for tester in opened] == [f"tester-{n:04d}@staging.example" for n in (1, 2, 3)]
    assert not {tester.id for tester in opened} & {customer.id for customer in customers()}
    for tester in opened:
        known = store.credentials(tester.email)
        assert known is not None
        assert known.match(tester.password)
    store.close()


def test_card_numbers_have_a_right_check_digit() -> None:
    assert all(luhn_sum(customer.card) % 10 == 0 and len(customer.card) == 16 for customer in customers())
    assert luhn_sum("4111111111111111") % 10 == 0
    assert luhn_sum("4111111111111112") % 10 != 0

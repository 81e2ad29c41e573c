"""What probes say of staging's data."""

from __future__ import annotations

from replay.exchange import Exchange
from replay.plan.probe import Evidence, Missing, Sighting, Spot, missing, ways_of
from replay.plan.store import RouteForecast
from replay.runspec import Probed
from tests.factories import exchange

PRODUCT = "GET /products/{product_id}"
ORDER = "GET /users/{int}/orders/{order_id}"
USER = "GET /users/{int}"
CART = "POST /cart"
ROUTES = {PRODUCT: 100, ORDER: 30, USER: 20, CART: 10, "GET /": 50}
FORECAST = {
    PRODUCT: RouteForecast(0, 100, places={"path/2": 100}),
    ORDER: RouteForecast(0, 30, places={"path/2": 30, "path/4": 30}),
    USER: RouteForecast(0, 20, places={"path/2": 20}),
    CART: RouteForecast(0, 10, places={"form/product_id": 10}),
    "GET /": RouteForecast(50, 0),
}


def probed(route: str, *statuses: int, expected: int = 200) -> list[Probed]:
    return [Probed(route, expected, status, "") for status in statuses]


def found(*probes: list[Probed]) -> dict[str, Missing]:
    made = missing([one for each in probes for one in each], ROUTES, FORECAST)
    return {one.domain or str(one.spots[0]): one for one in made}


def test_a_domain_is_missing_where_its_routes_miss_and_names_its_writes() -> None:
    all_ = found(probed(PRODUCT, 404, 404, 404), probed(USER, 200, 200), probed(ORDER, 404), probed("GET /", 200))

    assert list(all_) == ["product_id", "order_id"]
    product = all_["product_id"]
    assert (product.hits, product.probes, product.requests, product.seen) == (0, 3, 110, "404 for 200")
    assert [str(spot) for spot in product.spots] == [f"{PRODUCT} path/2", f"{CART} form/product_id"]


def test_what_answers_well_elsewhere_is_not_blamed() -> None:
    assert "users/{int}" not in found(probed(ORDER, 404), probed(USER, 200))
    assert "users/{int}" in found(probed(ORDER, 404), probed(USER, 404))


def test_where_nothing_else_can_be_blamed_a_domain_is_although_it_was_found_elsewhere() -> None:
    api = "GET /api/products/{product_id}"
    forecast = FORECAST | {api: RouteForecast(0, 5, places={"path/3": 5})}

    [one] = missing([*probed(PRODUCT, 404, 200), *probed(api, 200, 200)], {PRODUCT: 100, api: 5}, forecast)

    assert (one.domain, one.hits, one.probes) == ("product_id", 1, 2)


def test_a_domain_of_writes_alone_is_said_not_to_be_tried() -> None:
    one = found(probed(PRODUCT, 200), probed("GET /", 200))["product_id"]

    assert (one.probes, one.seen) == (0, "a write is not tried")


def test_a_refused_login_and_an_error_are_no_missing_data() -> None:
    all_ = found(probed(USER, 401), probed(ORDER, 302), probed(PRODUCT, 500))

    assert {name.strip(): one.ways for name, one in all_.items() if one.probes} == {
        USER: ("log in",),
        ORDER: ("log in",),
        PRODUCT: ("look",),
    }


def test_a_kept_value_that_staging_lacks_is_named_by_its_parameter() -> None:
    kept = {PRODUCT: RouteForecast(100, 0)}

    [one] = missing(probed(PRODUCT, 404), ROUTES, kept)

    assert one.domain == "product_id"


def evidence(exchanges: list[Exchange], *spots: Spot) -> dict[str, Sighting]:
    made = Evidence(spots)
    for each in exchanges:
        made.add(each)
    return made.domains


def test_the_way_follows_from_how_the_capture_uses_the_values() -> None:
    products = [
        exchange(f"/products/{number}", route=PRODUCT, session=f"s{session}")
        for session in range(6)
        for number in (1, 2, 3 + session)
    ]
    users = [exchange(f"/users/{n}", route=USER, session=f"s{n}") for n in range(100, 120)]
    created = [
        one
        for n in range(8)
        for one in (
            exchange("/orders", method="POST", session=f"o{n}", status=201, answer=f'{{"id": {9000 + n}}}'),
            exchange(f"/users/1/orders/{9000 + n}", route=ORDER, session=f"o{n}"),
        )
    ]
    seen = evidence(
        [*products, *users, *created], Spot(PRODUCT, "path/2"), Spot(USER, "path/2"), Spot(ORDER, "path/4")
    )

    assert ways_of(seen["product_id"], is_kept=False, has_key=True) == ("keep", "pseudonymise", "pool")
    assert ways_of(seen["users/{int}"], is_kept=False, has_key=True) == ("pseudonymise", "pool")
    assert ways_of(seen["users/{int}"], is_kept=False, has_key=False) == ("pool",)
    assert ways_of(seen["order_id"], is_kept=False, has_key=True) == ("link",)
    assert ways_of(seen["product_id"], is_kept=True, has_key=True) == ("pool",)

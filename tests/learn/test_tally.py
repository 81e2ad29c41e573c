from __future__ import annotations

from replay.learn.tally import Sight, Tally, Values


def test_a_client_counts_once_however_often_it_sends_a_value() -> None:
    values = Values(k=2)
    for _ in range(10):
        values.add("red", client=1)

    assert values.shared() == set()
    values.add("red", client=2)
    assert values.shared() == {"red"}


def test_full_counters_forget_what_one_client_sent_and_stay_bounded() -> None:
    values = Values(k=3, most=10)
    for client in range(3):
        values.add("red", client)
    for number in range(1_000):
        values.add(f"own-{number}", client=9)

    assert len(values.sights) <= 10
    assert values.shared() == {"red"}


def test_full_counters_of_shared_values_take_no_more() -> None:
    values = Values(k=2, most=10)
    for number in range(50):
        for client in range(2):
            values.add(f"v{number}", client)

    assert len(values.sights) <= 10


def test_clients_are_held_up_to_k_also_where_sights_are_joined() -> None:
    ones, others = Sight(), Sight()
    for client in range(10):
        ones.add(client, k=4)
        others.add(100 + client, k=4)

    both = ones.joined(others, k=6)
    assert len(ones.clients) == 4
    assert len(both.clients) == 6
    assert both.count == 20


def test_two_places_of_the_same_clients_are_no_more_clients() -> None:
    ones, others = Sight(), Sight()
    for client in range(3):
        ones.add(client, k=5)
        others.add(client, k=5)

    assert len(ones.joined(others, k=5).clients) == 3


def test_a_long_value_is_counted_and_not_held() -> None:
    tally = Tally(Values(2), Values(2))
    tally.add("x" * 65, client=1)

    assert tally.count == 1
    assert not tally.values.sights

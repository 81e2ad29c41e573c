"""The learner of live traffic comes to what the same exchanges give as a recording, in bounded memory."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from replay.capture.wire import COUNTERS, EXCHANGE, Counters, Frame, frame
from replay.errors import IncompleteError
from replay.exchange import RawExchange
from replay.learn.learning import learn
from replay.learn.worker import Learner, Settings, Writer
from replay.sanitize.policy import load_policy
from tests.learn.shop import people, visits


def framed(raw: RawExchange) -> Frame:
    return Frame(EXCHANGE, bytes(frame(EXCHANGE, raw)[5:]))


def test_it_proposes_what_the_same_recording_does() -> None:
    exchanges = list(visits(people(30)))
    learner = Learner(20, "auto")

    for raw in exchanges:
        learner.take(framed(raw))

    assert learner.proposal() == learn(lambda: exchanges, 20, "auto", "live traffic")
    assert learner.exchanges == len(exchanges)


def test_with_little_memory_the_beginning_teaches_the_routes_and_all_is_seen() -> None:
    exchanges = list(visits(people(30)))
    learner = Learner(20, "auto", held_bytes=100_000)
    most = 0

    for raw in exchanges:
        learner.take(framed(raw))
        most = max(most, learner._size_bytes)
    proposal = learner.proposal()

    assert most <= 100_000 < sum(len(msgspec.msgpack.encode(raw)) for raw in exchanges)
    assert learner.exchanges == len(exchanges)
    assert proposal.domains > 0
    assert not [value for person in people(30) for value in person.planted if value in proposal.text]


def test_an_exchange_that_cannot_be_looked_at_is_counted() -> None:
    learner = Learner(20, "auto")
    good = framed(next(iter(visits(people(1)))))

    for one in (good, Frame(EXCHANGE, b"\xc1 Gertrude"), good):
        learner.take(one)

    assert "Gertrude" not in learner.proposal().text
    assert (learner.exchanges, learner.failed) == (2, 1)


@pytest.mark.parametrize(("final", "code"), [(True, 0), (False, 6)])
def test_the_policy_is_written_whole_at_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], final: bool, code: int
) -> None:
    output = tmp_path / "policy.toml"
    writer = Writer(Settings(str(output), 20, "auto"))
    for raw in visits(people(30)):
        writer.take(framed(raw))
    writer.take(Frame(COUNTERS, bytes(frame(COUNTERS, Counters(1, {}, {}, 1, final))[5:])))
    assert not output.exists()

    assert writer.close(0.0) == code
    assert load_policy(str(output)).reviewed_by == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert '"type":"done"' in capfd.readouterr().out


def test_a_policy_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    writer = Writer(Settings(str(tmp_path / "gone" / "policy.toml"), 20, "auto"))
    writer.take(framed(next(iter(visits(people(1))))))

    with pytest.raises(IncompleteError, match=r"policy\.toml: cannot be written"):
        writer.close(0.0)


def test_without_an_exchange_nothing_is_written(tmp_path: Path) -> None:
    writer = Writer(Settings(str(tmp_path / "policy.toml"), 20, "auto"))

    writer.close(0.0)
    assert list(tmp_path.iterdir()) == []

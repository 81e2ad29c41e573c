"""Access logs → raw exchanges, in order and with times that do not lie."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from replay.errors import InputError, ReplayError
from replay.exchange import RawExchange
from replay.formats import access_log
from replay.formats.access_log import WINDOW_LINES, AccessLog, open_access_log
from replay.formats.log_time import SECOND_NS
from replay.formats.recording import LeftOut

MS = 10**6
NOON_NS = 1_431_864_000 * SECOND_NS  # 2015-05-17T12:00:00Z


def line(second: int = 0, path: str = "/", tail: str = "", request: str = "") -> str:
    clock = f"{12 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    asked = request or f"GET {path} HTTP/1.1"
    return f'192.0.2.1 - - [17/May/2015:{clock} +0000] "{asked}" 200 5 "-" "Agent"{tail}'


def opened(folder: Path, *lines: str, log_format: str = "", packed: bool = False) -> AccessLog:
    content = "".join(f"{each}\n" for each in lines).encode()
    path = folder / "access.log"
    path.write_bytes(gzip.compress(content) if packed else content)
    return open_access_log(path, "l0", log_format)


def exchanges(found: AccessLog) -> list[RawExchange]:
    return [item for item in found if isinstance(item, RawExchange)]


def left_out(found: AccessLog) -> list[LeftOut]:
    return [item for item in found if isinstance(item, LeftOut)]


def test_nginx_writes_at_the_end_so_the_request_began_before(tmp_path: Path) -> None:
    (found,) = exchanges(opened(tmp_path, line(tail=" 0.300 0.250")))

    end = NOON_NS + SECOND_NS // 2
    assert (found.started, found.requested, found.ended) == (end - 300 * MS, end - 250 * MS, end)


def test_apache_writes_when_the_request_came_so_it_ended_after(tmp_path: Path) -> None:
    (found,) = exchanges(opened(tmp_path, line(tail=" 250000")))

    start = NOON_NS + SECOND_NS // 2
    assert (found.started, found.requested, found.ended) == (start, start, start + 250 * MS)


def test_without_a_duration_the_end_is_unknown_and_no_latency_is_claimed(tmp_path: Path) -> None:
    (found,) = exchanges(opened(tmp_path, line()))

    assert found.response is not None
    assert (found.ended, found.first_byte) == (0, 0)
    assert found.started == found.requested == NOON_NS + SECOND_NS // 2


def test_a_connection_that_haproxy_opened_is_told(tmp_path: Path) -> None:
    text = '192.0.2.1:5 [17/May/2015:12:00:00.000] f b/s 10/5/30/60/200 200 5 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1"'

    (found,) = exchanges(opened(tmp_path, text))

    assert (found.started, found.requested) == (NOON_NS, NOON_NS + 10 * MS)
    assert (found.connect_started, found.connected) == (NOON_NS + 15 * MS, NOON_NS + 45 * MS)
    assert (found.first_byte, found.ended) == (NOON_NS + 105 * MS, NOON_NS + 200 * MS)


def test_requests_of_one_second_are_spread_over_it_in_the_order_of_the_file(tmp_path: Path) -> None:
    log = [line(0, "/a"), line(0, "/b"), line(1, "/c"), line(0, "/d"), line(0, "/e")]

    found = exchanges(opened(tmp_path, *log))

    assert [each.request.path for each in found] == [b"/a", b"/b", b"/d", b"/e", b"/c"]
    assert [each.started - NOON_NS for each in found] == [125 * MS, 375 * MS, 625 * MS, 875 * MS, 1500 * MS]


def test_the_same_file_gives_the_same_exchanges(tmp_path: Path) -> None:
    log = [line(second % 7, f"/{second}", " 0.250") for second in range(100)]

    assert exchanges(opened(tmp_path, *log)) == exchanges(opened(tmp_path, *log))


def test_times_of_milliseconds_stay_as_they_are_and_come_in_order(tmp_path: Path) -> None:
    text = '[$msec] "$request" $status'
    log = [f'[{1431864000 + offset}] "GET /{offset} HTTP/1.1" 200' for offset in (0.75, 0.25, 0.5)]

    found = exchanges(opened(tmp_path, *log, log_format=text))

    assert [each.started - NOON_NS for each in found] == [250 * MS, 500 * MS, 750 * MS]


def test_lines_out_of_order_within_the_window_come_right(tmp_path: Path) -> None:
    log = [line(second ^ 5) for second in range(1000)]

    found = exchanges(opened(tmp_path, *log))

    assert [each.started for each in found] == sorted(each.started for each in found)


def test_a_request_from_before_the_log_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "WINDOW_LINES", 4)
    log = [line(second) for second in range(100, 120)] + [line(0)] + [line(second) for second in range(120, 130)]

    recording = opened(tmp_path, *log)
    items = list(recording)

    assert recording.started_ns == NOON_NS + 100 * SECOND_NS + SECOND_NS // 2
    assert [item for item in items if isinstance(item, LeftOut)] == [
        LeftOut("line 21", "out of order", "it began before the first requests of the log")
    ]
    assert len(items) == len(log)


def test_a_second_with_more_requests_than_the_window_is_spread_once(tmp_path: Path) -> None:
    log = [line(0)] * (WINDOW_LINES + 100) + [line(1)] * 10

    starts = [each.started for each in exchanges(opened(tmp_path, *log))]

    assert starts == sorted(starts)
    assert len(set(starts)) == len(log)


def test_damaged_lines_are_counted_by_their_number_and_stop_nothing(tmp_path: Path) -> None:
    log = [line(0), "cut off", "", line(1, request="-"), line(2, request="GET x HTTP/1.1"), line(3)]

    recording = opened(tmp_path, *log)
    items = list(recording)

    assert len([item for item in items if isinstance(item, RawExchange)]) == 2
    assert [(item.place, item.reason) for item in items if isinstance(item, LeftOut)] == [
        ("line 2", "damaged"),
        ("line 4", "no request"),
        ("line 5", "no path"),
    ]


def test_ids_name_the_line_and_lines_of_windows_are_read(tmp_path: Path) -> None:
    found = exchanges(opened(tmp_path, "# a comment", line(0) + "\r", line(1) + "\r"))

    assert [each.id for each in found] == ["l0-2", "l0-3"]


def test_a_rotated_log_is_read_packed_and_one_that_is_cut_off_says_where(tmp_path: Path) -> None:
    assert len(exchanges(opened(tmp_path, *[line()] * 5, packed=True))) == 5
    path = tmp_path / "access.log"
    path.write_bytes(gzip.compress("".join(f"{line(n)}\n" for n in range(3000)).encode())[:-300])

    found = list(open_access_log(path, "l0"))

    (left,) = [item for item in found if isinstance(item, LeftOut) and "cut off" in item.why]
    assert left.reason == "damaged"
    assert len(found) > 500


def test_a_client_is_the_same_one_in_every_log_of_an_import(tmp_path: Path) -> None:
    first = exchanges(opened(tmp_path, line()))
    path = tmp_path / "access.log"

    second = [item for item in open_access_log(path, "l1") if isinstance(item, RawExchange)]

    assert first[0].connection == second[0].connection == "l:192.0.2.1 Agent"
    assert first[0].id != second[0].id


def test_nothing_that_a_person_sent_stands_in_what_is_left_out(tmp_path: Path) -> None:
    log = [line(0), line(1, request="GET hunter2 HTTP/1.1"), "hunter2", line(2, tail=" hunter2")]

    assert "hunter2" not in repr(left_out(opened(tmp_path, *log)))


@pytest.mark.parametrize(
    ("log_format", "error", "complaint"),
    [
        ("", InputError, "access.log, line 1: is a request in none of the"),
        ("haproxy", InputError, "access.log, line 1: is not written in the format of --log-format"),
        ("%h", ReplayError, "lacks the time"),
    ],
)
def test_a_file_that_is_no_log_is_refused(
    tmp_path: Path, log_format: str, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        opened(tmp_path, "Dear diary,", log_format=log_format)

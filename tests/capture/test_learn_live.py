"""Learning from live traffic through the real proxy: only what many share is written, and nothing raw anywhere."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from replay.sanitize.policy import load_policy
from tests.capture.test_live import PLANTED, everything, get

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(90)]

type Start = Callable[..., Any]


@pytest.mark.leak
def test_what_many_clients_share_is_proposed_and_nothing_else_is_written(start: Start, tmp_path: Path) -> None:
    running = start("--k", "5", "--session-by", "cookie:sid", learn=True)
    limits = [child.rlimit(psutil.RLIMIT_CORE) for child in running.children()]
    answers = [
        get(running.port, f"/items?sort=newest&q=birdsong{client}", Cookie=f"sid=QanaryC00kie77{client}")
        for client in range(6)
    ]

    assert running.stop() == 0, running.said()
    policy = load_policy(str(running.folder))
    text = running.folder.read_text()
    assert all(b"surname" in answer for answer in answers)
    assert limits == [(0, 0), (0, 0)]
    assert policy.reviewed_by == ""
    assert "# Seen: 6 exchanges of 6 clients, from live traffic" in text
    assert 'values = ["newest"]' in text
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "logs",
        "policy-0.toml",
        "policy-0.toml.err",
        "policy-0.toml.out",
    ]
    for name, content in everything(tmp_path).items():
        assert not [value for value in PLANTED if value in content], name


def test_when_the_learner_is_killed_traffic_goes_on_and_nothing_is_written(start: Start) -> None:
    running = start(learn=True)
    get(running.port, "/items")
    running.child("replay.learn.worker").kill()
    after = get(running.port, "/items")

    assert running.stop(signal.SIGTERM) == 6
    assert b"surname" in after
    assert "the learner died" in running.said()
    assert not running.folder.exists()

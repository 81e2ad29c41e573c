"""Whole sessions on services that were started again empty: captured, sanitised, planned, and played by an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.plan.build import Settings, Source, build
from replay.plan.links.detect import detect
from replay.plan.links.rules import Rules
from replay.sanitize.policy import load_policy
from tests.factories import capture_manifest
from tests.loadtests.support import played, run_spec
from tests.services.apis import Notes
from tests.services.pages import Forum
from tests.services.recorded import recorded, sanitised
from tests.services.web import serving

SCALE = 2


def share_as_recorded(folder: Path, service: Any, *, is_aided: bool, scale: int = SCALE) -> float:
    """The share of the requests that got the recorded status class, each clone's counted."""
    exchanges = list(sanitised(recorded(service, 8, apart_ms=50, think_ms=30), load_policy("builtin:strict")))
    plan = folder / "plan"
    plan.mkdir(parents=True)
    rules = detect(exchanges) if is_aided else Rules()
    manifest = build([Source(capture_manifest(), exchanges)], Settings(rules=rules), plan, "plan")
    (host,) = manifest.hosts
    with serving(service(seed=99)) as port:
        spec = run_spec(plan, folder / "out", f"http://127.0.0.1:{port}", writes=list(manifest.writes))
        targets = [msgspec.structs.replace(each, host=host) for each in spec.targets]
        engine = played(msgspec.structs.replace(spec, targets=targets), scale * 100)
    good = sum(
        not sample["error"] and sample["status"] // 100 == sample["expected_status"] // 100
        for sample in engine.samples()
    )
    return good / (scale * len(exchanges))


@pytest.mark.parametrize("service", [Forum, Notes], ids=lambda service: service.name)
def test_sessions_come_through_with_live_values_and_not_without(tmp_path: Path, service: type) -> None:
    assert share_as_recorded(tmp_path / "aided", service, is_aided=True) == 1
    assert share_as_recorded(tmp_path / "unaided", service, is_aided=False) < 0.7

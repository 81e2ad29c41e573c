"""What of the proxy is taken out, and what must stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from replay.capture.stock import IDLE_ADDONS, remove_idle, stay_loaded


class Idle:
    """An addon that can go."""


class AsyncDone:
    """An addon whose end is awaited, which a removal could not do."""

    async def done(self) -> None: ...


@dataclass
class Chain:
    """Stands for mitmproxy's chain of addons."""

    addons: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        return self.addons.get(name)

    def remove(self, addon: Any) -> None:
        self.addons = {name: one for name, one in self.addons.items() if one is not addon}


@dataclass
class Watched:
    """A script, or a task that watches it."""

    reloadtask: Any = None
    addons: list[Any] = field(default_factory=list)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


def test_only_idle_addons_that_can_end_at_once_are_taken_out() -> None:
    chain = Chain({"dumper": Idle(), "save": AsyncDone(), "proxyserver": Idle()})
    remove_idle(chain)

    assert set(chain.addons) == {"save", "proxyserver"}


def test_no_script_is_watched_any_more() -> None:
    task = Watched()
    stay_loaded(Chain({"scriptloader": Watched(addons=[Watched(reloadtask=task), Watched()])}))

    assert task.cancelled


def test_the_stock_addons_that_are_taken_out_exist() -> None:
    proxy = find_spec("mitmproxy")
    assert proxy
    assert proxy.origin
    names = {path.stem.replace("_", "") for path in (Path(proxy.origin).parent / "addons").glob("*.py")}

    assert names >= IDLE_ADDONS

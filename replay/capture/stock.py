"""What the proxy brings along, cut down to what a capture needs.

Takes mitmproxy's chain of addons as an argument, so that this imports nothing of it.
"""

from __future__ import annotations

import inspect
from typing import Any

IDLE_ADDONS = frozenset(
    {"block", "browser", "stripdnshttpsrecords", "blocklist", "anticache", "anticomp", "comment", "cut", "export"}
    | {"onboarding", "proxyauth", "serverplayback", "mapremote", "maplocal", "modifybody", "modifyheaders"}
    | {"stickyauth", "stickycookie", "save", "savehar", "upstreamauth", "updatealtsvc", "dumper"}
)
"""Stock addons that do nothing as the launcher sets them, but are asked at every event of every exchange."""


def remove_idle(chain: Any) -> None:
    """Take the idle addons out of ``chain``, so that no exchange pays for asking them."""
    for name in IDLE_ADDONS:
        idle = chain.get(name)
        if idle and not inspect.iscoroutinefunction(getattr(idle, "done", None)):
            chain.remove(idle)


def stay_loaded(chain: Any) -> None:
    """Keep mitmproxy from loading its scripts again when they change on disk, which would end the capture.

    An upgrade of the package, or a cleaner of old files, is no reason for production's capture to break off.
    """
    for script in chain.get("scriptloader").addons:
        if script.reloadtask:
            script.reloadtask.cancel()

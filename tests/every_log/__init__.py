"""What the processes of a test are made to write down: every log record, of every level."""

from __future__ import annotations

import os
from pathlib import Path


def logging_into(folder: Path) -> dict[str, str]:
    """The variables under which a Python process, and those that it starts, log everything into ``folder``."""
    folder.mkdir(exist_ok=True)
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path), "EVERY_LOG": str(folder)}

"""Where what was made of traffic may lie: nowhere that git would take it along."""

from __future__ import annotations

import subprocess
from pathlib import Path

from replay.errors import RefusedError


def refuse_tracked(place: Path, *, is_file: bool = False) -> None:
    """Raise RefusedError where a folder or file is in a git work tree that does not ignore it, or git cannot say."""
    inside = place.resolve()
    root = next((parent for parent in inside.parents if (parent / ".git").exists()), None)
    if root is None:
        return
    question = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        str(root),
        "check-ignore",
        "-q",
        "--",
        str(inside if is_file else inside / "manifest.json"),
    ]
    try:
        answer = subprocess.run(
            question, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        answer = -1
    if answer == 1:
        raise RefusedError(
            f"{place}: lies in the git work tree {root} and is not ignored there; pseudonymised data remain "
            f"personal data. Add it to .gitignore, or choose a place outside."
        )
    if answer != 0:
        raise RefusedError(
            f"{place}: lies in the git work tree {root}, and git cannot say whether it is ignored there."
        )

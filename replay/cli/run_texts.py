"""What a person types as an option of a run, read: breakers, files, numbers."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from replay.cli.values import duration_s, share
from replay.errors import ReplayError
from replay.runspec import SECOND_NS, Breaker, HooksFile


def hooks_file(name: str) -> HooksFile:
    """The hooks file ``name`` and what it holds now; raises ReplayError where it cannot be read or is no Python."""
    path = Path(name).resolve()
    try:
        source = path.read_bytes()
        compile(source, str(path), "exec")
    except OSError as error:
        raise ReplayError(f"--hooks {name}: cannot be read ({error.strerror}). Name a Python file.") from None
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno}" if isinstance(error, SyntaxError) else "its bytes"
        raise ReplayError(f"--hooks {name}: is no Python ({line}). Correct it.") from None
    return HooksFile(str(path), sha256(source).hexdigest())


def nanoseconds(text: str) -> int:
    """The nanoseconds of a duration, as 90s."""
    return round(duration_s(text) * SECOND_NS)


def whole_path(name: str) -> str:
    """The path of ``name`` from the root; '' stays ''."""
    return str(Path(name).resolve()) if name else ""


def connection_count(text: str) -> int:
    """How many connections a pool may have; raises ReplayError where ``text`` is no such number."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1_000_000:
        raise ReplayError(f"--connections {text[:20]}: write pool, session, or how many a pool may have, as 64.")
    return int(text)


def breaker(text: str) -> Breaker | None:
    """The breaker that ``50%/10s`` or ``50%/10s/5s`` describes; None where it is off."""
    if text == "off":
        return None
    parts = text.split("/")
    if len(parts) not in {2, 3}:
        raise ReplayError(
            f"--breaker '{text[:40]}': write SHARE/SECONDS as 50%/10s, 50%/10s/5s with a limit, or 'off'."
        )
    slower_than_ns = round(duration_s(parts[2]) * SECOND_NS) if len(parts) == 3 else 0
    return Breaker(share(parts[0]), max(1, round(duration_s(parts[1]))), slower_than_ns)

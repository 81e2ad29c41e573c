"""The code that draws a page's charts: Vega, Vega-Lite and Vega-Embed as one script.

Putting it together takes two seconds and gives the same text for one version of vl-convert, so it is kept in the
user's cache folder (``$XDG_CACHE_HOME/dress-rehearsal``, else ``~/.cache``), readable by nobody else. A file that
another user could have written, or whose content is not what its name says, is not used. No network is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from functools import cache
from importlib.metadata import version
from pathlib import Path

import vl_convert

_DIGEST_BYTES = 64


@cache
def drawing_code() -> str:
    """The script, safe to stand inside a script element."""
    path = _folder() / f"vega-of-vl-convert-{version('vl-convert-python')}.js"
    kept = _kept(path)
    if kept is not None:
        return kept
    code = str(vl_convert.javascript_bundle()).replace("</script", "<\\/script")  # type: ignore[call-arg]
    # A cache that cannot be written, as in a read-only container, costs two seconds and nothing else.
    with contextlib.suppress(OSError):
        _keep(path, code)
    return code


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dress-rehearsal"


def _kept(path: Path) -> str | None:
    """What was kept before; None where there is nothing that can be trusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        content = file.read()
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code.decode() if hashlib.sha256(code).hexdigest().encode() == digest else None


def _keep(path: Path, code: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    content = code.encode()
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(hashlib.sha256(content).hexdigest().encode() + content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""``python -m replay``: the command line, also where its script is not on the PATH."""

from __future__ import annotations

from replay.cli.main import main

main()

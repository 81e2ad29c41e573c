"""``python -m loadtests``: Locust, which does what ``replay run`` says and reads no settings of other load tests.

A ``locust.conf`` here or at home, or ``[tool.locust]``, could name another host, end a run early or divide a worker.
"""

from __future__ import annotations

from typing import Any

from locust import argument_parser
from locust.main import main

from loadtests.parent import die_with_parent


class _Parser(argument_parser.LocustArgumentParser):
    """Locust's own, without the files that it reads unasked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "default_config_files": ()})


if __name__ == "__main__":
    argument_parser.LocustArgumentParser = _Parser
    die_with_parent()
    main()

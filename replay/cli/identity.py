"""The option ``--identity`` of every verb that reads captures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replay.capture.sealing import IDENTITY_VARIABLE

Identity = Annotated[
    Path | None,
    typer.Option(
        "--identity",
        envvar=IDENTITY_VARIABLE,
        help="File with the age identity that opens captures made with --recipient.",
    ),
]

"""On the path of a process under test, this writes every log record of every level into $EVERY_LOG, a file each."""

import logging
import os
from pathlib import Path

_folder = os.environ.get("EVERY_LOG")
if _folder:
    _handler = logging.FileHandler(Path(_folder) / f"{os.getpid()}.log", encoding="utf-8", errors="backslashreplace")
    _handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s %(args)r"))
    logging.getLogger().addHandler(_handler)
    logging.getLogger().setLevel(1)
    logging.getLogger("every_log").debug("begins")

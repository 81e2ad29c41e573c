"""The command ``replay``: its verbs, and what any error means for the exit code."""

from __future__ import annotations

import errno
import logging
import sys
from typing import Annotated

import typer
import typer.exceptions

from replay import __version__
from replay.cli import (
    audit,
    baseline,
    baselines,
    calibrate,
    capacity,
    capture,
    cat,
    compare,
    demo,
    export,
    gate,
    history,
    import_,
    inspect_,
    learn,
    metrics,
    plan,
    policy,
    pseudonymise,
    purge,
    run,
)
from replay.cli.output import hush, problem, stdout
from replay.errors import EXIT_BUG, EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_USAGE, ReplayError, places

VERBS = (
    demo.register,
    learn.register,
    capture.register,
    import_.register,
    export.register,
    policy.register,
    pseudonymise.register,
    audit.register,
    inspect_.register,
    cat.register,
    baseline.register,
    baselines.register,
    plan.register,
    run.register,
    metrics.register,
    calibrate.register,
    compare.register,
    gate.register,
    history.register,
    capacity.register,
    purge.register,
)


def application() -> typer.Typer:
    """The command line with all verbs, in the order in which data flows."""
    app = typer.Typer(
        name="replay",
        help="Can this staging build carry production's traffic? Capture, sanitise, replay, compare, judge.",
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
        ] = False,
        quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only results, and what went wrong.")] = False,
    ) -> None:
        del version  # its callback has printed it
        if quiet:
            hush()

    for verb in VERBS:
        verb(app)
    return app


def _version(is_asked: bool) -> None:
    if is_asked:
        stdout.print(f"replay {__version__}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that ``replay.errors`` gives each end."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: list[str] | None) -> int:
    try:
        result = application()(arguments or sys.argv[1:] or ["--help"], standalone_mode=False)
    except ReplayError as error:
        problem(str(error))
        return error.exit_code
    except typer.exceptions.TyperException as error:
        problem(f"{error.format_message()} See 'replay --help' or 'replay VERB --help'.")
        return EXIT_USAGE
    except typer.Abort:
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        problem("interrupted.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an exit code
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            problem(f"no room on the disk ({error.strerror}). Make some, and do it again.")
            return EXIT_INCOMPLETE
        problem(f"a bug in this program ({type(error).__name__}). Please report it with these lines:")
        for place in places(error):
            sys.stderr.write(f"  {place}\n")
        return EXIT_BUG
    return result if isinstance(result, int) else 0

"""The rules of a plan: found in its captures or read from a file, and why two places are linked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from replay.cli.output import cell, stdout
from replay.exchange import Exchange
from replay.plan.links.detect import detect
from replay.plan.links.rulefile import check_against, read_rules, to_toml
from replay.plan.links.rules import Fresh, Rules
from replay.private_files import create_private

RULES_NAME = "rules.toml"
NONE = "none"


def rules_for(option: str, captures: Iterable[Iterable[Exchange]]) -> Rules:
    """The rules that ``--rules`` means: found (''), those of a file, or ``none``.

    Raises:
        ReplayError: the file is wrong, or the captures cannot fulfil it; with the line.
    """
    if option == NONE:
        return Rules()
    exchanges = chain.from_iterable(captures)
    if not option:
        return detect(exchanges)
    path = Path(option)
    rules = read_rules(path)
    check_against(path, rules, {exchange.route for exchange in exchanges})
    return rules


def write_rules(folder: Path, rules: Rules) -> None:
    """Write the rules beside the plan."""
    with os.fdopen(create_private(folder / RULES_NAME), "w") as file:
        file.write(to_toml(rules))


def print_rules(rules: Rules) -> None:
    """Why two places are linked, and why a value is made anew; the surest first."""
    if not rules.link and not rules.cookie:
        stdout.print("No answer issues what a later request of its session carries.", markup=False)
    for link in rules.link:
        stdout.print(f"{cell(link.from_)} · {cell(link.read)}  (confidence {link.confidence:.2f})")
        for route in link.to:
            stdout.print(f"  → {cell(route)} · {cell(link.written)}")
        stdout.print(f"  because they agreed in {link.evidence}", markup=False)
    for cookie in rules.cookie:
        stdout.print(f"cookie {cell(cookie.name)}, {cookie.evidence}: follows the server's Set-Cookie")
    for fresh in rules.fresh:
        _print_fresh(fresh, f"made anew: {fresh.sort}")
    for fresh in rules.doubtful:
        _print_fresh(fresh, f"may be made anew: {fresh.sort}, not applied")
    for login in rules.login:
        fields = ", ".join(f"{place} takes {column}" for place, column in login.fields.items())
        stdout.print(f"login {cell(', '.join(login.to))}: {cell(fields)}, of the accounts that a run is given")
        stdout.print(f"  because {login.evidence}", markup=False)


def _print_fresh(fresh: Fresh, what: str) -> None:
    stdout.print(f"{what}  (confidence {fresh.confidence:.2f})", markup=False)
    for route in fresh.to:
        stdout.print(f"  → {cell(route)} · {cell(fresh.written)}")
    stdout.print(f"  because it is {fresh.evidence}", markup=False)

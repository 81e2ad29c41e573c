"""``replay policy``: what a policy holds, and which of its rules decides at a place."""

from __future__ import annotations

from typing import Annotated

import typer

from replay.cli.output import stdout

_NAME = typer.Option("--policy", "-p", help="builtin:strict, builtin:demo, or a TOML file.")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    verb = typer.Typer(help="What may pass a capture as it is: show a policy, or ask it.", no_args_is_help=True)
    app.add_typer(verb, name="policy")

    @verb.command()
    def explain(
        place: Annotated[str, typer.Argument(help="METHOD /path, then a JSON pointer, WHERE:NAME, or 'path'.")],
        policy: Annotated[str, _NAME] = "builtin:strict",
    ) -> None:
        """Name the rule that decides at a place.

        [bold]Examples[/bold]

            replay policy explain "POST /orders /items/0/sku" --policy shop.toml

            replay policy explain "GET /search query:q" --policy builtin:demo

            replay policy explain "GET /users/7/orders path"
        """
        from replay.sanitize.explain import explain as explained
        from replay.sanitize.policy import load_policy

        for line in explained(load_policy(policy), place):
            stdout.print(line, markup=False)

    @verb.command()
    def show(policy: Annotated[str, typer.Argument(help="builtin:strict, builtin:demo, or a TOML file.")]) -> None:
        """Show what a policy keeps, and where.

        [bold]Examples[/bold]

            replay policy show builtin:demo

            replay policy show shop.toml
        """
        from replay.sanitize.policy import load_policy

        found = load_policy(policy)
        stdout.print(f"{found.name}   hash {found.hash[:16]}   templates {found.templates[:16]}", markup=False)
        stdout.print(f"reviewed by   {found.reviewed_by or 'nobody: capture refuses it'}", markup=False)
        stdout.print(f"hosts kept    {', '.join(sorted(found.hosts_kept)) or 'none'}", markup=False)
        for domain in found.domains.values():
            stdout.print(f"keep {domain.name}   guard {domain.guard}", markup=False)
            parameters = [f"path {{{name}}}" for name, owner in found.parameters.items() if owner is domain]
            rules = [place.rule for place in found.places if place.domain is domain]
            for line in parameters + rules:
                stdout.print(f"    {line}", markup=False)
        for place in found.places:
            if place.domain is None:
                stdout.print(place.rule, markup=False)

"""A model goes to the hub, with a card that says what is known of it: what `harness export MODEL --hub org/name` does.

    publish("nightly", "org/name", public=False, plan=True, ..)     says what would be uploaded

The verb itself is of the wing that writes reports (`dashboards/commands/export.py`).
"""

from __future__ import annotations

from typing import Any

from harness.cli.console import emit, people, plain_table, printable
from harness.errors import UsageError


def publish(
    model: str, hub: str, public: bool, plan: bool, card: bool, unproven: bool, db: str | None, as_json: bool
) -> None:
    """Upload a model with its completed card, or say what would be (`plan`), or print the card alone (`card`).

    `model`: artifact (id or its beginning), loop (its last accepted candidate), or a folder. `hub`: `org/name`, made
    where there is none, private unless `public`. `unproven`: also a model whose gate did not pass.

    Raises:
        UsageError: no such model, no token, a gate that did not pass. InfrastructureError: the hub broke.
    """
    from harness.cli.publish import card as cards
    from harness.cli.publish import files
    from harness.cli.publish import hub as hubs
    from harness.cli.publish.model import find
    from harness.store import Database

    if not hub and not card:
        raise UsageError("where to?", "a repository", f"type: harness export {model} --hub org/name --plan")
    if hub:
        hubs.check(hub, needs_token=not (plan or card))
    database = Database.at(db)
    found = find(database, model)
    text = cards.complete(database, found, hub)
    if card:
        emit({"card": text}) if as_json else print(printable(text), end="")  # noqa: T201 - this is the output
        return
    chosen = files.choose(found.folder)
    listed = [{"name": name, "size_bytes": chosen.size_bytes(name)} for name in chosen.kept]
    shown = {
        "model": found.name,
        "repository": hub,
        "files": listed,
        "left_out": chosen.left,
        "unproven": found.unproven,
    }
    console = people(as_json)
    if plan:
        if as_json:
            emit({**shown, "private": not public, "card": text})
        _show(console, shown)
        if not as_json:
            console.print(printable(text), markup=False)
        return
    if found.unproven and not unproven:
        raise UsageError(found.unproven, "a gate that passed", "type: --unproven, and the card says so")
    done = hubs.upload(chosen, text, hub, private=not public)
    if as_json:
        emit({**shown, **done})
    _show(console, shown)
    console.print(f"uploaded, {'private' if done['private'] else 'public'}: {done['url']}", markup=False)


def _show(console: Any, shown: dict[str, Any]) -> None:
    from rich.markup import escape

    table = plain_table("size", "file", right=("size",))
    for one in shown["files"]:
        table.add_row(f"{one['size_bytes']:,}", escape(printable(one["name"])))
    console.print(table)
    for name, why in shown["left_out"].items():
        console.print(f"[dim]stays here[/] {escape(printable(name))}: {why}")
    if shown["unproven"]:
        console.print(f"[yellow]unproven[/]: {escape(printable(shown['unproven']))}")

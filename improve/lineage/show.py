"""A walk as an indented tree for people. Whatever stands in it is foreign text and shown as such."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from rich.tree import Tree

from harness.cli.console import printable
from improve.lineage.node import Node, Walk

LONGEST = 4000
"""Columns of a line that is not shown on a terminal."""


def show(console: Any, walk: Walk) -> None:
    """Print the thing, then where it came from, then what became of it."""
    if not console.is_terminal:
        console.width = LONGEST
    console.print(_line(walk.of))
    for title, nodes in (("came from", walk.up), ("led to", walk.down)):
        if nodes:
            tree = Tree(f"[bold]{title}[/]", guide_style="dim")
            for one in nodes:
                _grow(tree, one)
            console.print(tree, soft_wrap=False)


def _grow(tree: Tree, node: Node) -> None:
    branch = tree.add(_line(node))
    for one in node.below:
        _grow(branch, one)


def _line(node: Node) -> Text:
    # Text, not markup: what stands in it is never read as tags or emoji codes.
    what, name, text = (printable(part.replace("\n", "\\n")) for part in (node.what, node.id, node.text))
    line = Text(what, "bold")
    if name:
        line.append(" ").append(name, "not bold cyan")
    return line.append(f"  {text}", "not bold") if text else line

"""The table of skills and their variants: adding a variant is adding a line.

`base` variants are what `tiny` is pretrained on. `weak` ones are left out of that, though every word in them occurs in
base ones: `tiny` fails them, and a LoRA can learn them from a few hundred rows. `unseen` ones are left out too, without
a promise that they can be learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.dice import Dice

from . import disguise, knowledge, ordering, reckoning, writing
from .row import Row

Role = Literal["base", "weak", "unseen"]


@dataclass(frozen=True)
class Variant:
    """One way to ask for a skill."""

    draw: Callable[[Dice], Row]
    role: Role = "base"
    share: int = 2
    """Relative share in the default practice mix; base variants only."""

    @property
    def line(self) -> str:
        """What it asks for, in one line."""
        return (self.draw.__doc__ or "").strip().split("\n")[0]


PLAIN: Mapping[str, Variant] = {
    "facts/ask": Variant(knowledge.ask, share=3),
    "facts/complete": Variant(knowledge.complete),
    "facts/choose": Variant(knowledge.choose),
    "facts/two": Variant(knowledge.two, "weak"),
    "boolean/expression": Variant(reckoning.expression, share=8),
    "boolean/compare": Variant(reckoning.compare, share=4),
    "ordering/sort": Variant(ordering.sort, share=4),
    "ordering/descend": Variant(ordering.descend, share=4),
    "ordering/copy": Variant(ordering.copy),
    "ordering/backwards": Variant(ordering.backwards, "weak"),
    "json/object": Variant(writing.json_object),
    "json/list": Variant(writing.json_list, share=3),
    "json/reversed_keys": Variant(writing.json_reversed_keys, "weak"),
    "tools/one": Variant(writing.tools_one),
    "tools/pick": Variant(writing.tools_pick),
    "tools/arguments_first": Variant(writing.tools_arguments_first, "weak"),
    "code/x_op_k": Variant(writing.code_x_op_k),
    "code/two_steps": Variant(writing.code_two_steps),
    "code/k_op_x": Variant(writing.code_k_op_x, "weak"),
    "arithmetic/add": Variant(reckoning.add, share=4),
    "arithmetic/subtract": Variant(reckoning.subtract, share=4),
}
DISGUISED = ("facts/ask", "ordering/sort", "json/object", "tools/one", "code/x_op_k")
"""What the adversarial variants wrap."""


def _disguised(wrap: Callable[[Dice, Row], Row]) -> Callable[[Dice], Row]:
    def draw(dice: Dice) -> Row:
        return wrap(dice, PLAIN[dice.one(DISGUISED)].draw(dice))

    draw.__doc__ = wrap.__doc__
    return draw


VARIANTS: Mapping[str, Variant] = {
    **PLAIN,
    "adversarial/casing": Variant(_disguised(disguise.casing)),
    "adversarial/distractor": Variant(_disguised(disguise.distractor)),
    "adversarial/context": Variant(_disguised(disguise.context)),
    "adversarial/typos": Variant(_disguised(disguise.typos), "unseen"),
}


def of_role(role: Role) -> list[str]:
    """Return the names of the variants of a role, in the order of the table."""
    return [name for name, variant in VARIANTS.items() if variant.role == role]

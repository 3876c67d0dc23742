"""What the untrusted side said, turned back into plain Python values. Its form is described in `program`.

    value({"t": [1, {"s": [2]}]})   ->  (1, {2})
    value({"x": ["mod.Fool", true]})  ->  Opaque("mod.Fool", True), which equals nothing, itself included

Only exact built-in types come out of here, so that no comparison in a test runs code of the program.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from itertools import islice
from typing import Any

CROWD = 1000
"""Keys of a dictionary or set from which on they are looked at, and that may share one hash; more members of a set than
that are shown as their number."""


class Misspoken(ValueError):
    """A frame that is not of the agreed form."""


class Opaque:
    """Stands for a returned object that is no plain data: it equals nothing, and is as true as its maker says.

    That wins a program nothing: it could as well return True, False, or a text that nobody asked for.
    """

    __slots__ = ("name", "truth")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, truth: bool) -> None:
        self.name, self.truth = name, truth

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return self.truth

    def __repr__(self) -> str:
        return f"<{self.name}>"


def value(said: Any) -> Any:
    """Return the value that was sent.

    Raises:
        Misspoken: not of the agreed form.
        RecursionError: nested beyond what the sender may send.
    """
    kind = type(said)
    if kind is list:
        return [value(one) for one in said]
    if kind is not dict:
        return said
    if len(said) != 1:
        raise Misspoken(f"an object of {len(said)} keys")
    ((tag, body),) = said.items()
    try:
        return _MAKE[tag](body)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Misspoken(f"{tag!r}: {error}"[:300]) from error


def _pairs(body: Any) -> dict[Any, Any] | Opaque:
    keys = [value(key) for key, _ in body]
    return _opaque(keys) or dict(zip(_spread(keys), (value(one) for _, one in body), strict=True))


def _members(body: Any) -> set[Any] | Opaque:
    members = [value(one) for one in body]
    return _opaque(members) or set(_spread(members))


def _frozen(body: Any) -> frozenset[Any] | Opaque:
    members = _members(body)
    return members if isinstance(members, Opaque) else frozenset(members)


def _opaque(members: list[Any]) -> Opaque | None:
    """Return the first of `members` that is no plain data: what is kept under it is none either."""
    return next((one for one in members if type(one) is Opaque), None)


def _spread(members: list[Any]) -> list[Any]:
    """Return `members`, unless they were chosen to share their hash, which would take the time of their number squared.

    Raises:
        Misspoken: they were.
    """
    if len(members) > CROWD and len({hash(one) for one in members}) < len(members) // CROWD:
        raise Misspoken(f"{len(members)} keys that share their hash")
    return members


_MAKE: dict[str, Callable[[Any], Any]] = {
    "t": lambda body: tuple([value(one) for one in body]),
    "s": _members,
    "f": _frozen,
    "d": _pairs,
    "b": bytes.fromhex,
    "u": lambda body: bytes.fromhex(body).decode("utf-8", "surrogatepass"),
    "c": lambda body: complex(float(body[0]), float(body[1])),
    "i": lambda body: int(body, 16),
    "x": lambda body: Opaque(str(body[0])[:200], body[1] is True),
}


class _Writer(reprlib.Repr):
    """Writes a returned value short, and the same in every process: sets in the order of what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxdict = 12
        self.maxstring = self.maxlong = self.maxother = 200

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:  # more digits than Python writes
            return f"an integer of {x.bit_length():,} bits"

    def repr_set(self, x: set[Any], level: int) -> str:
        return self._bunch(x, "{", "}", level) if x else "set()"

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        return self._bunch(x, "frozenset({", "})", level) if x else "frozenset()"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0 and x:
            return "{...}"
        pairs = islice(x.items(), self.maxdict)
        told = [f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}" for key, value in pairs]
        return f"{{{', '.join(told + ['...'] * (len(x) > self.maxdict))}}}"

    def _bunch(self, x: set[Any] | frozenset[Any], left: str, right: str, level: int) -> str:
        if level <= 0:
            return f"{left}...{right}"
        if len(x) > CROWD:
            return f"a set of {len(x):,}"
        told = sorted(self.repr1(one, level - 1) for one in x)
        return f"{left}{', '.join(told[: self.maxlist] + ['...'] * (len(told) > self.maxlist))}{right}"


_WRITER = _Writer()


def shown(value: Any) -> str:
    """Return what a value looks like, shortened, and the same in every process."""
    return _WRITER.repr(value)

"""The store: one DuckDB file that mirrors the nouns, written in short transactions, never held open.

`connect` opens it in turn, `write` appends, `read` answers. Views (`views.sql`) hold counts and sums only; intervals
and tests live in `stats`.
"""

from harness.store.connect import Database

__all__ = ["Database"]

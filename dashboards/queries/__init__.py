"""Questions that pages ask of the database: SQL that pages in the database, plain rows out, no Streamlit.

One file a page. A function takes an `Ask` (SQL and parameters in, rows out), so that the page can show the query behind
each number and a test can ask a database directly.
"""

from collections.abc import Callable, Sequence
from typing import Any

Rows = list[dict[str, Any]]
Ask = Callable[[str, Sequence[Any]], Rows]
TABLES = "SELECT table_name FROM information_schema.tables"


def has(ask: Ask, name: str) -> bool:
    """Return whether the file has a table or view of that name; schemas from before it do not. One access for all."""
    return name in {row["table_name"] for row in ask(TABLES, ())}

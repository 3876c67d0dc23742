"""Opens the database file in turn.

DuckDB lets one process write *or* many read, and refuses instead of waiting. So nobody holds the file: every access
opens, works and closes, and two lock files beside the database make the rest wait. An access first takes the *gate*,
then the *room* (shared to read, exclusive to write), then gives the gate back: a waiting writer holds the gate, so
later readers queue behind it and cannot starve it. `flock` belongs to the open file, so threads of one process are
kept apart as processes are, and a killed process leaves no lock behind.

Cost of an access: about 25 ms for a write, less for a read, whatever the size of the file (no primary keys).
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import duckdb

from harness.errors import HarnessError, InfrastructureError, UsageError

MIGRATIONS = Path(__file__).parent / "migrations"
VIEWS = Path(__file__).parent / "views.sql"
WAIT_S = 120.0
"""How long an access waits for its turn before it says who holds the file."""
BROKEN = (
    duckdb.Error, duckdb.IOException, duckdb.FatalException, duckdb.TransactionException, duckdb.InternalException,
)  # fmt: skip
"""Classes of errors of the file or the disk, not of a query; a checksum that does not match raises the bare `Error`."""
SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


class Database:
    """A results file and the turns at it. Cheap to make; holds nothing open."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._migrated = 0
        self._begun = False
        self._read: tuple[int, ...] = ()

    @classmethod
    def at(cls, option: str | None = None) -> Database:
        """Return the database that `--db`, else HARNESS_DB, else `results/harness.duckdb` names."""
        return cls(Path(option or os.environ.get("HARNESS_DB") or "results/harness.duckdb"))

    @property
    def folder(self) -> Path:
        """Where runs' logs and artifacts lie: the folder of the file."""
        return self.path.parent

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open for one short transaction: committed when the block ends, rolled back when it raises.

        Raises:
            InfrastructureError: folder not writable, disk full, file damaged, no turn within `WAIT_S`.
            UsageError: the file was written by a newer version.
        """
        self._make_folder()
        with self._turn(exclusive=True), self._translated("write to"):
            connection = duckdb.connect(str(self.path), config=dict(SETTINGS))
            try:
                if self._migrated != self._inode():
                    migrate(connection, self.path)
                    self._migrated = self._inode()
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()  # rolls back what was not committed

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open read-only, briefly.

        Raises:
            UsageError: there is no such file, or a newer version wrote it.
            InfrastructureError: file damaged, no turn within `WAIT_S`.
        """
        if not self.exists:
            raise UsageError(
                f"no database at {str(self.path)!r}",
                "a file that `harness eval` has written",
                "type: harness eval tiny",
            )
        if not self._begun:
            self._begin()
        with self._turn(exclusive=False), self._translated("read"):
            connection = duckdb.connect(str(self.path), read_only=True, config=dict(SETTINGS))
            try:
                if self._read != (state := self._state()):
                    refuse_newer(connection, self.path)
                    self._read = state
                yield connection
            finally:
                connection.close()

    def _begin(self) -> None:
        """Make the tables of a file whose first writer was killed before it had made them."""
        with self._turn(exclusive=False), self._translated("read"):
            connection = duckdb.connect(str(self.path), read_only=True, config=dict(SETTINGS))
            try:
                self._begun = not is_broken_off(connection)
            finally:
                connection.close()
        if not self._begun:
            with self.write():
                self._begun = True

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        try:
            return self.path.is_file()
        except OSError as error:  # a folder above that we may not look into
            raise self._unwritable(error) from error

    def _inode(self) -> int:
        """Return what tells this file from one that later takes its name."""
        return self.path.stat().st_ino

    def _state(self) -> tuple[int, ...]:
        """Return what changes with every write: what one access found out about the file holds for the next."""
        found = self.path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def _turn(self, exclusive: bool) -> Iterator[None]:
        gate, room = (self.path.with_name(f".{self.path.name}.{part}") for part in ("gate", "room"))
        with _opened(gate) as gate_file, _opened(room) as room_file:
            if gate_file is None or room_file is None:
                yield  # a folder that nobody may write in has no writer to wait for
                return
            deadline = time.monotonic() + WAIT_S
            self._lock(gate_file, fcntl.LOCK_EX, deadline)
            self._lock(room_file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, deadline)
            fcntl.flock(gate_file, fcntl.LOCK_UN)
            yield

    def _lock(self, file: IO[bytes], how: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() > deadline:
                raise InfrastructureError(
                    f"the database {str(self.path)!r} was busy for {WAIT_S:.0f} s",
                    "other commands hold it for milliseconds at a time",
                    f"type: fuser {self.path}  (a stopped process may hold it)",
                )
            time.sleep(0.003)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self.folder, os.W_OK) or (self.exists and not os.access(self.path, os.W_OK)):
            raise self._unwritable(PermissionError(errno.EACCES, "permission denied"))

    def _unwritable(self, error: OSError) -> InfrastructureError:
        return InfrastructureError(
            f"cannot write to {str(self.path)!r}: {(error.strerror or str(error)).lower()}",
            "a folder that you may write in; nothing stored was changed",
            "type: harness ... --db /some/other/folder/harness.duckdb",
        )

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        """Turn DuckDB's and the disk's errors into three-part errors; errors of the block itself pass through."""
        try:
            yield
        except HarnessError:
            raise
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C during a query
                raise KeyboardInterrupt from error
            raise
        except (duckdb.Error, OSError) as error:
            if isinstance(error, duckdb.Error) and type(error) not in BROKEN:
                raise
            line = str(error).splitlines()[0]
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            if full or any(hint in str(error) for hint in ("No space left", "File too large", "quota")):
                raise InfrastructureError(
                    f"the disk under {str(self.folder)!r} is full: {line}",
                    "what was stored before is whole; only the last seconds of work must be asked again",
                    "make room, then run the same command",
                ) from error
            raise InfrastructureError(
                f"cannot {verb} the database {str(self.path)!r}: {line}",
                "a DuckDB file of this project",
                "move the file away and run again, or restore a copy",
            ) from error


def migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Bring the schema to this version: each migration and its note share one transaction; views are made anew."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER, name VARCHAR, applied_at TIMESTAMP)")
    refuse_newer(connection, path)
    applied = schema_version(connection)
    for number, script in known_migrations():
        if number > applied:
            connection.execute("BEGIN")
            connection.execute(script.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO migrations VALUES (?, ?, now()::TIMESTAMP)", [number, script.stem])
            connection.execute("COMMIT")
    views = VIEWS.read_text(encoding="utf-8")
    stored = connection.execute("SELECT name FROM migrations WHERE number = 0").fetchall()
    if applied < known_migrations()[-1][0] or stored != [(_fingerprint(views),)]:
        connection.execute("BEGIN")
        connection.execute(views)
        connection.execute("DELETE FROM migrations WHERE number = 0")
        connection.execute("INSERT INTO migrations VALUES (0, ?, now()::TIMESTAMP)", [_fingerprint(views)])
        connection.execute("COMMIT")


def known_migrations() -> list[tuple[int, Path]]:
    """Return (number, file) of all migrations in order; the number is the file name's first part."""
    return sorted((int(p.name.split("_")[0]), p) for p in MIGRATIONS.glob("*.sql"))


def schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the last migration applied, 0 for an empty file."""
    known = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'migrations'").fetchall()
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchall()[0][0]) if known else 0


def is_broken_off(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the file is ours, and tables or views were never finished. A stranger's file is not."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "migrations" not in tables:
        return not tables
    return not connection.execute("SELECT 1 FROM migrations WHERE number = 0").fetchall()


def refuse_newer(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise UsageError when a newer version of this package wrote the file."""
    ours, theirs = known_migrations()[-1][0], schema_version(connection)
    if theirs > ours:
        raise UsageError(
            f"the database {str(path)!r} has schema {theirs}, written by a newer version",
            f"this version knows schemas up to {ours}",
            "type: pip install --upgrade llm-harness",
        )


def _fingerprint(text: str) -> str:
    from harness.hashing import digest

    return "views " + digest(text)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | None]:
    """Yield the lock file, read-only where it may not be written, None where there is none and none can be made."""
    try:
        file: IO[bytes] = path.open("ab")
    except OSError:
        try:
            file = path.open("rb")
        except OSError:
            yield None
            return
    with file:
        yield file

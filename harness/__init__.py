"""The hall: a benchmark harness that scores every checkpoint of a language model, sample by sample, into DuckDB.

Wings (`suites`, `improve`, `compress`, `dashboards`) import this package; this package never imports a wing.
See ARCHITECTURE.md for the floors and the reasons.
"""

__version__ = "0.1.0"

"""Packs or unpacks in a process that a test breaks: `full BYTES` for its files, or `killed` at its first sync to disk.

python packing_child.py full 4096 pack MODEL TARGET
python packing_child.py killed - unpack ARCHIVE TARGET
python packing_child.py whole - unpacked ARCHIVE CACHE
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

from compress import packing
from harness.errors import HarnessError

how, size, verb, source, target = sys.argv[1:]
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
if how == "killed":
    os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
try:
    made = getattr(packing, verb)(Path(source), Path(target))
    print(made if verb == "unpacked" else "done")
except HarnessError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(error.exit_code)

"""`harness dashboard` as a process: where it listens, what it refuses before serving, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gates_world
import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120
HARNESS = (sys.executable, "-m", "harness", "dashboard")


def said(*arguments: object, **extra: str) -> tuple[int, str]:
    """Return exit code and words of a call that ends by itself."""
    done = subprocess.run(
        [*HARNESS, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False,
        env={**os.environ, **extra},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("localhost", 0))
        return int(tried.getsockname()[1])


def answers(address: str, **headers: str) -> int:
    """Return the status of an answer; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as found:
            return int(found.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextmanager
def running(words: list[str], port: int, cwd: Path, **extra: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a server that answers, as a shell would start it: in a process group of its own."""
    # In the background a shell lets children ignore SIGINT; a handler here, and the child begins with the default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        words, cwd=cwd, env={**os.environ, **extra}, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        end = time.monotonic() + WAIT_S
        while not answers(f"http://localhost:{port}/_stcore/health"):
            assert child.poll() is None and time.monotonic() < end, child.communicate()
            time.sleep(0.1)
        yield child
    finally:
        for process in members(child.pid):
            os.kill(process, signal.SIGKILL)
        child.communicate(timeout=WAIT_S)


def members(group: int) -> list[int]:
    """Return the living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue  # it has just ended
        if int(own) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_taken_port_is_told_with_another(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, words = said("--port", port, "--db", tmp_path / "h.duckdb")
    assert code == 2 and f"port {port} of localhost is not free" in words
    assert "harness dashboard --port " in words and f"--port {port}\n" not in words


def test_files_that_cannot_be_shown_are_refused_before_serving(tmp_path: Path) -> None:
    code, words = said("--port", free_port(), "--db", tmp_path)
    assert code == 2 and "is a folder" in words and "harness.duckdb" in words
    broken = tmp_path / "h.duckdb"
    broken.write_text("no database\n" * 1000)
    code, words = said("--port", free_port(), "--db", broken)
    assert code == 4 and "a DuckDB file of this project" in words and "move the file away" in words


def test_without_streamlit_it_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['streamlit'] = None; from harness.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", hidden, "dashboard", "--db", str(tmp_path / "h.duckdb")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False)
    assert done.returncode == 2 and "pip install 'llm-harness[dashboard]'" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "whom"), [(signal.SIGINT, "group"), (signal.SIGTERM, "parent"), (signal.SIGKILL, "parent")]
)
def test_it_ends_and_leaves_no_process(tmp_path: Path, how: signal.Signals, whom: str) -> None:
    port = free_port()
    (tmp_path / "here").mkdir()
    gates_world.make(tmp_path / "here" / "h.duckdb")
    words = [*HARNESS, "--port", str(port), "--db", "here/h.duckdb", "--json"]
    with running(words, port, tmp_path, PYTHONPATH=str(ROOT)) as child:
        assert len(members(child.pid)) == 2
        if whom == "group":  # as a terminal does it
            os.killpg(child.pid, how)
        else:
            os.kill(child.pid, how)
        stdout, stderr = child.communicate(timeout=WAIT_S)
        assert child.returncode == (130 if how != signal.SIGKILL else -signal.SIGKILL), stderr
        end = time.monotonic() + WAIT_S
        while members(child.pid) and time.monotonic() < end:  # after a SIGKILL the kernel ends it, a moment later
            time.sleep(0.05)
        assert members(child.pid) == []
    told = json.loads(stdout)
    assert told == {"address": f"http://localhost:{port}", "database": str(tmp_path / "here" / "h.duckdb")}
    assert "Traceback" not in stderr and "usage statistics" not in stderr.lower()
    assert not answers(f"http://localhost:{port}/")


@pytest.mark.slow
def test_it_listens_on_this_machine_alone_and_strangers_pages_are_refused(tmp_path: Path) -> None:
    port = free_port()
    gates_world.make(tmp_path / "h.duckdb")
    words = [*HARNESS, "--port", str(port), "--db", str(tmp_path / "h.duckdb")]
    with running(words, port, ROOT):
        addresses = listened(port)
        assert addresses and all(address in ("127.0.0.1", "::1") for address in addresses), addresses
        assert answers(f"http://127.0.0.1:{port}/") == 200 and answers(f"http://127.0.0.2:{port}/") == 0
        assert socket_of(port, f"http://localhost:{port}") == 101
        assert socket_of(port, "http://evil.example") == 403, "another site's page may not read along"
        upload = f"http://localhost:{port}/_stcore/upload_file/a/b"
        request = urllib.request.Request(upload, method="PUT", data=b"x")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code in (400, 403)


@pytest.mark.slow
def test_streamlit_itself_runs_the_main_script_from_any_folder(tmp_path: Path) -> None:
    port = free_port()
    database = gates_world.make(tmp_path / "h.duckdb")
    main = ROOT / "dashboards" / "serving" / "main.py"
    words = [sys.executable, "-m", "streamlit", "run", str(main), f"--server.port={port}", "--server.headless=true"]
    with running(words, port, tmp_path, HARNESS_DB=str(database.path), PYTHONPATH=str(ROOT)) as child:
        assert answers(f"http://localhost:{port}/leaderboard") == 200
        child.terminate()
        assert "Traceback" not in child.communicate(timeout=WAIT_S)[1]


def listened(port: int) -> set[str]:
    """Return the addresses of this machine on which that port is listened to."""
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            own, state = line.split()[1], line.split()[3]
            address, _, number = own.partition(":")
            if int(number, 16) == port and state == "0A":
                raw = bytes.fromhex(address)
                parts = [raw[place : place + 4][::-1] for place in range(0, len(raw), 4)]
                found.add(socket.inet_ntop(family, b"".join(parts)))
    return found


def socket_of(port: int, origin: str) -> int:
    """Return the status with which a page of that origin is answered when it wants the app's web socket."""
    asked = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Origin: {origin}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("localhost", port), timeout=10) as stream:
        stream.sendall(asked.encode())
        return int(stream.recv(200).split()[1])

"""`harness export`: what goes to the hub and what stays, the card, the token; against a hub on this machine."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import worlds
from hub_server import READ_ONLY, TOKEN, Hub, serving
from huggingface_hub import ModelCard, constants
from typer.testing import CliRunner

from harness.cli import app
from harness.hashing import folder_sha256
from harness.models.hf.loading import TRAINING
from harness.store import Database, artifacts, gates, rounds
from harness.types import Artifact, Check, Verdict
from harness.workbench import keep, record

pytestmark = pytest.mark.slow
Asked = Callable[..., tuple[int, str]]
WEIGHTS = struct.pack("<Q", 2) + b"{}" + b"weights"
REPO = "my-org/tuned"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a loop whose second round was accepted and passes its gate, and whose first was not."""
    database = Database(tmp_path_factory.mktemp("export") / "h.duckdb")
    for name in ("before", "after"):
        options = ("--suite", "primer", "--limit", 80, "--name", name, "--set", f"digest={name}", "--quiet")
        done = worlds.harness("eval", "scripted:worlds:guess", *options, "--db", database.path)
        assert done.returncode == 0, done.stderr
    runs = {name: database_run(database, name) for name in ("before", "after")}
    base = Artifact(
        "ba5e" * 4, "model", "/home/ada/models/base", "of the base", (), {"base": "hf:/home/ada/models/base"}
    )
    artifacts.add(database, base)
    report = keep(database, folder(database, "report", {"failures.json": "{}"}), "report", (base.id,), {"step": "f"})
    rounds.start(database, "nightly", {}, "digest", "tiny")
    for number, outcome in ((1, "FAIL"), (2, "PASS")):
        generated = dataset(database, f"generated{number}", (report,), "improve.generate", 5)
        clean = dataset(database, f"clean{number}", (generated,), "improve.decontaminate", 4, against=True)
        adapter = kept(database, f"adapter{number}", "adapter", (base, clean), "improve.finetune")
        merged = kept(database, f"merged{number}", "model", (adapter, base), "improve.merge")
        gate_id = judged(database, merged, runs["after"], outcome)
        rounds.begin(
            database, "nightly", number, model="tiny", verdict_before="FAIL", run_before=runs["before"],
            causes={"c1": {"label": "digits | reversed <b>", "failures": 9}},
        )  # fmt: skip
        rounds.note(
            database, "nightly", number, artifacts=[generated.id, clean.id, adapter.id, merged.id], rows=4,
            candidate=merged.id, gate_after=gate_id, verdict_after=outcome, run_after=runs["after"],
            accepted=number == 2, why="" if number == 2 else "it got worse", cost={"seconds": 3.0},
        )  # fmt: skip
    return database.path


def database_run(database: Database, name: str) -> str:
    from harness.store import read

    return str(read.run(database, name)["run_id"])


def folder(database: Database, name: str, files: dict[str, str | bytes]) -> Path:
    place = database.folder / "making" / name
    place.mkdir(parents=True)
    for file, text in files.items():
        (place / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


def dataset(database: Database, name: str, parents: Any, step: str, rows: int, against: bool = False) -> Artifact:
    told: dict[str, Any] = {"step": step, "in": 5, "out": rows, "dropped": {"exact": 5 - rows} if rows < 5 else {}}
    told["parameters"] = {"teacher": "openai:big-model@http://10.0.0.1:8000"}
    if against:
        told |= {"near": {"primer": 1}, "against": {"samples": {"primer": 625, "humaneval": 164}}}
    lines = [{"id": f"{i}", "prompt": "SECRET ROW", "completion": "x", "cause": "c1" if i else ""} for i in range(rows)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    made = folder(database, name, {"rows.jsonl": text, "report.json": json.dumps(told)})
    return keep(database, made, "dataset", tuple(one.id for one in parents), {"step": step})


def kept(database: Database, name: str, kind: Any, parents: Any, step: str) -> Artifact:
    place = folder(database, name, {
        "model.safetensors": WEIGHTS + name.encode(), "config.json": '{"a": 1}', "tokenizer.json": "{}",
        "adapter_config.json": '{"base_model_name_or_path": "/home/ada/models/base", "r": 8}',
        "dropped.jsonl": "SECRET ROW", "probes.jsonl": "SECRET ROW", "log.jsonl": "{}",
        "training_args.bin": b"\x80\x04.",
        ".env": "KEY=1", "rows.json": "SECRET ROW", "notes.txt": "SECRET ROW",
    })  # fmt: skip
    told = record.facts(step, "1", {"steps": 300}, tags=("lora",)) | {"seed": 0}
    record.write(place, told | {"base": {"name": "/home/ada/models/base", "digest": "of the base"}})
    (place / "checkpoint-1").mkdir()
    return keep(database, place, kind, tuple(one.id for one in parents), {"step": step, "data": "/home/ada/data"})


def judged(database: Database, model: Artifact, run_id: str, outcome: Any) -> str:
    place = database.folder / model.path
    checks = (Check("primer", "absolute", outcome, 0.5, 0.4), Check("", "budget", "PASS", 1.0, 10.0))
    verdict = Verdict(outcome, checks, run_id)
    weights = folder_sha256(place, TRAINING)
    return gates.add(
        database, verdict, model=f"hf:{place}", model_digest=weights, policy="/home/ada/gates.yaml", policy_digest="p",
        exit_code=0, split="test", sealed=True, way="fixed",
    )  # fmt: skip


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as server:
        yield server


def export(db: Path, hub: Hub, *words: object, token: str = TOKEN, **more: str) -> tuple[int, str, str]:
    """Run the command in a process of its own, where huggingface_hub asks our hub."""
    surroundings = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(db.parent / "huggingface"), "HF_HUB_OFFLINE": "0", "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
    }  # fmt: skip
    done = worlds.harness("export", *words, "--db", db, **surroundings, **more)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def asked(db: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return the command as a function, for what ends before anything is uploaded. There is a token."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def call(*words: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["export", *map(str, words), "--db", str(db)])
        return result.exit_code, result.stdout if "--json" in words else result.output

    return call


def model_of(db: Path, number: int, column: int = 3) -> str:
    rows = rounds.rows(Database(db), "nightly")
    return str(rows[number - 1]["artifacts"][column])


def test_a_loop_exports_its_accepted_candidate_and_nothing_but_the_model(db: Path, hub: Hub) -> None:
    code, out, err = export(db, hub, "nightly", "--hub", REPO, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["model"] == model_of(db, 2) and told["commit"] == "c0ffee" and told["private"] is True
    assert hub.repositories[REPO]["private"] and hub.repositories[REPO]["commits"] == 1
    sent = hub.files(REPO)
    assert sorted(sent) == [
        "README.md", "adapter_config.json", "artifact.json", "config.json", "model.safetensors", "run.json",
        "tokenizer.json",
    ]  # fmt: skip
    assert sent["model.safetensors"] == WEIGHTS + b"merged2"
    everything = b"\0".join(sent.values())
    for stays in (b"SECRET ROW", b"/home/ada", b"10.0.0.1", str(db.parent).encode(), TOKEN.encode()):
        assert stays not in everything, stays
    assert json.loads(sent["adapter_config.json"]) == {"base_model_name_or_path": "base", "r": 8}
    assert set(told["left_out"]) == {
        "dropped.jsonl", "probes.jsonl", "log.jsonl", "training_args.bin", ".env", "rows.json", "notes.txt",
        "checkpoint-1",
    }  # fmt: skip


def test_the_card_holds_verdict_scores_round_and_data(asked: Asked) -> None:
    code, out = asked("nightly", "--card")
    card = ModelCard(out)
    assert code == 0 and card.data.tags == ["lora"] and card.data.library_name == "transformers"
    results = {one.metric_type: one for one in card.data.eval_results}
    assert results["acc"].dataset_split == "test" and 0 < results["acc"].metric_value < 1
    assert results["acc"].metric_args["n"] < 80, "of the sealed half alone"
    for line in (
        "Round 2 of the improvement loop nightly, accepted; made from base.",
        "| outcome | PASS |", "| policy | gates.yaml |", "| primer | absolute | PASS | 0.5 | 0.4 |",
        '| improve.decontaminate | 5 | 4 | {"exact": 1} |', "| digits &#124; reversed &#60;b&#62; | c1 | 3 |",
        "| none: replay | - | 1 |", "| primer | 625 | 1 |", "| humaneval | 164 | 0 |", "openai:big-model:",
        "| licence | not known", "| steps | 300 |", "| seed | 0 |",
    ):  # fmt: skip
        assert line in card.text, line
    assert "10.0.0.1" not in out and "SECRET" not in out and "/home" not in out


def test_the_card_names_the_licence_of_a_base_that_is_here(db: Path, asked: Asked, tmp_path: Path) -> None:
    base, model = tmp_path / "base", tmp_path / "model"
    for place in (base, model):
        place.mkdir()
    (base / "README.md").write_text("---\nlicense: mit\n---\n# Base\n")
    (model / "model.gguf").write_bytes(b"GGUF and more")
    record.write(model, record.facts("compress.gguf", "1", {}, "gguf") | {"base": {"name": str(base)}})
    card = ModelCard(asked(model, "--card")[1])
    assert card.data.license == "mit" and "| licence | mit |" in card.text and "None: no run" in card.text
    (base / "README.md").write_text("no front matter")
    assert ModelCard(asked(model, "--card")[1]).data.license is None


def test_what_has_not_passed_stays_unless_it_is_said(db: Path, hub: Hub, asked: Asked) -> None:
    for model, told in ((model_of(db, 1), "says FAIL"), (model_of(db, 2, column=2), "no gate has judged")):
        code, out = asked(model, "--hub", REPO)
        assert code == 2 and told in out and "--unproven" in out
    code, out, _ = export(db, hub, model_of(db, 1)[:8], "--hub", REPO, "--unproven", "--public")
    card = ModelCard(hub.files(REPO)["README.md"].decode())
    assert code == 0 and "| outcome | FAIL |" in card.text and "not accepted (it got worse)" in card.text
    assert not hub.repositories[REPO]["private"] and "unproven" in out


def test_weights_that_were_changed_have_no_gate(db: Path, asked: Asked, tmp_path: Path) -> None:
    kept_there = artifacts.artifact(Database(db), model_of(db, 2))
    assert kept_there is not None
    copy = Path(shutil.copytree(db.parent / kept_there.path, tmp_path / "copy"))
    assert "unproven:" not in asked(copy, "--hub", REPO, "--plan")[1], "a copy is what it is a copy of"
    (copy / "link.safetensors").symlink_to(copy / "model.safetensors")
    assert "stays here link.safetensors: a link" in asked(copy, "--hub", REPO, "--plan")[1]
    (copy / "link.safetensors").unlink()
    (copy / "model.safetensors").write_bytes(WEIGHTS + b"others")
    code, out = asked(copy, "--hub", REPO)
    assert code == 2 and "no gate has judged" in out
    assert "improvement loop" not in asked(copy, "--card")[1], "nor a round"
    (copy / "model.safetensors").write_bytes(b"PK\x03\x04 a pickle in a zip")
    code, out = asked(copy, "--hub", REPO, "--unproven")
    assert code == 2 and "is no safetensors file" in out
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    code, out = asked(copy, "--hub", REPO, "--unproven")
    assert code == 2 and "'pytorch_model.bin' is a pickle" in out


def test_a_plan_needs_no_token_and_asks_nobody(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out = asked("nightly", "--hub", REPO, "--plan")
    assert code == 0 and "model.safetensors" in out and "stays here dropped.jsonl" in out and "## Scores" in out
    code, out = asked("nightly", "--hub", REPO, "--plan", "--json")
    told = json.loads(out)
    assert {one["name"]: one["size_bytes"] for one in told["files"]}["model.safetensors"] == len(WEIGHTS) + 7
    assert told["private"] is True and told["unproven"] == ""


def test_the_token_is_nowhere(db: Path, hub: Hub) -> None:
    code, out, err = export(db, hub, "nightly", "--hub", REPO, "--debug", HF_DEBUG="1")
    assert code == 0 and hub.repositories
    for token, words in ((READ_ONLY, ("refuses", "may write")), ("hf_" + "wrong" * 6, ("refuses", "Invalid"))):
        code, more, told = export(db, hub, "nightly", "--hub", "my-org/other", token=token)
        assert code == 2 and all(word in told for word in words), told
        assert token not in more + told
    assert TOKEN not in out + err and "my-org/other" not in hub.repositories
    seen = [path for path in db.parent.rglob("*") if path.is_file()]
    assert len(seen) > 20
    for path in seen:
        assert TOKEN.encode() not in path.read_bytes() and READ_ONLY.encode() not in path.read_bytes(), path


def test_without_a_token_or_a_repository_nothing_is_asked(
    db: Path, hub: Hub, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = export(db, hub, "nightly", "--hub", REPO, token="")
    assert code == 2 and "HF_TOKEN" in err and "hf auth login" in err and not hub.asked
    for name in ("tuned", "a/b/c", "../x", "my org/x"):
        code, out = asked("nightly", "--hub", name)
        assert code == 2 and "org/name" in out, name
    assert asked("nightly")[0] == 2
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, out = asked("nightly", "--hub", REPO)
    assert code == 2 and "unset HF_HUB_OFFLINE" in out


def test_a_private_model_does_not_go_into_a_public_repository(db: Path, hub: Hub) -> None:
    hub.repositories[REPO] = {"private": False, "files": {}, "commits": 0}
    code, _, err = export(db, hub, "nightly", "--hub", REPO)
    assert code == 2 and "is public" in err and not hub.files(REPO)
    assert export(db, hub, "nightly", "--hub", REPO, "--public")[0] == 0 and hub.files(REPO)


def test_a_hub_that_breaks_leaves_nothing_half_there(db: Path, hub: Hub) -> None:
    for part in ("commit", "blob", "preupload"):
        hub.fails = {f"/{part}/": 400}
        code, _, err = export(db, hub, "nightly", "--hub", REPO)
        assert code == 4 and "the hub answered 400" in err and hub.repositories[REPO]["commits"] == 0
    hub.fails = {}
    assert export(db, hub, "nightly", "--hub", REPO)[0] == 0 and len(hub.files(REPO)) == 7


def test_words_that_name_no_model(db: Path, asked: Asked) -> None:
    rounds.start(Database(db), "barren", {}, "digest", "tiny")
    a_dataset = model_of(db, 1, column=0)
    for word, told in (("barren", "accepted no candidate"), (a_dataset, "is a dataset"), ("nightlx", "'nightly'")):
        code, out = asked(word, "--hub", REPO)
        assert code == 2 and told in out, out

"""docs/gates.md tells every key of a policy, every option of the command, and an example that is a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from harness.gate.policy import MEASURES, Policy, load

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gates.md").read_text()


def blocks() -> list[str]:
    """Return the indented blocks of the page, without their indentation."""
    found = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def test_the_example_is_a_policy(tmp_path: Path) -> None:
    (example,) = (block for block in blocks() if block.startswith("version: 1"))
    path = tmp_path / "gates.yaml"
    path.write_text(example)
    policy = load(str(path))
    assert policy.suites["humaneval"].relative is not None and set(policy.limits) <= set(MEASURES)
    path.write_text(example.replace("margin", "margn"))
    with pytest.raises(Exception, match="margn"):
        load(str(path))


def test_figures_of_the_page_are_read(tmp_path: Path) -> None:
    from harness.gate import figures

    text = re.search(r"`(\{model: .*?\})`", PAGE.replace("\n", " "))
    assert text is not None
    (tmp_path / "gpt4.yaml").write_text(text[1].replace("URL", "https://example.org"))
    assert figures.load(tmp_path / "gpt4.yaml").suites == yaml.safe_load("{humaneval: {pass@1: 0.67, n: 164}}")


def keys(schema: dict[str, object]) -> set[str]:
    """Return the names of all properties of a JSON schema and of what it refers to."""
    found: set[str] = set()
    for part in [schema, *schema.get("$defs", {}).values()]:  # type: ignore[attr-defined]
        found |= set(part.get("properties", {}))
    return found


def test_every_key_of_a_policy_is_told() -> None:
    assert [key for key in sorted(keys(Policy.model_json_schema())) if not re.search(rf"\b{key}\b", PAGE)] == []


def test_every_option_of_the_gate_is_told() -> None:
    from harness.cli import app

    parameters = typer.main.get_command(app).commands["gate"].params  # type: ignore[attr-defined]
    told = {flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")}
    everywhere = {"--db", "--debug", "--data", "--set", "--limit", "--split", "--quiet"}
    assert [flag for flag in sorted(told - everywhere) if flag not in PAGE] == []

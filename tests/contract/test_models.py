"""One battery over every model prefix found."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness import registry
from harness.errors import HarnessError

MODELS = registry.ROOT / "harness" / "models"


@pytest.mark.parametrize("prefix", registry.names("models"))
def test_first_line_says_what_it_serves(prefix: str) -> None:
    path = next(p for p in (MODELS / f"{prefix}.py", MODELS / prefix / "__init__.py") if p.exists())
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert prefix in doc.split("\n")[0], "`harness list models` shows this line"


@pytest.mark.parametrize("prefix", sorted(set(registry.names("models")) - {"tiny"}))
def test_nonsense_is_a_three_part_error(prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VLLM_ENV", str(tmp_path / "none"))
    locator = "m@http://127.0.0.1:9/v1" if prefix == "openai" else str(tmp_path / "no such thing")
    with pytest.raises(HarnessError) as caught:
        registry.open_model(f"{prefix}:{locator}")
    assert caught.value.what and caught.value.expected and caught.value.next


@pytest.mark.parametrize("prefix", registry.names("models"))
def test_unknown_setting_names_the_nearest(prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_ALLOW_SCRIPTED", "1")
    with pytest.raises(HarnessError) as caught:
        registry.open_model(f"{prefix}:{'' if prefix == 'tiny' else tmp_path}", {"no_such_setting": "1"})
    assert caught.value.exit_code == 2

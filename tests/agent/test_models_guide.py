"""The guide to chat models, followed from its beginning against a simulated endpoint."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path

import pytest

from agent.settings import Settings
from tests.agent.faults import fault_server, said
from tests.test_docs import ROOT, blocks, follow

GUIDE = ROOT / "docs" / "models.md"
BEARING = "The bearing is lubricated every 500 hours with 40 g of lithium grease"
SEAL = "The mechanical seal is replaced after 8,000 hours of operation or when it leaks"


def test_settings() -> None:
    """Every TOML snippet of the guide is valid."""
    snippets = blocks(GUIDE, "toml")
    assert len(snippets) >= 8
    for snippet in snippets:
        Settings.model_validate(tomllib.loads(snippet))


@pytest.mark.slow
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file, command and snippet of the guide works as it stands, in order."""
    with fault_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        server.plan(said(f"{BEARING} [1]. {SEAL} [1]."))
        printed, snippets = follow(GUIDE, tmp_path)
        asked = [
            request["model"]
            for request in server.requests
            if request["messages"][-1]["content"] != "Say OK."  # doctor asks the spare model, too
        ]
    answer = json.loads(
        printed[f"ask --project depot --json {shlex.quote('When is the seal replaced?')}"]
    )
    assert (snippets, set(asked)) == (3, {"main"})
    assert (answer["answer"], answer["grounded"]) == (f"{BEARING} [1]. {SEAL} [1].", True)
    assert answer["usage"]["model_calls"] == 1
    assert "main" in printed["doctor --project depot"]

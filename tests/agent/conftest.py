from __future__ import annotations

import pytest

from agent.settings import ToolSettings
from agent.tools import Tool, load_tools
from tests.agent.samples import CODE, NAMES


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tool]:
    """Load the tiny project's tools."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "tools.py").write_text(CODE, encoding="utf-8")
    settings = [ToolSettings(use=f"tools:{name}", examples=(f"查{name}",)) for name in NAMES]
    return {tool.name: tool for tool in load_tools(folder, settings)}

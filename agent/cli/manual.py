"""What the help says beside options: commands under headings, examples, exit codes, variables, files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

__all__ = ["ENVIRONMENT", "EXAMPLES", "EXIT_CODES", "FILES", "Commands", "Manual", "examples"]

EXAMPLES = (
    "waypost init company",
    'waypost ask "…" --project company',
    "waypost chat --project company",
)
EXIT_CODES: Mapping[int, str] = {
    0: "success, also where the answer is a refusal or a question back",
    1: "something failed, or a check found something wrong",
    2: "a wrong option, argument or setting",
    130: "interrupted with Ctrl-C",
}
ENVIRONMENT: Mapping[str, str] = {
    "WAYPOST_<SECTION>__<KEY>": "a setting, before waypost.toml: WAYPOST_LIMITS__SECONDS=30",
    "OPENAI_API_KEY, OPENAI_BASE_URL": "the key and address of chat and embedding models",
    "QDRANT_API_KEY": "the key of a Qdrant server",
    "WAYPOST_PROJECT": "the project that langgraph.json serves",
    "NO_COLOR, PAGER": "obeyed by waypost chat",
}
FILES: Mapping[str, str] = {
    "waypost.toml": "the project's settings",
    "tools.py": "its tools",
    "access.toml": "who may see which files",
    "fields.toml": "fields of files, such as when they hold",
    "router/corrections.jsonl": "corrected routes; commit it",
    "server/keys.toml": "hashes of the server's keys",
    ".waypost/": "what is indexed, conversations, traces, caches; never commit it",
}


def examples(*lines: str) -> str:
    """Return what stands below a command's options: lines that work as they are, but for names."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class Commands(TyperGroup):
    """Commands under the headings that they were added with."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write a table of commands for each heading."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            first = inspect.cleandoc(command.help or "").partition("\n\n")[0]
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, " ".join(first.split())))
        width = max(len(name) for name in self.commands)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), told) for name, told in rows])


class Manual(Commands):
    """The first page of the help: all commands, and what holds for each of them."""

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write examples, exit codes, variables and files."""
        with formatter.section("Examples"):
            for line in EXAMPLES:
                formatter.write_text(line)
        codes = {str(code): meaning for code, meaning in EXIT_CODES.items()}
        for heading, rows in (
            ("Exit codes", codes),
            ("Environment", ENVIRONMENT),
            ("Files", FILES),
        ):
            with formatter.section(heading):
                formatter.write_dl(list(rows.items()))

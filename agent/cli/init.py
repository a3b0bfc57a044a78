"""`waypost init`: a project for a folder of documents, or one to start from."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.common import Json, print_json, progress_bar, run_async, show
from agent.cli.completing import template_names
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.proposal import Looked, Proposal
    from prompts import Language

__all__ = ["init"]

FILE = "waypost.toml"
BELOW = "docs"  # where documents from elsewhere are copied to
NAMED = 3  # files of each kind of trouble
COVERS = 60  # characters of a description that are shown
PUBLIC = "public"


def init(
    directory: Annotated[
        Path,
        typer.Argument(
            help="The project's folder; files in it stay as they are.", show_default="current"
        ),
    ] = Path(),
    documents: Annotated[
        Path | None,
        typer.Option(
            "--documents",
            "-d",
            help="The folder with the documents, if it is another one: they are copied to DIRECTORY/docs "
            "unless they lie in DIRECTORY.",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            "-l",
            help="What the assistant speaks: zh or en. Default: as most documents.",
        ),
    ] = None,
    access: Annotated[
        str | None,
        typer.Option(
            "--access",
            help="Who may ask: public for everyone (the default), or groups: legal,board.",
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            autocompletion=template_names,
            help="Begin with a sample project instead: basic, code_assistant, customer_service, "
            "regulations or urban_construction.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what is proposed, and write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a project: look at a folder's documents and propose indexes for them.

    In a terminal it asks where the documents are, which language to speak and who may ask; the options
    answer that beforehand. It writes waypost.toml (and langgraph.json, for servers), moves and changes
    no file, and needs neither network nor model. An empty folder gets a sample project.
    """
    given = (documents, language, access, template)
    asks = sys.stdin.isatty() and not (yes or as_json or any(one is not None for one in given))
    _check_place(directory)
    if (template is not None and any(one is not None for one in given[:3])) or (
        template and dry_run
    ):
        raise UsageError(
            "--template brings documents and settings of its own.",
            fix="leave the other options out.",
        )
    if language not in {None, "zh", "en"}:
        raise UsageError(f"--language {language!r} is not known.", fix="use zh or en.")
    groups = _groups(PUBLIC if access is None else access)
    if template is None and documents is None and _has_files(directory):
        documents = directory
    if template is None and asks:
        documents = _ask_where(directory, documents)
    if template is not None or documents is None:
        _from_template(template or "basic", directory, as_json, dry_run)
        return
    place = _place(directory, documents)
    with progress_bar() as told:
        from agent.proposal import look_into

        looked = run_async(look_into(place.source, told))
    if not looked.found.files:
        raise UsageError(
            f"No file in {str(place.source)!r} can be read"
            + (f": {', '.join(looked.found.others[:NAMED])} …" if looked.found.others else "."),
            fix="put documents there (PDF, Word, Excel, PowerPoint, HTML, Markdown, text, mail, chats, code),"
            " or name another folder: --documents FOLDER.",
        )
    spoken: Language = "zh" if language == "zh" else "en" if language else looked.language or "en"
    if asks:
        spoken, groups = _ask_how(spoken)
    _make(place, looked, spoken, groups, as_json=as_json, dry_run=dry_run)


@dataclass(frozen=True)
class _Place:
    """Where a project is made.

    Args:
        directory: its folder, as it was given.
        source: the folder with the documents.
        below: the path of the documents in the project; "" if they lie in its own folder.
        copies: whether they have to be copied there.
    """

    directory: Path
    source: Path
    below: str
    copies: bool


def _check_place(directory: Path) -> None:
    """Refuse a place where no project can be made.

    Raises:
        UsageError: a file has this name, a project is there or around it, or nothing can be written.
    """
    if (directory / FILE).exists():
        raise UsageError(
            f"{str(directory / FILE)!r} already exists: the folder is a project. Nothing was changed.",
            fix=f"look at it with `waypost doctor{_option(directory)}`, or name another folder.",
        )
    if directory.exists() and not directory.is_dir():
        raise UsageError(
            f"{str(directory)!r} already exists and is a file.",
            fix="name a folder for the project.",
        )
    above = [*directory.absolute().resolve().parents]
    for folder in above:
        if (folder / FILE).exists():
            raise UsageError(
                f"{str(directory)!r} lies in the project {str(folder)!r}.",
                fix=f"add the documents to that one and run `waypost ingest{_option(folder)}`, or name a "
                "folder outside of it.",
            )
    if any((directory / "prompts").glob("*.toml")):
        raise UsageError(
            f"{str(directory / 'prompts')!r} would be read as the project's own prompts.",
            fix="make the project in another folder, and name this one: "
            "waypost init my_project --documents FOLDER.",
        )
    nearest = next(one for one in (directory.absolute(), *above) if one.is_dir())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(
            f"{str(nearest)!r} cannot be written to.",
            fix="make the project in a folder of your own, and name this one: "
            "waypost init my_project --documents FOLDER.",
        )


def _has_files(directory: Path) -> bool:
    """Say whether there is anything in a folder but hidden files."""
    try:
        return directory.is_dir() and any(
            not one.name.startswith(".") for one in directory.iterdir()
        )
    except OSError as error:
        raise UsageError(
            f"{str(directory)!r} cannot be read: {error.strerror}.", fix="name another folder."
        ) from error


def _place(directory: Path, documents: Path) -> _Place:
    """Return where documents are in a project, or are copied to.

    Raises:
        UsageError: they are no folder, are or hold the project, or would be copied over others.
    """
    if not documents.is_dir():
        what = "a file" if documents.exists() else "not there"
        raise UsageError(
            f"The folder {str(documents)!r} is {what}.",
            fix="name the folder that the documents are in.",
        )
    project, source = directory.resolve(), documents.resolve()
    if (source / FILE).exists():
        raise UsageError(
            f"{str(documents)!r} is a project itself.",
            fix=f"ask it: waypost ask{_option(documents)} …; or name the folder of its documents.",
        )
    if source.is_relative_to(project):
        below = source.relative_to(project).as_posix()
        return _Place(directory, source, "" if below == "." else below, copies=False)
    if project.is_relative_to(source):
        raise UsageError(
            f"The project {str(directory)!r} would lie among its own documents.",
            fix=f"make it in their folder, where they stay: waypost init {shlex.quote(str(documents))}.",
        )
    target = project / BELOW
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"The documents would be copied to {str(directory / BELOW)!r}, which is in use.",
            fix="name an empty folder for the project.",
        )
    return _Place(directory, source, BELOW, copies=True)


# --- the three questions --------------------------------------------------------------------------


def _ask_where(directory: Path, documents: Path | None) -> Path | None:
    """Ask where the documents are, in both languages: nothing is known of theirs yet."""
    from prompts import texts

    zh, en = texts("init", "zh"), texts("init", "en")
    known = "where_here" if documents is not None else "where_none"
    for said in (zh, en):
        default = said[known].format(folder=directory if str(directory) != "." else Path.cwd().name)
        show(said["where"].format(default=default))
    while True:
        answer = _line()
        if not answer:
            return documents
        folder = Path(answer.strip("'\"")).expanduser()
        if folder.is_dir():
            return folder
        show(en["again"].format(allowed=f"an existing folder, not {answer!r}"))


def _ask_how(spoken: Language) -> tuple[Language, tuple[str, ...] | None]:
    """Ask for the language, in that of the documents, and for the groups; None stands for everyone."""
    from prompts import texts

    said = texts("init", spoken)
    show(said["speak"].format(default=spoken))
    while (answer := _line().lower()) not in {"", "zh", "en"}:
        show(said["again"].format(allowed="zh, en"))
    spoken = "zh" if answer == "zh" else "en" if answer else spoken
    show(texts("init", spoken)["who"].format(default=PUBLIC))
    return spoken, _groups(_line() or PUBLIC)


def _line() -> str:
    return str(typer.prompt("", default="", show_default=False, prompt_suffix="> ")).strip()


def _groups(access: str) -> tuple[str, ...] | None:
    """Return the groups of an answer; None for everyone."""
    names = tuple(dict.fromkeys(one.strip() for one in access.replace("，", ",").split(",")))
    names = tuple(one for one in names if one)
    if not names:
        raise UsageError(
            "--access names nobody.", fix="use public, or names of groups: legal,board."
        )
    return None if names == (PUBLIC,) else names


# --- making it ------------------------------------------------------------------------------------


def _from_template(name: str, directory: Path, as_json: bool, dry_run: bool) -> None:
    from agent.templates import copy_template

    if dry_run:
        raise UsageError(
            f"{str(directory)!r} holds no documents to propose indexes for.",
            fix="name the folder that they are in: --documents FOLDER.",
        )
    made = copy_template(name, directory)
    if as_json:
        print_json({"project": str(directory), "template": name, "files": made})
        return
    typer.echo(f"Made {directory} from the template {name!r} ({made} files).")
    typer.echo("Its documents are public to everyone who may ask (default_access in waypost.toml).")
    typer.echo(f"Next: waypost ingest --project {directory} && waypost chat --project {directory}")


def _make(
    place: _Place,
    looked: Looked,
    language: Language,
    groups: Sequence[str] | None,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Propose, show, and write unless it is only to be shown."""
    from agent.proposal import propose, settings_text, write_new
    from agent.templates import SERVING, serving
    from prompts import texts

    said = texts("init", language)
    proposal = propose(looked, language, below=place.below)
    name = "".join(sign for sign in place.directory.resolve().name if sign.isprintable())
    text = settings_text(proposal, name or said["name"], groups)
    if not as_json:
        _show(place, looked, proposal)
    if not dry_run:
        copied = _copy(place, looked) if place.copies else 0
        write_new(place.directory / FILE, text)
        if not (place.directory / SERVING).exists():
            write_new(place.directory / SERVING, serving())
    following = _next(place.directory, proposal, groups)
    if as_json:
        print_json(
            {
                "project": str(place.directory),
                "template": None,
                "written": not dry_run,
                "copied": 0 if dry_run else copied,
                "files": len(looked.found.files),
                "read": len(looked.read.samples),
                "language": language,
                "groups": groups,
                "indexes": [asdict(index) for index in proposal.indexes],
                "troubles": {
                    kind: {
                        "count": len(names),
                        "files": list(names[:NAMED]),
                        "fix": said["troubles"][kind],
                    }
                    for kind, names in proposal.troubles.items()
                },
                "settings": text,
                "next": following,
            }
        )
        return
    show()
    if dry_run:
        show(said["dry"])
        return
    show(said["made"].format(path=place.directory / FILE))
    show(said["public"] if groups is None else said["groups"].format(groups=", ".join(groups)))
    show()
    show(said["next"])
    for command in following:
        show(f"  {command}")


def _show(place: _Place, looked: Looked, proposal: Proposal) -> None:
    """Print what will be done, the proposed indexes, and what somebody should look after."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agent.templates import SERVING
    from prompts import texts

    said: dict[str, Any] = texts("init", proposal.language)
    files = looked.found.files
    if place.copies:
        show(
            said["copies"].format(
                count=len(files),
                size=_size(sum(file.size for file in files)),
                source=place.source,
                target=place.directory / BELOW,
            )
        )
    else:
        show(said["stays"].format(written=f"{FILE}, {SERVING}"))
    if looked.read.hurried:
        show(said["hurried"].format(read=len(looked.read.samples)))
    show()
    show(
        said["proposed"].format(
            files=len(files), read=len(looked.read.samples), indexes=len(proposal.indexes)
        )
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(said["columns"]):
        table.add_column(
            column,
            justify="right" if number == 2 else "left",
            no_wrap=number in {0, 2},
            overflow="fold",
        )
    for index in proposal.indexes:
        kind = said["layouts"]["code" if index.embedding == "none" else index.layout]
        title = f"{index.title} ({kind})" if kind and kind != index.title else index.title
        covers = index.description[:COVERS] + ("…" if len(index.description) > COVERS else "")
        cells = (index.name, title, str(index.files), index.example, covers)
        table.add_row(*(Text("".join(filter(str.isprintable, cell))) for cell in cells))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if proposal.troubles:
        show()
    for kind, names in proposal.troubles.items():
        some = said["separator"].join(names[:NAMED])
        more = len(names) - NAMED if proposal.language == "en" else len(names)
        listed = said["listed"].format(names=some, count=more) if len(names) > NAMED else some
        show(f"! {len(names)} {said['troubles'][kind]}")
        show(f"    {listed}")


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{size / 2**10:,.0f} KB"


def _copy(place: _Place, looked: Looked) -> int:
    """Copy the documents into the project; return how many.

    Raises:
        UsageError: one of them cannot be copied.
    """
    import shutil

    target = place.directory / BELOW
    try:
        for file in looked.found.files:
            if file.name in looked.found.troubles.get("closed", ()):
                continue
            path = target / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(place.source / file.name, path, follow_symlinks=False)
    except OSError as error:
        raise UsageError(
            f"The documents cannot be copied: {error}.",
            fix=f"mend that, delete {str(target)!r}, and try again.",
        ) from error
    return sum(1 for path in target.rglob("*") if path.is_file())


def _next(directory: Path, proposal: Proposal, groups: Sequence[str] | None) -> list[str]:
    """Return the next commands as a shell takes them."""
    option = _option(directory)
    who = f" --user me --group {shlex.quote(groups[0])}" if groups else ""
    question = shlex.quote(proposal.question) if proposal.question else '"…"'
    return [f"waypost ingest{option}", f"waypost ask{option}{who} {question}"]


def _option(directory: Path) -> str:
    return "" if str(directory) == "." else f" --project {shlex.quote(str(directory))}"

"""What is installed is whole: the sdist makes the wheel, and from that alone every template answers."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import typer

from agent.cli.main import app
from agent.cli.main import run as start
from agent.templates import template_names
from docs.reference.generate import commands_of, shown_examples
from tests.serving import ROOT

ASKED = {
    "basic": ("How do I add my own documents?", "docs/getting-started.md"),
    "code_assistant": ("Where is build_graph defined?", "agent/graph.py"),
    "customer_service": ("VX-20S的滤网多久换一次？", "VX-20S"),
    "regulations": ("采购管理办法第三条怎么规定？", "采购管理办法"),
    "urban_construction": ("东站项目的环保措施有哪些？", "东站综合交通枢纽工程环境影响报告书.pdf"),
}
MEGABYTE = 1_000_000
HEAVY = {"langchain_core", "langgraph", "numpy", "pydantic", "qdrant_client", "rich", "sklearn", "structlog"}  # fmt: skip
IN_SHELLS = [  # how each shell asks what to complete
    ("bash", {"COMP_WORDS": "{line}", "COMP_CWORD": "{count}"}),
    ("zsh", {"_TYPER_COMPLETE_ARGS": "{line}"}),
    ("fish", {"_TYPER_COMPLETE_ARGS": "{line}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
]
COMPLETED = [
    ("waypost tune ", "advise"),
    ("waypost search --project {project} --index ", "policy"),
    ("waypost correct --project {project} --tool ", "get_dashboard_info"),
    ("waypost correct --action cl", "clarify"),
]


def pyproject() -> dict[str, Any]:
    """Return the project's metadata."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run a command, and return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The sdist of this checkout, its wheel, and the wheel that the sdist makes."""
    tools, out = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("built")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", "--target", tools, *pyproject()["build-system"]["requires"]], out)
    make = "import hatchling.build as one, sys; one.build_{0}(sys.argv[1])"
    for kind in ("sdist", "wheel"):
        run([sys.executable, "-c", make.format(kind), out], ROOT, PYTHONPATH=str(tools))
    [sdist], [wheel] = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    [unpacked] = [path for path in out.iterdir() if path.is_dir()]
    run([sys.executable, "-c", make.format("wheel"), out / "again"], unpacked, PYTHONPATH=str(tools))  # fmt: skip
    [again] = (out / "again").glob("*.whl")
    return sdist, wheel, again


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `waypost` of an environment of its own; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run([*pip, "install", "--no-deps", "--ignore-installed", built[2]], folder)
    return folder / "bin" / "waypost"


@pytest.mark.slow
def test_wheel_of_the_sdist(built: tuple[Path, Path, Path]) -> None:
    """The sdist makes the same wheel as the checkout."""
    contents = []
    for wheel in built[1:]:
        with zipfile.ZipFile(wheel) as archive:
            contents.append({one.filename: one.CRC for one in archive.infolist()})
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_contents(built: tuple[Path, Path, Path]) -> None:
    """Wheel and sdist have what is used, nothing of development, and are small."""
    sdist, wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    with tarfile.open(sdist) as archive:
        packed = [name.partition("/")[2] for name in archive.getnames()]
    for needed in (
        "agent/docs/tutorial.md",
        "agent/docs/reference/settings.md",
        "agent/server/page/static/index.html",
        "agent/templates/basic/waypost.toml",
        "agent/templates/urban_construction/waypost.toml",
        "prompts/answer.toml",
        "indexes/py.typed",
    ):
        assert needed in names
    assert any(name.endswith(".data/data/share/man/man1/waypost.1") for name in names)
    assert {"README.md", "LICENSE", "pyproject.toml", "docs/CHANGELOG.md"} <= set(packed)
    unwanted = re.compile(r"(^|/)(tests|benchmarks|\.ci|\.git|\.waypost|__pycache__|node_modules)(/|$)")  # fmt: skip
    assert [name for name in [*names, *packed] if unwanted.search(name)] == []
    sizes = [path.stat().st_size / MEGABYTE for path in (sdist, wheel)]
    assert max(sizes) < 8, sizes


@pytest.mark.slow
def test_it_is_the_installed_one(installed: Path, tmp_path: Path) -> None:
    """The commands below run what was installed, not the checkout, which would hide what is missing."""
    code = (
        "import agent, indexes, prompts; print(agent.__file__, indexes.__file__, prompts.__file__)"
    )
    told = run([installed.with_name("python"), "-c", code], tmp_path)
    assert told.count(str(installed.parent.parent)) == 3
    assert (
        run([installed, "--version"], tmp_path) == f"waypost {pyproject()['project']['version']}\n"
    )
    assert (installed.parent.parent / "share" / "man" / "man1" / "waypost.1").exists()


@pytest.mark.slow
@pytest.mark.parametrize("template", sorted(ASKED))
def test_every_template_answers(installed: Path, tmp_path: Path, template: str) -> None:
    """`waypost init`, then `waypost ask`: the first answer is cited."""
    question, document = ASKED[template]
    run([installed, "init", "x", "--template", template], tmp_path)
    answer = json.loads(run([installed, "ask", question, "--json"], tmp_path / "x"))
    assert answer["grounded"], answer["answer"]
    told = [one["document"] for one in answer["citations"]]
    assert any(document in one for one in [*told, json.dumps(answer["tool_calls"])])


def test_every_template_is_asked() -> None:
    """A template that is added is tried above."""
    assert set(template_names()) == set(ASKED)


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level names that a module imports, but for type checkers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.slow
def test_what_is_imported_is_declared() -> None:
    """Whatever the packages import is a dependency, or in an extra, so that an empty machine has it."""
    project = pyproject()["project"]
    declared = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]  # fmt: skip
    names = {re.split(r"[\[<>=!~; ]", one)[0].lower().replace("_", "-") for one in declared}
    homes = packages_distributions()
    files = [path for top in ("agent", "indexes", "prompts") for path in (ROOT / top).rglob("*.py")]
    used = {name for path in files for name in imported(path)} - set(sys.stdlib_module_names)
    brought = {  # by what is declared, which is nothing without it
        "aiosqlite": "langgraph-checkpoint-sqlite", "cryptography": "pyjwt", "httpx": "langchain-openai",
        "huggingface_hub": "transformers", "langgraph_api": "langgraph-cli", "langgraph_sdk": "langgraph",
        "openai": "langchain-openai", "psycopg_pool": "psycopg", "pydantic_core": "pydantic",
        "referencing": "jsonschema", "starlette": "langgraph-cli",
    }  # fmt: skip
    missing = {
        name
        for name in used - {"agent", "indexes", "prompts"}
        if not {one.lower().replace("_", "-") for one in [name, *homes.get(name, [])]} & names
        and brought.get(name) not in names
        and not (ROOT / "examples" / "code_assistant" / f"{name}.py").exists()
    }
    assert missing == set()


def test_changelog() -> None:
    """The changelog has what is not released yet, then this version, then older ones."""
    text = (ROOT / "docs" / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert found[:2] == ["Unreleased", pyproject()["project"]["version"]]
    assert set(re.findall(r"^### (\w+)", text, re.MULTILINE)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip


def test_the_command_starts_light() -> None:
    """The help and the version import nothing heavy: they take a tenth of a second."""
    code = "import sys, agent.cli.main; print(*{one.partition('.')[0] for one in sys.modules})"
    assert set(run([sys.executable, "-c", code], ROOT).split()) & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize("shell", [name for name, _ in IN_SHELLS])
def test_completion_script(shell: str) -> None:
    """`--show-completion` prints a script that asks this command, for each shell."""
    script = run(
        [sys.executable, "-c", "from agent.cli.main import run; run()", "--show-completion", shell],
        ROOT,
        _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1",
    )
    assert "_WAYPOST_COMPLETE" in script


@pytest.mark.slow
@pytest.mark.parametrize(("shell", "asks"), IN_SHELLS, ids=[name for name, _ in IN_SHELLS])
@pytest.mark.parametrize(("line", "found"), COMPLETED, ids=[line for line, _ in COMPLETED])
def test_completion(shell: str, asks: dict[str, str], line: str, found: str) -> None:
    """Commands, names of indexes and tools, and choices are completed in each shell."""
    typed = line.format(project=ROOT / "examples" / "urban_construction")
    given = {
        key: value.format(line=typed, count=len(typed.split()) - (not typed.endswith(" ")))
        for key, value in asks.items()
    }
    code = "from agent.cli.main import run; run()"
    told = run([sys.executable, "-c", code], ROOT, _WAYPOST_COMPLETE=f"complete_{shell}", **given)
    assert found in told


def test_every_command_has_examples_that_parse() -> None:
    """The help of every command ends with examples of that command, whose options there are."""
    group: Any = typer.main.get_command(app)
    for path, command in commands_of(group):
        lines = shown_examples(command)
        assert lines, path
        for line in lines:
            words = shlex.split(line)
            assert words[: 1 + len(path)] == ["waypost", *path]
            command.make_context(line, words[1 + len(path) :])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ask"], "Missing argument 'question'. Fix: see waypost ask --help."),
        (["tune", "router", "--x"], "No such option: --x Fix: see waypost tune router --help."),
        (["aks"], "No such command 'aks'. Did you mean 'ask'? Fix: see waypost --help."),
        ([], "Usage: waypost [OPTIONS] COMMAND [ARGS]..."),
    ],
)
def test_wrong_usage_names_its_help(
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong command line ends with 2, an empty stdout, and where the command's help is."""
    monkeypatch.setattr("sys.argv", ["waypost", *words])
    with pytest.raises(SystemExit) as ended:
        start()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert told in err

from __future__ import annotations

from pathlib import Path

import pytest

from indexes.errors import ConfigurationError
from indexes.settings import Settings, load_settings

GOOD = """\
[project]
name = "Demo"

[[index]]
name = "policy"

[[index]]
name = "finance"
layout = "hierarchical"
k = 7
"""


def write(project: Path, text: str) -> Path:
    """Put a waypost.toml into a folder."""
    (project / "waypost.toml").write_text(text, encoding="utf-8")
    return project


def failure(project: Path) -> ConfigurationError:
    """Return the error that loading a project's settings raises."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(project, Settings)
    return caught.value


def test_settings_are_read_with_defaults(tmp_path: Path) -> None:
    """What the file says is taken, the rest has defaults, and documents are private."""
    settings = load_settings(write(tmp_path, GOOD), Settings)
    assert [(i.name, i.layout, i.k, i.label) for i in settings.index] == [
        ("policy", "flat", 5, "policy"),
        ("finance", "hierarchical", 7, "finance"),
    ]
    assert settings.project.default_access == "private"
    assert settings.store.path == ".waypost"


@pytest.mark.parametrize(
    ("addition", "line", "says"),
    [
        ('[project\nname = "x"\n', 12, "not valid TOML"),
        ('[store]\npaht = "x"\n', 13, "store.paht (line 13): unknown key"),
        ('[[index]]\nname = "c"\nlayuot = "flat"\n', 14, "index.3.layuot (line 14): unknown key"),
        ('[[index]]\nname = "c"\nlayout = "tree"\n', 14, "index.3.layout (line 14)"),
        ('[[index]]\nname = "Big Name"\n', 13, "index.3.name (line 13)"),
        ('[[index]]\nname = "c"\nk = 0\n', 14, "index.3.k (line 14)"),
        ('[[index]]\ntitle = "c"\n', 12, "index.3.name (line 12)"),
        ('[[index]]\nname = "c"\nembedding = "all"\n', 14, "index.3.embedding (line 14)"),
        ('[[index]]\nname = "c"\nembed = "all"\n', 14, "index.3.embed (line 14)"),
        ('[[index]]\nname = "c"\nfields = { a = "word" }\n', 14, "index.3.fields.a (line 14)"),
        ('[[index]]\nname = "c"\nfields = { "a.b" = "text" }\n', 14, "'a.b' is no name"),
        ('[[index]]\nname = "c"\nfields = { date = "date" }\n', 14, "'date' is a field of every"),
        ('[store]\nurl = "qdrant:6333"\n', 13, "store.url (line 13)"),
        ('[models]\nembedding = "bge"\n', 13, "models.embedding (line 13)"),
    ],
)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, addition: str, line: int, says: str
) -> None:
    """Whoever misspells a key is told which one, where, and how to mend it."""
    error = failure(write(tmp_path, f"{GOOD}\n{addition}"))
    assert says in error.message
    assert f"line {line}" in error.message
    assert error.fix
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ('[[index]]\nname = "policy"\n', "two indexes are named 'policy'"),
        ('[[index]]\nname = "none"\n', "cannot be named 'none'"),
        (
            '[[index]]\nname = "c"\nfields = { year = "number" }\n'
            '[[index]]\nname = "d"\nfields = { year = "keyword" }\n',
            "'year' is a number in one index and a keyword in another",
        ),
        ('[[index]]\nname = "c"\nchunk_tokens = 100\nchunk_min_tokens = 100\n', "index 'c'"),
    ],
)
def test_indexes_that_do_not_go_together(tmp_path: Path, addition: str, says: str) -> None:
    """Names are unique, "none" is taken, fields agree, and a chunk's least size is below its most."""
    assert says in failure(write(tmp_path, GOOD + addition)).message


@pytest.mark.parametrize(
    ("keys", "chunks", "documents"),
    [
        ('layout = "hierarchical"', True, True),
        ('layout = "hierarchical"\nembed = "chunks"', True, False),
        ('layout = "hierarchical"\nembed = "documents"', False, True),
        ('layout = "hierarchical"\nembedding = "none"', False, False),
        ('layout = "flat"', True, False),
        ('layout = "flat"\nembed = "documents"', False, False),
    ],
)
def test_what_has_embeddings(tmp_path: Path, keys: str, chunks: bool, documents: bool) -> None:
    """Both levels by default; a flat index has no use for those of documents."""
    project = write(tmp_path, f'[[index]]\nname = "a"\n{keys}\n')
    (index,) = load_settings(project, Settings).index
    assert (index.embeds_chunks, index.embeds_documents) == (chunks, documents)


def test_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    """The message says which layouts there are."""
    message = failure(write(tmp_path, GOOD.replace('"hierarchical"', '"tree"'))).message
    assert "'flat'" in message
    assert "'hierarchical'" in message


def test_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WAYPOST_<SECTION>__<KEY> wins, whether the file has the key or not."""
    monkeypatch.setenv("WAYPOST_STORE__PATH", "elsewhere")
    monkeypatch.setenv("WAYPOST_PROJECT__NAME", "Other")
    settings = load_settings(write(tmp_path, GOOD), Settings)
    assert (settings.store.path, settings.project.name) == ("elsewhere", "Other")


def test_environment_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key in the environment is named like one in the file."""
    monkeypatch.setenv("WAYPOST_STORE__PAHT", "x")
    assert "store.paht" in failure(write(tmp_path, GOOD)).message


def test_missing_folder(tmp_path: Path) -> None:
    """A project that does not exist is named."""
    assert repr(str(tmp_path / "absent")) in failure(tmp_path / "absent").message


def test_missing_file(tmp_path: Path) -> None:
    """A folder without waypost.toml is no project, and the cure is `waypost init`."""
    error = failure(tmp_path)
    assert "waypost.toml" in error.message
    assert "waypost init" in error.fix


def test_unreadable_file(tmp_path: Path) -> None:
    """A file in another encoding is refused with its path."""
    (tmp_path / "waypost.toml").write_bytes('[project]\nname = "城投"\n'.encode("gb18030"))
    assert "cannot be read" in failure(tmp_path).message

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest

import prompts
from prompts import PromptError, render, texts

FOLDER = Path(prompts.__file__).parent
FILES: dict[str, dict[str, Any]] = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.toml"))
}
PROMPTS = sorted(name for name, data in FILES.items() if "variables" in data)
LANGUAGES: tuple[Literal["zh"], Literal["en"]] = ("zh", "en")


def fields(text: str) -> set[str]:
    """Return the names of a format string's fields."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def values(name: str) -> dict[str, str]:
    """Return a value for each declared variable of a prompt."""
    return {variable: f"<{variable} {{braces}} 值>" for variable in FILES[name]["variables"]}


def test_there_are_prompts() -> None:
    """The tables below are not empty."""
    assert {"answer", "route"} <= set(PROMPTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_render(name: str, language: Literal["zh", "en"]) -> None:
    """Every variable's value stands in the text, whatever braces it has."""
    given = values(name)
    text = render(name, language, **given)
    assert all(value in text for value in given.values())
    assert text == text.strip()


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_differ_by_language(name: str) -> None:
    """The Chinese text is Chinese, the English one is not."""
    assert re.search("[一-鿿]", FILES[name]["zh"])
    assert not re.search("[一-鿿]", FILES[name]["en"])


@pytest.mark.parametrize("name", PROMPTS)
def test_missing_and_extra_variables_fail(name: str) -> None:
    """A call must give exactly the declared variables."""
    given = values(name)
    for wrong in ({**given, "extra": "x"}, dict(list(given.items())[1:])):
        with pytest.raises(PromptError, match=name):
            render(name, "en", **wrong)


@pytest.mark.parametrize(
    "text",
    [
        'variables = ["a"]\nzh = "{a}"\nen = "{b}"\n',
        'variables = ["a", "b"]\nzh = "{a}"\nen = "{a}"\n',
        'variables = ["a"]\nzh = "{a}"\n',
        'variables = ["a"]\nzh = "{a}"\nen = "{a}"\nfr = "{a}"\n',
    ],
    ids=["undeclared", "unused", "language missing", "unknown key"],
)
def test_malformed_prompt_files_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A file that does not keep to its own declaration cannot be rendered."""
    name = f"broken_{tmp_path.name}"  # the loader remembers files by name
    (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(PromptError, match=name):
        render(name, "en", a="x")


def test_messages_have_the_same_keys() -> None:
    """Nothing can be said in one language alone."""
    assert set(FILES["messages"]) == set(LANGUAGES)
    assert set(texts("messages", "zh")) == set(texts("messages", "en"))


@pytest.mark.parametrize("key", sorted(FILES["messages"]["zh"]))
def test_messages_have_the_same_fields(key: str) -> None:
    """A message takes the same values in both languages."""
    assert fields(texts("messages", "zh")[key]) == fields(texts("messages", "en")[key])


@pytest.mark.parametrize("name", sorted(set(FILES) - set(PROMPTS)))
def test_texts_that_are_no_prompts_are_known(name: str) -> None:
    """A file without `variables` is one of the tables of texts."""
    assert name in {"builtin_tools", "evaluation", "generic", "messages", "smalltalk"}


@pytest.mark.parametrize("kind", FILES["smalltalk"]["kind"], ids=lambda kind: str(kind["name"]))
def test_smalltalk_kinds(kind: dict[str, Any]) -> None:
    """Patterns compile and find nothing in an empty text; replies take what respond gives."""
    for pattern in kind["patterns"]:
        assert not re.compile(pattern).search("")
    assert kind["examples"]
    assert bool(kind["zh"]) == bool(kind["en"])
    assert fields(kind["zh"]) == fields(kind["en"]) <= {"persona", "covered"}


def test_smalltalk_names_and_examples_differ() -> None:
    """No kind and no example stands twice."""
    kinds = FILES["smalltalk"]["kind"]
    examples = [example for kind in kinds for example in kind["examples"]]
    assert len({kind["name"] for kind in kinds}) == len(kinds)
    assert len(set(examples)) == len(examples)


def test_generic_questions_differ() -> None:
    """The everyday questions are many and each stands once."""
    for language in LANGUAGES:
        questions = texts("generic", language)
        assert len(set(questions)) == len(questions) >= 20

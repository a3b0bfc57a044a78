from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest

import prompts
from prompts import PACKAGED, PromptError, Prompts, texts

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
    return {
        variable: f"<{variable} {{braces}} {{{{0}}}} {{}} %s 值>"
        for variable in FILES[name]["variables"]
    }


def written(name: str, language: str) -> str:
    """Return what a prompt file says in a language."""
    told = FILES[name][language]
    return told if isinstance(told, str) else "\n".join(told.values())


def test_there_are_prompts() -> None:
    """The tables below are not empty."""
    assert {"answer", "route"} <= set(PROMPTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_render(name: str, language: Literal["zh", "en"]) -> None:
    """Every variable's value stands in the text, whatever braces it has."""
    given = values(name)
    text = PACKAGED.render(name, language, **given)
    assert all(value in text for value in given.values())
    assert text == text.strip()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_are_messages(name: str, language: Literal["zh", "en"]) -> None:
    """A prompt is what the user says, or instructions and what the user says; as text it is both."""
    given = values(name)
    messages = PACKAGED.messages(name, language, **given)
    roles = [message["role"] for message in messages]
    assert roles == (["user"] if isinstance(FILES[name][language], str) else ["system", "user"])
    assert PACKAGED.render(name, language, **given) == "\n\n".join(m["content"] for m in messages)


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_differ_by_language(name: str) -> None:
    """The Chinese text is Chinese, the English one is not."""
    assert re.search("[一-鿿]", written(name, "zh"))
    assert not re.search("[一-鿿]", written(name, "en"))


@pytest.mark.parametrize("name", PROMPTS)
def test_missing_and_extra_variables_fail(name: str) -> None:
    """A call must give exactly the declared variables."""
    given = values(name)
    for wrong in ({**given, "extra": "x"}, dict(list(given.items())[1:])):
        with pytest.raises(PromptError, match=name):
            PACKAGED.render(name, "en", **wrong)


def test_unknown_prompts_fail() -> None:
    """A name that no file has is told, with those that there are; a file of texts is no prompt."""
    for name in ("anwser", "messages"):
        with pytest.raises(PromptError, match=rf"no prompt '{name}'.*followup"):
            PACKAGED.render(name, "en")


def own(project: Path, text: str | bytes, name: str = "followup.toml") -> Prompts:
    """Return the prompts of a project that has a file of its own."""
    project.mkdir(exist_ok=True)
    (project / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return Prompts(project)


OWN = """\
variables = ["previous", "question"]
zh = "先：{previous} 后：{question} {{原样}}"
[en]
system = "Rewrite."
user = "Then: {previous}. Now: {question}."
"""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_projects_replace_a_prompt(tmp_path: Path, mark: bytes) -> None:
    """A file of a project takes the packaged one's place, and no other's."""
    prompts = own(tmp_path, mark + OWN.encode())
    prompts.check()
    given = {"previous": "{x}", "question": "}{"}
    assert prompts.messages("followup", "en", **given) == [
        {"role": "system", "content": "Rewrite."},
        {"role": "user", "content": "Then: {x}. Now: }{."},
    ]
    assert prompts.render("followup", "zh", **given) == "先：{x} 后：}{ {原样}"
    assert prompts.render("route", "en", **values("route")) == PACKAGED.render(
        "route", "en", **values("route")
    )
    assert "Then:" not in PACKAGED.render("followup", "en", **given)


def test_projects_need_no_prompts(tmp_path: Path) -> None:
    """A project without the folder, or with other things in it, has the packaged prompts."""
    Prompts(tmp_path / "prompts").check()
    own(tmp_path, "notes", "README.md")
    own(tmp_path, b"\x00", "._answer.toml").check()


BROKEN = {
    "undeclared variable": (
        OWN.replace("Now: {question}", "Now: {question} {answer}"),
        r"followup\.toml: `en` uses \['answer'\].*Fix: .*declared",
    ),
    "variable left out": (
        OWN.replace("{previous}. ", ""),
        r"followup\.toml: `en` does not use \['previous'\].*Fix: write \{previous\}",
    ),
    "other declaration": (
        'variables = ["question"]\nzh = "{question}"\nen = "{question}"\n',
        r"followup\.toml: `variables` are \['question'\].*Fix: .*'previous', 'question'",
    ),
    "language missing": (
        OWN.partition("[en]")[0],
        r"followup\.toml lacks \['en'\].*Fix: .*`zh` and `en`",
    ),
    "unknown key": (f'fr = "x"\n{OWN}', r"followup\.toml has the unknown \['fr'\].*Fix: "),
    "no TOML": (OWN.replace('"Rewrite."', '"Rewrite.'), r"followup\.toml is no TOML: .*line 4.*Fix: "),
    "lone brace": (OWN.replace("{{原样}}", "{原样"), r"`zh` has a brace that is no variable.*Fix: "),
    "empty braces": (OWN.replace("{{原样}}", "{}"), r"`zh` has braces around.*Fix: "),
    "JSON unescaped": (
        OWN.replace("{{原样}}", '{"targets": []}').replace('zh = "', "zh = \'").replace('[]}"', "[]}\'"),
        r"`zh` has braces around.*Fix: .*\{\{",
    ),
    "attribute": (OWN.replace("{{原样}}", "{question.x}"), r"`zh` has braces around.*Fix: "),
    "format": (OWN.replace("{{原样}}", "{question:>5}"), r"`zh` has braces around.*Fix: "),
    "conversion": (OWN.replace("{{原样}}", "{question!r}"), r"`zh` has braces around.*Fix: "),
    "user left out": (OWN.partition("user =")[0], r"`en` is neither a text nor a table.*Fix: "),
    "unknown role": (f'{OWN}assistant = "x"', r"`en` is neither a text nor a table.*Fix: "),
    "empty text": (OWN.replace('"Rewrite."', '" "'), r"`en` has no text for `system`.*Fix: "),
    "text is a list": (OWN.replace('"Rewrite."', '["x"]'), r"`en` has no text for `system`.*Fix: "),
    "variables are a text": (
        OWN.replace('["previous", "question"]', '"question"'),
        r"`variables` is no list.*Fix: ",
    ),
    "not UTF-8": (OWN.encode("gbk"), r"followup\.toml cannot be read.*Fix: .*UTF-8"),
    "empty": ("", r"lacks \['en', 'variables', 'zh'\].*Fix: "),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_of_projects_fail_at_once(
    tmp_path: Path, text: str | bytes, told: str
) -> None:
    """A project's file with a mistake is refused when it is opened: file, place and cure are named."""
    prompts = own(tmp_path, text)
    with pytest.raises(PromptError, match=told):
        prompts.check()


@pytest.mark.parametrize("name", ["follow-up", "messages", "Answer"])
def test_unknown_files_of_projects_fail(tmp_path: Path, name: str) -> None:
    """A file that replaces nothing is a mistake in its name."""
    prompts = own(tmp_path, OWN, f"{name}.toml")
    with pytest.raises(PromptError, match=rf"{name}\.toml.*Fix: rename it; .*answer, .*followup"):
        prompts.check()


def test_a_file_in_place_of_the_folder_fails(tmp_path: Path) -> None:
    """The folder of prompts must be one."""
    own(tmp_path, OWN, "prompts")
    with pytest.raises(PromptError, match="is a file"):
        Prompts(tmp_path / "prompts").check()


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
    assert name in {
        "advise", "builtin_tools", "chat", "compare", "evaluation", "export", "generic", "init", "mcp", "messages",
        "smalltalk",
    }  # fmt: skip


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

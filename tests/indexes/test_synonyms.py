from __future__ import annotations

from pathlib import Path

import pytest

from indexes import Registry
from indexes.errors import ConfigurationError
from indexes.synonyms import Synonyms, load_synonyms
from tests.indexes.projects import found, ingested, write_project

GROUPS = [
    ["扬尘", "灰尘", "PM10"],
    ["TBM", "tunnel boring machine", "盾构机"],
    ["R&D", "research and development"],
]


def put(folder: Path, text: str) -> Path:
    """Write a file of synonyms."""
    path = folder / "synonyms.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("灰尘怎么治理", ["扬尘", "PM10"]),
        ("怎样抑制施工扬尘？", ["灰尘", "PM10"]),
        ("灰塵怎麼治理", ["扬尘", "PM10"]),
        ("PM10的限值", ["扬尘", "灰尘"]),
        ("limit of pm10", ["扬尘", "灰尘"]),
        ("PM100", []),
        ("How many TBMs are there?", []),
        ("Is the TBM here?", ["tunnel boring machine", "盾构机"]),
        ("两台tbm进场", ["tunnel boring machine", "盾构机"]),
        ("the Tunnel Boring Machine's wear", ["TBM", "盾构机"]),
        ("a tunnel with a boring machine", []),
        ("盾构机与扬尘", ["灰尘", "PM10", "TBM", "tunnel boring machine"]),
        ("扬尘和灰尘", ["PM10"]),
        ("cost of r&d", ["research and development"]),
        ("噪声", []),
        ("", []),
    ],
)
def test_others_of_a_group(question: str, others: list[str]) -> None:
    """Each word of a group stands for the others: Latin ones as whole words, Chinese anywhere."""
    assert Synonyms(GROUPS).of(question) == others


@pytest.mark.parametrize(
    "text",
    [
        "扬尘,灰尘\nTBM,盾构机\n",
        "扬尘，灰尘\nTBM、盾构机",
        "# 环保\n扬尘, 灰尘  # 口语\n\n  TBM ,盾构机,\n",
        "\ufeff扬尘,灰尘\r\nTBM,盾构机\r\n",
    ],
)
def test_file_of_synonyms(tmp_path: Path, text: str) -> None:
    """A group a line, by Latin or Chinese commas, with comments and blanks as one likes."""
    synonyms = load_synonyms(put(tmp_path, text))
    assert synonyms.of("灰尘") == ["扬尘"]
    assert synonyms.of("盾构机") == ["TBM"]


def test_word_without_a_synonym(tmp_path: Path) -> None:
    """A line that says nothing is named."""
    with pytest.raises(ConfigurationError, match="line 3: '灰尘,' has no synonym") as caught:
        load_synonyms(put(tmp_path, "# 环保\n扬尘,灰尘\n灰尘,\n"))
    assert "separated by commas" in caught.value.fix


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is missing, or in another encoding, is named with the setting to correct."""
    path = tmp_path / "synonyms.txt"
    for prepare in (lambda: None, lambda: path.write_bytes("扬尘,灰尘".encode("gb18030"))):
        prepare()
        with pytest.raises(ConfigurationError, match=r"synonyms\.txt") as caught:
            load_synonyms(path)
        assert "`synonyms` in waypost.toml" in caught.value.fix


# --- end to end ----------------------------------------------------------------------------------

INDEX = """
[[index]]
name = "{}"
layout = "{}"
sources = ["docs/*"]
embedding = "none"
"""
FILES = {
    "docs/dust.txt": "施工现场应当采取洒水降尘措施，扬尘不得超过限值。",
    "docs/drill.txt": "A tunnel boring machine advances twelve metres a day.",
    "docs/noise.txt": "夜间噪声不得超过五十五分贝。",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project with indexes that have synonyms, have none, or give them no weight."""
    folder = tmp_path_factory.mktemp("synonyms")
    config = '[project]\ndefault_access = "public"\n'
    for layout in ("flat", "hierarchical"):
        config += INDEX.format(f"{layout}-with", layout) + 'synonyms = "synonyms.txt"\n'
        config += INDEX.format(f"{layout}-without", layout)
    put(folder, "\n".join(",".join(group) for group in GROUPS))
    return write_project(folder, config, FILES)


@pytest.mark.parametrize("layout", ["flat", "hierarchical"])
@pytest.mark.parametrize(
    ("query", "document"),
    [("灰尘的治理", "docs/dust.txt"), ("盾构机", "docs/drill.txt"), ("TBM", "docs/drill.txt")],
)
async def test_synonyms_find_the_other_word(
    project: Path, layout: str, query: str, document: str
) -> None:
    """A question in one word finds the text that uses the other, even in another language."""
    async with ingested(project) as registry:
        assert await found(registry, query, index=f"{layout}-with") == {document}
        assert await found(registry, query, index=f"{layout}-without") == set()


async def test_the_asked_word_comes_first(tmp_path: Path) -> None:
    """A synonym weighs less than the word itself."""
    config = INDEX.format("a", "flat") + 'groups = ["*"]\nsynonyms = "synonyms.txt"\n'
    put(tmp_path, "扬尘,灰尘")
    files = {"docs/a.txt": "扬尘应当每日监测。", "docs/b.txt": "灰尘应当每日监测。"}
    async with ingested(write_project(tmp_path, config, files)) as registry:
        for query, document in (("扬尘", "docs/a.txt"), ("灰尘", "docs/b.txt")):
            first, second = await registry.search(query)
            assert first["document"] == document
            assert first["score"] > second["score"] > 0


async def test_changed_synonyms_hold_without_ingesting(tmp_path: Path) -> None:
    """They belong to the question, so that a new file holds as soon as the project is opened."""
    config = INDEX.format("a", "flat") + 'groups = ["*"]\nsynonyms = "synonyms.txt"\n'
    project = write_project(tmp_path, config, {**FILES, "synonyms.txt": "甲,乙"})
    async with ingested(project) as registry:
        assert await found(registry, "灰尘") == set()
    put(project, "扬尘,灰尘")
    async with Registry.open(project) as registry:
        assert await found(registry, "灰尘") == {"docs/dust.txt"}


async def test_project_with_a_missing_file_of_synonyms(project: Path, tmp_path: Path) -> None:
    """A setting that names no file is an error when the project is opened."""
    config = (project / "waypost.toml").read_text(encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"synonyms\.txt"):
        async with Registry.open(write_project(tmp_path, config, {})):
            pass


async def test_rewording_leaves_other_words_alone(tmp_path: Path) -> None:
    """A phrase is reworded where it is a word of its own, not inside others."""
    project = write_project(
        tmp_path,
        '[project]\ndefault_access = "public"\n[[index]]\nname = "notes"\nembedding = "none"\n'
        'sources = ["docs/*"]\nsynonyms = "synonyms.txt"\n',
        {
            "docs/a.md": "The elevator stops.\n\n扬尘须控制。",
            "synonyms.txt": "lift, elevator\n灰尘, 扬尘\n",
        },
    )
    async with ingested(project) as registry:
        said = await registry.reworded("Lift and lifting of uplift", principal=None)
        assert said == "elevator and lifting of uplift"
        assert await registry.reworded("灰尘怎么办", principal=None) == "扬尘怎么办"
        assert await registry.reworded("elevator", principal=None) == "elevator"

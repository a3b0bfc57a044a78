from __future__ import annotations

import pytest

from agent.routing import Standalone, standalone
from agent.tools import Tool
from tests.agent.followups import (
    CORE,
    CORE_SWITCHES,
    DOUBTFUL,
    HELD_OUT,
    HELD_OUT_SWITCHES,
    Conversation,
    conversations,
    slots_of,
    talked,
)

EVERY = CORE + CORE_SWITCHES + DOUBTFUL + HELD_OUT + HELD_OUT_SWITCHES


def named(conversation: Conversation) -> str:
    """Return what a test of a conversation is called."""
    return " > ".join(conversation.turns)


@pytest.mark.parametrize("talk", conversations(CORE), ids=named)
def test_follow_ups_stand_alone(tools: dict[str, Tool], talk: Conversation) -> None:
    """A follow-up says by itself what it meant in its conversation, and nothing that it did not."""
    assert talk.accepts(talked(talk.turns, slots_of(tools)).text)


@pytest.mark.parametrize("talk", conversations(CORE_SWITCHES), ids=named)
def test_new_topics_stay_as_they_are(tools: dict[str, Tool], talk: Conversation) -> None:
    """A complete question is not dragged back to what was talked about."""
    assert talked(talk.turns, slots_of(tools)).text == talk.turns[-1]


@pytest.mark.parametrize("talk", conversations(DOUBTFUL), ids=named)
def test_doubtful_questions_keep_both_readings(tools: dict[str, Tool], talk: Conversation) -> None:
    """What may be either has the question as asked and the follow-up, for the documents to decide."""
    found = talked(talk.turns, slots_of(tools))
    readings = {found.text, found.alternative or ""}
    assert talk.turns[-1] in readings
    assert any(talk.accepts(reading) for reading in readings)


@pytest.mark.parametrize("talk", conversations(EVERY), ids=named)
def test_topics_are_parts_of_questions(tools: dict[str, Tool], talk: Conversation) -> None:
    """Each turn's topic stands in its question, so that the next turn can build on it."""
    last = Standalone("", "")
    for turn in talk.turns:
        last = standalone(turn, last.text or None, slots_of(tools), last.topic)
        assert last.topic in last.text


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (
            (
                "东站项目的环保措施有哪些？",
                "那费用呢？",
                "那工期呢？",
                "那风险呢？",
                "那责任人呢？",
            ),
            "东站项目的环保措施的责任人",
        ),
        (
            (
                "What are the side effects of aspirin?",
                "and the price?",
                "and the dosage?",
                "and the risks?",
            ),
            "the risks of aspirin",
        ),
    ],
)
def test_chains_do_not_pile_up(
    tools: dict[str, Tool], turns: tuple[str, ...], expected: str
) -> None:
    """However many aspects are asked for, each is asked of the topic alone."""
    assert talked(turns, slots_of(tools)).text == expected


def test_a_topic_of_another_question_is_not_used(tools: dict[str, Tool]) -> None:
    """A topic that the question before does not have, such as one read otherwise, is worked out anew."""
    found = standalone("那费用呢？", "公积金怎么提取？", slots_of(tools), topic="信用卡")
    assert (found.text, found.topic) == ("公积金的费用", "公积金")


@pytest.mark.parametrize(
    "question",
    ["?", "？？", "呢", "那", "and", "的", "🙂", "...", "《", "第条", "a" * 3000, "那" * 500],
)
@pytest.mark.parametrize(
    "previous", ["?", "呢", "东站项目的环保措施有哪些？", "Who pays?", "🙂", "《》", "b " * 1500]
)
def test_odd_texts_are_survived(tools: dict[str, Tool], question: str, previous: str) -> None:
    """Any text can follow any other."""
    found = standalone(question, previous, slots_of(tools))
    assert found.topic in found.text

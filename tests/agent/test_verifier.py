from __future__ import annotations

import time

import pytest

from agent.answering.types import Source
from agent.answering.verification.claims import Claim, split
from agent.answering.verification.verifier import Checked, Verifier, verdict
from indexes.text import language
from tests.agent.verification_cases import FRESH, GROUPS, LATER, Group
from tests.agent.verification_fourth import DELTA, EPSILON, ETA, IOTA, THETA, ZETA
from tests.agent.verification_more import BLIND, FIFTH, FOURTH, SECOND, THIRD
from tests.agent.verification_third import AGAIN, END, FIRST, LAST

HARD = {"marker", "number", "date", "name", "quote"}
NAMED = {"number", "marker", "quote"}  # kinds of wrong sentences that the bar names
MOVED = {"moved", "polarity"}  # wrong in words that the passage has
ANY = {"zh": "资料里是怎么说的？", "en": "What do the sources say?"}


def sources(group: Group) -> list[Source]:
    """Return a group's passages as numbered sources."""
    return [
        Source(number, text, title, "manual", title, uri, {})
        for number, (title, text, uri) in enumerate(group.sources, 1)
    ]


def checked(group: Group, reply: str) -> list[Checked]:
    """Return the claims of a reply about a group's passages, checked."""
    question = group.question
    if language(reply) != language(question):
        question = ANY[language(reply)]  # answers are in the language of their question
    verifier = Verifier(sources(group), question)
    return [verifier.check(claim) for claim in split(reply)]


def caught(found: list[Checked], expected: str) -> bool:
    """Say whether a bad sentence has a problem, or got the marker that it should have."""
    mended = [f"->{n}" for one in found for n in one.markers] == [expected]
    return mended or any(one.problems for one in found)


SCHOOL = Verifier(
    [
        Source(1, "学校图书馆周一至周五8:00-21:30开放。每人最多借8本，借期30天，逾期每天0.2元。校外人员不得借阅。",
               "图书馆规则", "rules", "library.md", "https://school.example/library", {}),
        Source(2, "The sports hall opens at 7 a.m. A day pass costs EUR 12.50. Lockers may be rented for 6 months.",
               "Sports hall", "rules", "sports.md", "", {}),
    ],
    "图书馆能借几本书？",
)  # fmt: skip


def one(text: str) -> Checked:
    """Check a sentence about the school."""
    return SCHOOL.check(Claim(text, "sentence"))


@pytest.mark.parametrize("groups", [GROUPS, FRESH + LATER])
def test_nearly_every_wrong_sentence_is_caught(groups: tuple[Group, ...]) -> None:
    """At most two in a hundred get through (of the smaller set, which was written later, one in twenty)."""
    bad = [(group, text, what) for group in groups for text, what in group.bad]
    missed = [text for group, text, what in bad if not caught(checked(group, text), what)]
    assert len(missed) <= len(bad) * (0.02 if groups is GROUPS else 0.05), missed


@pytest.mark.parametrize("groups", [GROUPS, FRESH + LATER])
def test_hardly_a_right_sentence_is_flagged(groups: tuple[Group, ...]) -> None:
    """At most two faithful sentences in a hundred have a figure, name, quotation or marker refused."""
    good = [(group, text) for group in groups for text in group.good]
    flagged = [
        text for group, text in good if any(HARD & set(c.problems) for c in checked(group, text))
    ]
    assert len(flagged) <= 0.02 * len(good), flagged


@pytest.mark.parametrize("groups", [BLIND, SECOND + THIRD + FOURTH + FIFTH])
def test_what_another_author_got_wrong_is_caught(groups: tuple[Group, ...]) -> None:
    """Of invented numbers, markers and quotations none gets through, of all kinds six in a hundred.

    A regression limit: what was caught at first sight is told where the sentences are.
    """
    bad = [(group, text, what) for group in groups for text, what in group.bad]
    missed = [(what, text) for group, text, what in bad if not caught(checked(group, text), what)]
    assert not [text for what, text in missed if what in NAMED]
    assert len(missed) <= len(bad) * 0.06, missed


def test_what_a_third_author_made_up_is_caught() -> None:
    """Of invented numbers, markers and quotations at most one in a hundred gets through."""
    bad = [(group, text, what) for group in FIRST + AGAIN + LAST + END for text, what in group.bad]
    missed = [text for group, text, what in bad if not caught(checked(group, text), what)]
    assert len(missed) <= len(bad) * 0.01, missed


@pytest.mark.parametrize(("groups", "share"), [(FIRST, 0.05), (AGAIN, 0.06), (LAST + END, 0.07)])
def test_what_a_third_author_got_right_is_mostly_left_alone(
    groups: tuple[Group, ...], share: float
) -> None:
    """Paraphrases and what is reckoned from the sources pass; a regression limit, first figures are told there."""
    good = [(group, text) for group in groups for text in group.good]
    flagged = [
        text
        for group, text in good
        if any({"link", "marker"} < {"link", "marker", *c.problems} for c in checked(group, text))
    ]
    assert len(flagged) <= share * len(good), flagged


@pytest.mark.parametrize("groups", [DELTA, EPSILON + ZETA, ETA + THETA + IOTA])
def test_what_a_fourth_author_made_up_is_caught(groups: tuple[Group, ...]) -> None:
    """Of what stands in no source four in a hundred get through at most, of what is moved or turned round half.

    A regression limit: what was caught at first sight is told where the sentences are.
    """
    bad = [(group, text, what) for group in groups for text, what in group.bad]
    missed = [(what, text) for group, text, what in bad if not caught(checked(group, text), what)]
    for some in (MOVED, {what for _, _, what in bad} - MOVED):
        those = [text for what, text in missed if what in some]
        share = 0.6 if some is MOVED else 0.04
        assert len(those) <= share * sum(what in some for _, _, what in bad), those


@pytest.mark.parametrize("groups", [DELTA, EPSILON + ZETA, ETA + THETA + IOTA])
def test_what_a_fourth_author_got_right_is_left_alone(groups: tuple[Group, ...]) -> None:
    """At most 2.5 faithful sentences in a hundred have any problem; a regression limit."""
    good = [(group, text) for group in groups for text in group.good]
    flagged = [text for group, text in good if any(c.problems for c in checked(group, text))]
    assert len(flagged) <= 0.025 * len(good), flagged


@pytest.mark.parametrize(
    ("said", "source", "problem"),
    [
        ("营业厅电话（025-6612-0937）[1]。", "营业厅电话 025-6612-0937", None),
        ("5号塔吊停用[1]。", "5#塔吊停用，3#楼封顶", None),
        ("3号塔吊停用[1]。", "5#塔吊停用，3#楼封顶", "name"),
        ("净水流量1.6L/h[1]。", "净水流量1.6L/min", "number"),
        ("双向八车道[1]。", "大桥为双向六车道", "number"),
        ("林晓燕负责联调[1]。", "林晓琳负责联调", "name"),
        ("会议由陶然主持，蒋博因事缺席[1]。", "主持：陶然。缺席：蒋博（出差）", None),
        ("工单量环比上升18%[1]。", "工单量环比下降18%", "unsupported"),
        ("试用期员工享受年休假[1]。", "试用期员工不享受年休假", "unsupported"),
        ("Deloitte audited the accounts [1].", "The accounts were audited by Harper LLP.", "name"),
        ("The tour starts on Tuesday [1].", "The tour starts on Thursday.", "name"),
        ("It starts at 8:30 pm [1].", "It starts at 8.30 p.m.", None),
        ("Long-haul closes 60 minutes before [1].", "Closes 45 minutes before (long-haul: 60).", None),
        ("The alcohol is reimbursed [1].", "Alcohol is not reimbursed.", "unsupported"),
        ("It waits `2 * 2**n` seconds [1].", "The delay is `2 * 2**n` seconds.", None),
        ("Four conditions apply [1].", "The conditions apply: 1. be 18; 2. live here; 3. pay; 4. wait.", None),
    ],
)  # fmt: skip
def test_a_fact_is_known_in_another_form_only(said: str, source: str, problem: str | None) -> None:
    """Other forms of a figure, name or code stand; another figure, name, code or the reverse does not."""
    verifier = Verifier([Source(1, source, "", "docs", "a.md", "", {})], "?")
    found = [each for claim in split(said) for each in verifier.check(claim).problems]
    assert (problem in found) if problem else not found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Two day passes cost EUR 25 in total, that is 2 × 12.50 = 25 [2].", False),
        ("Two day passes cost EUR 27 in total, that is 2 × 12.50 = 27 [2].", True),
        ("每人最多借8本，借期30天（一个月）[1]。", False),
        ("每人最多借8本，比去年多3本[1]。", True),
        ("晚上9点半闭馆，全天开放13.5小时[1]。", True),
        ("从8:00到21:30，全程13.5小时[1]。", False),
    ],
)
def test_what_is_reckoned_must_come_out(text: str, wrong: bool) -> None:
    """A figure that its sentence announces as reckoned is right if it follows, else invented."""
    assert any("number" in c.problems for c in map(SCHOOL.check, split(text))) is wrong


def test_what_another_author_got_right_is_left_alone() -> None:
    """At most two faithful sentences in a hundred have any problem, unsupported and uncited ones included."""
    good = [
        (group, text) for group in BLIND + SECOND + THIRD + FOURTH + FIFTH for text in group.good
    ]
    flagged = [text for group, text in good if any(c.problems for c in checked(group, text))]
    assert len(flagged) <= 0.02 * len(good), flagged


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("TC-1 lifts 8 t, TC-2 lifts 10 t [1].", None),
        ("TC-1 lifts 10 t [1].", "number"),
        ("TC-1 lifts 10 t, TC-2 lifts 8 t [1].", "number"),
        ("Two cranes are listed [1].", None),
        ("Sand costs GBP 45 thousand and gravel GBP 30 thousand [1].", None),
        ("Sand costs GBP 30 thousand [1].", "number"),
        ("Retention is 5% and the advance 20% [1].", None),
        ("The advance is 5% [1].", "number"),
        ("Together retention and advance are 25%: 5% and 20% [1].", None),
        ("The advance was audited by Deloitte [1].", "name"),
    ],
)
def test_a_figure_belongs_to_its_row_and_clause(text: str, problem: str | None) -> None:
    """What a row, a record or a parallel clause gives for one thing is wrong for the next."""
    text_of = (
        "Retention is 5%, the advance is 20%. Ernst audited the pass.\n"
        "Crane | Load\nTC-1 | 8 t\nTC-2 | 10 t\n\n"
        "Material: Sand; Price (GBP k): 45\nMaterial: Gravel; Price (GBP k): 30\n"
    )
    site = Verifier(
        [Source(1, text_of, "Site", "docs", "site.md", "", {})], "What does the site say?"
    )
    found = site.check(Claim(text, "sentence")).problems
    assert problem in found if problem else not found


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_right_sentences_keep_their_markers(group: Group) -> None:
    """A faithful sentence cites what it cited before."""
    for text in group.good:
        for before, after in zip(split(text), checked(group, text), strict=True):
            assert set(after.markers) >= {n for n in (1, 2, 3) if f"[{n}]" in before.text}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("每人最多借8本【1】。", "每人最多借8本[1]。"),
        ("每人最多借8本［1］[7]。", "每人最多借8本[1]。"),
        ("A day pass costs EUR 12.50 [1].", "A day pass costs EUR 12.50 [2]."),
        ("每人最多借8本，借期30天。", "每人最多借8本，借期30天[1]。"),
        ("A day pass costs EUR 12.50.\n", "A day pass costs EUR 12.50 [2].\n"),
        ("见[规则](http://evil.example/a)，最多借8本[1]。", "见规则，最多借8本[1]。"),
        ("最多借8本[1]![x](http://evil.example/p.png)", "最多借8本[1]"),
        (
            "见[规则](https://school.example/library)，最多借8本[1]。",
            "见[规则](https://school.example/library)，最多借8本[1]。",
        ),
    ],
)
def test_markers_and_links_are_put_right(text: str, expected: str) -> None:
    """Markers take one form and the right source, links that no source has lose their address."""
    assert one(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "根据以上资料，回答如下：",
        "资料中没有提到寒假的开放时间。",
        "The sources do not state the fee.",
        "希望对您有帮助！",
        "## 借书规则\n",
    ],
)
def test_what_claims_nothing_needs_no_marker(text: str) -> None:
    """Transitions, courtesies and honest gaps are no claims."""
    found = [SCHOOL.check(claim) for claim in split(text)]
    assert not any(check.claims or check.problems for check in found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("借期45天：\n", "number"),
        ("资料中没有提到押金，但通常为300元。", "number"),
        ("## 每人可借20本\n", "number"),
        ("Parking is free for members.", "uncited"),
        ("校外人员可以借阅[1]。", "unsupported"),
        ("逾期每天最少0.2元，一共6.2元[1]。", "number"),
    ],
)
def test_what_is_wrong_is_found_wherever_it_stands(text: str, problem: str) -> None:
    """Headings, lead-ins, honest sentences with an extra, sums and reversals are checked too."""
    found = [SCHOOL.check(claim) for claim in split(text)]
    assert problem in {each for check in found for each in check.problems}


def test_a_quotation_is_the_stretch_that_supports_its_claims() -> None:
    """The quotation stands in the source at its offset, and leaves out what nothing cites."""
    quotation = SCHOOL.quote(2, [one("A day pass costs EUR 12.50 [2].")])
    assert quotation is not None
    assert quotation.text == "A day pass costs EUR 12.50."
    assert quotation.offset == len("The sports hall opens at 7 a.m. ")


def test_an_answer_is_grounded_without_problems_only() -> None:
    """One unsupported sentence makes the answer ungrounded until it is dropped."""
    good, bad = one("每人最多借8本[1]。"), one("每人最多借20本[1]。")
    assert verdict([good]).grounded
    assert not verdict([good, bad]).grounded
    assert verdict([good, bad]).supported == 0.5
    assert not verdict([one("希望对您有帮助！")]).grounded
    assert verdict([]).confidence == 0.0


def test_a_usual_answer_takes_milliseconds() -> None:
    """Eight sentences and six sources, the sources' preparation included, take a few milliseconds."""
    group = GROUPS[0]
    six = sources(group) + [
        Source(number, source.text, source.title, "x", source.document, "", {})
        for number, source in enumerate(sources(GROUPS[1]), 4)
    ]
    claims = [claim for text in group.good[:8] for claim in split(text)]
    spent = []
    for _ in range(5):
        verifier = Verifier(six, group.question)
        started = time.process_time()
        found = [verifier.check(claim) for claim in claims]
        verifier.quote(1, found)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.02  # 0.004 to 0.01 on an idle core


@pytest.mark.parametrize("sign", ["x[1]", "[", "1", "1,", "“", "**a", "[a](", "一十", "Aa ", "a-"])
def test_hostile_replies_take_linear_time(sign: str) -> None:
    """A reply of 60 kB made of brackets, markers or digits is checked within seconds."""
    started = time.process_time()
    for claim in split(sign * (60_000 // len(sign))):
        SCHOOL.check(claim)
    assert time.process_time() - started < 5

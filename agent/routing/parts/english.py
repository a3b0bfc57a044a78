"""Comparisons and lists in English questions."""

from __future__ import annotations

import re

from agent.routing.followup import FindSlots
from agent.routing.parts.kinds import MOST, PERIOD, alike, head_kind, same_kind, tail_kind

__all__ = ["split_english"]

_POLITE = re.compile(
    r"^(?:(?:please|can you|could you|would you|i (?:want|need|would like|'d like) to (?:know|see)|tell me|show me|give me|explain|describe)\b[\s,]*)+",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"(?:if|when|while|unless|because|although|once|after|before|since)\b", re.IGNORECASE
)
_ABOUT = (
    r"(?:in terms of|with (?:respect|regard) to|regarding|as regards|concerning|when it comes to)"
)
_COMPARE = re.compile(
    r"^(?:what (?:is|would be) )?(?:a |the )?(?:compare|contrast|comparison of|comparison between)(?: and contrast)?\s+(?P<body>.+)$",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(
    r"^(?:what(?:['’]s| is| are| was| were)?|(?:is|are) there|any|an?|the|main|key|biggest|\s)*(?:differences?|distinctions?)\s+(?:in (?P<of>.+?) )?between\s+(?P<body>.+)$",
    re.IGNORECASE,
)
_DIFFER = re.compile(
    r"^how (?:do|does|did|is|are)\s+(?P<a>.+?)\s+(?:differ|different|compare|compared)\s+(?:from|to|with|against)\s+(?P<b>.+?)(?:\s+(?:in|on|"
    + _ABOUT
    + r")\s+(?P<of>[^,]+))?$",
    re.IGNORECASE,
)
_DIFFER_BOTH = re.compile(
    rf"^how (?:do|does|did|are)\s+(?P<body>.+?\s+and\s+.+?)\s+(?:differ|different|compare)(?:\s+(?:in|on|{_ABOUT})\s+(?P<of>.+))?$",
    re.IGNORECASE,
)
_TERMS = re.compile(rf"^(?P<body>.+?)\s+(?:{_ABOUT})\s+(?P<of>.+)$", re.IGNORECASE)
_IN = re.compile(
    r"^(?P<body>.+?\s+(?:and|with|to|vs\.?|versus)\s+.+?)\s+in\s+(?P<of>[a-z][\w\s-]*)$"
)
_VERSUS = re.compile(r"\s+(?:vs\.?|versus)\s+", re.IGNORECASE)
_WHICH_LAST = re.compile(
    r"^(?P<a>(?:between|of)\s+.+?(?=\s+and\s)|.+?(?=\s+(?:vs\.?|versus|or)\s))\s+(?:vs\.?|versus|or|and)\s+(?P<b>.+?)\s*[,:?;-]\s*(?:which|who|what)(?: one)?\s+(?P<told>.+)$",
    re.IGNORECASE,
)
_WHICH_FIRST = re.compile(
    r"^(?:which|who|what)(?: one)?\s+(?P<told>(?:is|are|was|has|have|had|offers?|gives?|costs?|lasts?|runs?|needs?|takes?)\b.+?)\s*[,:;-]\s*(?P<a>.+?)\s+or\s+(?P<b>.+)$",
    re.IGNORECASE,
)
_THAN = re.compile(
    r"^(?:is|are|was|were|do|does|did|has|have|can|will|how much)\s+(?:is |are |was |were |does |do |did )?(?P<a>.+?)\s+(?P<told>(?:have |has |offer |need |take |cost |last |get |give |pay |allow |require )?(?:an? |any )?(?:much |far )?(?:(?:more|less|fewer)(?: [\w-]+)?|[a-z]{2,}er|worse)\b[\w\s-]*?)\s+than\s+(?P<b>.+)$"
    r"|^(?:is|are|was|were|do|does|did|has|have)\s+(?P<a2>.+?)\s+(?:(?:have|has) )?the same(?P<told2>(?: [\w-]+){0,3}?)\s+as\s+(?P<b2>.+)$",
    re.IGNORECASE,
)
_EACH = re.compile(r",?\s*\b(?:respectively|each)$|\b(?:each of|both of|both)\s+", re.IGNORECASE)
_CHANGE = re.compile(
    r"\b(?:chang(?:e[ds]?|ing)|gr(?:ow|ew|own|owth)|increas\w*|decreas\w*|r(?:ise|ose)|fall|fell|drop\w*|develop\w*|evolv\w*|trends?|improv\w*|compar\w*|higher|lower|differ\w*)\b",
    re.IGNORECASE,
)
_YEARS = re.compile(
    rf"\b(?:(?:from|between|in|for|of)\s+)?(?P<a>{PERIOD})\s*(?:to|and|with|vs\.?|versus|compared (?:to|with)|over|until|through|-|–|than(?: in)?)\s*(?:in\s+)?(?P<b>{PERIOD})(?![\w-])"
)
_GROW = re.compile(
    r"^(?:how (?:much |far |many )?(?:did|has|have|does|do|is|was|were)|by how much did|what (?:is|was|were|are)|did|has|have|was|were|is)\s+|\s*\b(?:the )?(?:chang(?:e[ds]?|ing)|gr(?:ow|ew|own|owth)|increased?|decreased?|rise|rose|risen|fall|fell|fallen|drop(?:ped)?|developed?|evolved?|improved?|compared?|higher|lower|differ(?:ent|ence)?|trend)\b(?:\s+(?:in|of)\b)?",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(
    r"\b(?:of|for|in|at|on|to|with|by|from|under|between|about|does|do|did|is|are|was|were|can|could|should|must|will|has|have|what|which)\s+",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"\s+(?:of|for|in|at|on|under|during|when|with|by|from|if|is|are|was|were|have|has|do|does|cost|need|must|can|should|differ)\b|[,;:?]",
    re.IGNORECASE,
)
_JOIN = re.compile(r",?\s+and\s+|\s+vs\.?\s+|\s+versus\s+", re.IGNORECASE)
_JOIN_COMPARED = re.compile(
    r",?\s+and\s+|\s+vs\.?\s+|\s+versus\s+|\s+(?:with|to|against)\s+", re.IGNORECASE
)
_TOGETHER = re.compile(
    r"\b(?:between|together|combined|total|sum|altogether|relationship|interface|jointly|both .+ at (?:once|the same time)|agreement)\b",
    re.IGNORECASE,
)
_PROPER = re.compile(
    r"(?:the )?[A-Z][\w&.'-]*(?: (?:[A-Z0-9][\w&.'-]*|of|the|de|station|project))*"
)
_THAT_OF = re.compile(r"^(?:that|those|the ones?)\s+(?:of|for|in|at)\s+", re.IGNORECASE)
_POSSESSIVE = re.compile(
    r"^(?P<a>.+?)['’]s\s+(?P<of>.+?)\s+(?:and|with|to|against|vs\.?|versus|from|than)\s+(?P<b>.+?)['’]s(?:\s+(?P<of2>.+))?$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)
_NOUNS = {
    "price": "cheaper cheapest expensive pricier costs cost dearer",
    "speed": "faster fastest slower quicker",
    "size": "larger bigger smaller largest",
    "weight": "heavier lighter",
    "length": "longer shorter",
    "requirements": "stricter strictest stringent",
    "safety": "safer",
    "capacity": "capacity",
}
_NOUN_OF = {word: noun for noun, words in _NOUNS.items() for word in words.split()}
_TOLD = re.compile(
    r"^(?:is|are|was|has|have|had|offers?|gives?|costs?|lasts?|needs?|need|takes?|take|get|pay|allow|requires?)\b\s*|\b(?:the|an?|any|much|far|more|most|less|least|fewer|better|best|worse|worst|higher|highest|lower|lowest|greater|longer|longest|shorter|shortest|larger|largest|bigger|smaller|stricter|earlier|later)\b\s*",
    re.IGNORECASE,
)


def split_english(text: str, find_slots: FindSlots) -> list[str]:
    """Return what an English question asks of each of several things; nothing if it is one.

    Args:
        text: a single question.
        find_slots: finds the values of tools' arguments.
    """
    text = _POLITE.sub("", text.strip()).rstrip(" ?.!")
    if _CONDITION.match(text):
        return []
    for reading in (_differing, _changed, _which, _than, _compared, _each):
        found = reading(text, find_slots)
        if found:
            return found
    return []


def _changed(text: str, find_slots: FindSlots) -> list[str]:
    """How did revenue change from 2021 to 2023: of each of the two years."""
    match = _YEARS.search(text)
    if match is None or not _CHANGE.search(text):
        return []
    about = _GROW.sub(" ", text[: match.start()] + " " + text[match.end() :])
    about = re.sub(r"\s+(?:in|of|for|from|between|is|was|the)*\s*$", "", " ".join(about.split()))
    about = re.sub(r"^(?:the|in|of|and)\s+", "", about)
    return [f"{about} in {match['a']}", f"{about} in {match['b']}"] if about else []


def _which(text: str, find_slots: FindSlots) -> list[str]:
    """X vs Y: which is cheaper; which has the longer warranty, X or Y."""
    match = _WHICH_LAST.match(text) or _WHICH_FIRST.match(text)
    if match is None or "," in match["a"]:
        return []
    first = re.sub(r"^(?:between|of)\s+", "", match["a"], flags=re.IGNORECASE)
    return _of_each(_told(match["told"]), [first, match["b"]])


def _told(text: str) -> str:
    """Return what a comparison is about: price of "is cheaper", warranty of "has the longer warranty"."""
    word = text.split()[-1].lower()
    if word in _NOUN_OF:
        return _NOUN_OF[word]
    left = " ".join(_TOLD.sub("", text).split())
    return (
        left if left and not re.fullmatch(r"\w+er|\w+est|better|best|right|suitable", left) else ""
    )


def _of_each(about: str, members: list[str]) -> list[str]:
    members = _bounded(members)
    return [f"{about} of {member}" if about else member for member in members]


def _than(text: str, find_slots: FindSlots) -> list[str]:
    """Is the warranty of X longer than that of Y: only where the two are clearly of one kind."""
    match = _THAN.match(text)
    if match is None:
        return []
    left = match["a"] or match["a2"]
    told = match["told"] or match["told2"] or ""
    right = match["b"] or match["b2"]
    that = _THAT_OF.match(right)
    right = right[that.end() :] if that else re.sub(r"^(?:in|for|at|of|on)\s+", "", right)
    places = list(_BOUNDARY.finditer(left))
    cut = places[-1].end() if places else 0
    thing = left[cut:]
    if not (that and cut) and not _parallel(thing, right, find_slots):
        return []
    if cut:
        return [left, left[:cut] + right]
    return _of_each(_told(told) if told.strip() else "", [thing, right])


def _parallel(first: str, second: str, find_slots: FindSlots) -> bool:
    if same_kind(first, second, find_slots):
        return True
    proper = _PROPER.fullmatch(first) and _PROPER.fullmatch(second)
    return bool(proper) or (alike(first, second) and len(second.split()) <= 5)


def _differing(text: str, find_slots: FindSlots) -> list[str]:
    """What is the difference between X and Y in terms of Z; how does X differ from Y."""
    match = _DIFFER.match(text)
    if match:
        return _of_pair(match["a"], match["b"], match["of"] or "")
    match = _DIFFERENCE.match(text) or _DIFFER_BOTH.match(text)
    if match is None:
        return []
    body, of = match["body"], match["of"] or ""
    terms = _TERMS.match(body) or _IN.match(body)
    if terms and not of:
        body, of = terms["body"], terms["of"]
    possessive = _POSSESSIVE.match(body)
    if possessive:
        return _possessed(possessive)
    members = _listed(body, find_slots, _JOIN, known=True) or _members(body, _JOIN)
    if not of and not any(_BOUNDARY.search(member) for member in members):
        return [f"what is {member}" for member in _bounded(members)]
    return _of_pair(members[0], members[1], of) if len(members) == 2 else _of_each(of, members)


def _possessed(match: re.Match[str]) -> list[str]:
    of = match["of"]
    return [f"{match['a']}'s {of}", f"{match['b']}'s {match['of2'] or of}"]


def _of_pair(first: str, second: str, of: str) -> list[str]:
    """Return two things, the second of which may leave out what is asked of it: that of Y, Y's."""
    possessive = re.match(r"(?P<a>.+?)['’]s\s+(?P<of>.+)$", first)
    other = re.match(r"(?P<b>.+?)['’]s$", second)
    if possessive and other:
        return [first, f"{other['b']}'s {possessive['of']}"]
    that = _THAT_OF.match(second)
    places = list(_BOUNDARY.finditer(first))
    if that and places:
        return [first, first[: places[-1].end()] + second[that.end() :]]
    if places and not of and not _BOUNDARY.search(second):
        return [first, first[: places[-1].end()] + second]
    return _of_each(of.removeprefix("the "), [first, second])


def _members(body: str, join: re.Pattern[str]) -> list[str]:
    """Return the members of a text that is nothing but a list."""
    pieces = join.split(body)
    return [one.strip() for piece in pieces for one in piece.split(", ") if one.strip()]


def _compared(text: str, find_slots: FindSlots) -> list[str]:
    """Compare the warranty of X and Y; compare X with Y; X vs Y warranty."""
    match = _COMPARE.match(text)
    if match is None:
        versus = _VERSUS.search(text)
        return _listed(text, find_slots, _VERSUS) if versus else []
    body, of = match["body"], ""
    terms = _TERMS.match(body)
    if terms:
        body, of = terms["body"], terms["of"]
    possessive = _POSSESSIVE.match(body)
    if possessive:
        return _possessed(possessive)
    if of:
        return _of_each(of.removeprefix("the "), _members(body, _JOIN_COMPARED))
    return _listed(body, find_slots, _JOIN_COMPARED)


def _each(text: str, find_slots: FindSlots) -> list[str]:
    """What are the fees of X and Y respectively; what is the warranty of TX-200A and TX-200B."""
    marked = _EACH.search(text)
    if marked:
        body = " ".join(_EACH.sub(" ", text).split())
        return _listed(body, find_slots, _JOIN)
    if _TOGETHER.search(text):
        return []
    return _listed(text, find_slots, _JOIN, known=True)


def _listed(
    text: str, find_slots: FindSlots, join: re.Pattern[str], *, known: bool = False
) -> list[str]:
    """Return a text with one member of its list after the other.

    Args:
        text: a question or a noun phrase with a list in it.
        find_slots: finds the values of tools' arguments.
        join: what joins the last two members.
        known: split only what is known to be of one kind.
    """
    joins = list(join.finditer(text))
    for match in joins:
        tail = tail_kind(text[: match.start()], find_slots)
        article = _ARTICLE.match(text, match.end())
        start = article.end() if article else match.end()
        front = head_kind(text[start:], find_slots)
        if tail and front and tail[0] == front[0]:
            before, first = text[: tail[1]], text[tail[1] : match.start()]
            end = start + front[1]
            earlier = _earlier(before)
            before = before[: len(before) - len(earlier[1])]
            members = [*earlier[0], first, text[start:end]]
            return _filled(before, members, text[end:])
    if known or not joins:
        return []
    match = joins[0]
    return _by_words(text[: match.start()], text[match.end() :])


def _earlier(before: str) -> tuple[list[str], str]:
    """Return the members of a list that stand before its last two, and how they stand there."""
    match = re.search(r"(?:[\w./-]+(?: [\w./-]+)?,\s+)+$", before)
    if match is None:
        return [], ""
    text = match.group()
    places = list(_BOUNDARY.finditer(text))
    text = text[places[-1].end() :] if places else text
    return [one for one in re.split(r",\s+", text) if one], text


def _filled(before: str, members: list[str], after: str) -> list[str]:
    return [" ".join(f"{before}{member}{after}".split()) for member in _bounded(members)]


def _bounded(members: list[str]) -> list[str]:
    """Return as many members as parts may be; the last has the rest."""
    if len(members) <= MOST:
        return members
    return [*members[: MOST - 1], " and ".join(members[MOST - 1 :])]


def _by_words(left: str, right: str) -> list[str]:
    """Find where a list begins and ends by the words around it."""
    places = list(_BOUNDARY.finditer(left))
    cut = places[-1].end() if places else 0
    before, listed = left[:cut], left[cut:]
    earlier = [one for one in listed.split(", ") if one]
    that = _THAT_OF.match(right)
    if that:
        return [left, before + right[that.end() :]] if cut else []
    stop = _STOP.search(right)
    last, after = (right[: stop.start()], right[stop.start() :]) if stop else (right, "")
    if stop and cut and stop.group().strip() == left[places[-1].start() : cut].strip():
        return [left, right]  # the warranty of X and the price of Y
    words, others = earlier[-1].split(), last.split()
    article = others[0].lower() in {"the", "a", "an"}
    size = len(words) - (words[0].lower() in {"the", "a", "an"}) + article
    if 0 < size < len(others) and (size == 1 or _PROPER.fullmatch(earlier[-1])):
        after = f" {' '.join(others[size:])}{after}"
        last = " ".join(others[:size])
    return _filled(before, [*earlier, last], after)

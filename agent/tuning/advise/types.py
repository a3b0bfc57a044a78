"""What an advice is made from and what it says: plain data, as it is written to JSON."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

__all__ = [
    "Advice",
    "Basis",
    "Cause",
    "Cluster",
    "Criterion",
    "Deployment",
    "DocumentFacts",
    "Effort",
    "Facts",
    "Finding",
    "FormFacts",
    "IndexFacts",
    "LabelFacts",
    "Language",
    "LoadFacts",
    "Miss",
    "Profile",
    "Recommendation",
    "Remedy",
    "Share",
    "Side",
    "ToolFacts",
    "Tuning",
    "TurnFacts",
    "Verdict",
]

Language = Literal["zh", "en"]
Basis = Literal["questions", "turns", "documents"]
Effort = Literal["minutes", "hours", "days"]
Side = Literal["prompts", "tuning"]
Verdict = Literal["limited", "nothing", "too_few"]
Cause = Literal[
    "not_ingested", "unreadable", "no_documents", "unknown_document", "access", "rule", "none", "routing", "untaught",
    "costs", "search_settings", "synonyms", "terminology", "ranking", "evidence", "follow_up",
    "tool_choice", "tool_arguments", "tool_failure", "answered_anyway", "answer", "format", "style",
    "latency", "cost", "missing_knowledge", "outdated", "labels",
]  # fmt: skip
Remedy = Literal[
    "ingest", "mend_files", "add_documents", "check_labels", "grant", "mend_rule", "descriptions",
    "examples", "none_examples", "tune_router", "threshold", "reset_costs", "reset_search", "reset_ingest", "mend_none",
    "use_synonyms", "write_synonyms", "chunks", "evidence", "rewriter", "describe_tool", "arguments",
    "mend_tool", "chat_model", "few_shot", "answer_format", "fresh", "faster_model", "faster_tool",
    "faster_search", "fewer_calls", "keep_traces", "lora", "hosted", "distill", "label", "nothing",
    "start", "private_model",
]  # fmt: skip


class Share(TypedDict):
    """`count` of `of`, with Wilson's interval of 95% for the share."""

    count: int
    of: int
    low: float
    high: float


class Miss(TypedDict):
    """A labelled question that did not come out as labelled, and the one cause it is put down to.

    `where` is the index or tool that it belongs to, `instead` what it went to ("" if nowhere), and
    `terms` are its words that its index does not have. `setting` names what mended it in a trial.
    """

    id: str
    cause: Cause
    where: str
    instead: str
    terms: list[str]
    setting: str


class LabelFacts(TypedDict):
    """What labelled questions show; `targets` counts those that belong to each index and tool.

    `formed` are answers that had a schema to fill, `unfilled` those with something missing.
    """

    questions: int
    targets: dict[str, int]
    formed: int
    unfilled: int
    misses: list[Miss]


class IndexFacts(TypedDict):
    """An index: `phrases` of its description, and whose documents fit that better ("" if none do).

    `odd` are keys that say how its documents are cut and embedded, where they are not at their defaults.
    """

    name: str
    phrases: int
    fits_better: str
    examples: int
    documents: int
    odd: list[str]


class ToolFacts(TypedDict):
    """A tool of the project: `terms` is how many words its description has that say something."""

    name: str
    terms: int
    examples: int


class DocumentFacts(TypedDict):
    """The documents: `failed` could not be read, `waiting` are new or changed and not ingested.

    `changing` are those whose content changed about weekly or more often since they came, `days` is
    since when that is known (0: not at all), and `fresh` are the indexes that [fresh] names.
    """

    total: int
    failed: list[str]
    waiting: list[str]
    changing: int
    changes: int
    days: float
    fresh: list[str]


class Cluster(TypedDict):
    """Unanswered questions that share a word."""

    term: str
    turns: int


class TurnFacts(TypedDict):
    """What the traces of turns show.

    `samples` are distinct questions with an accepted answer (good feedback, no limit reached), `recent`
    those of the last four weeks, `labelled` distinct questions with a known right route. `complaints`
    are bad feedbacks by what their notes are about. `written` are answers by a chat model, and `unlike` those of them that do not
    have the form of the examples; `formed` are answers that had a schema to fill, `unfilled` those
    with something missing.
    """

    turns: int
    rated: int
    bad: int
    samples: int
    recent: int
    labelled: int
    corrected: int
    complaints: dict[str, int]
    abstained: int
    clusters: list[Cluster]
    hidden: int
    calls: dict[str, int]
    failed_calls: dict[str, int]
    written: int
    unlike: int
    formed: int
    unfilled: int


class LoadFacts(TypedDict):
    """What turns took, those of traces or else of the labelled questions.

    `stages` are the milliseconds of each stage, all slow turns together, the longest first; `tokens` and
    `model_calls` are means of a turn; `escalated` were routed by a chat model.
    """

    basis: Basis
    turns: int
    slow: int
    slow_search: int
    total_p95: float
    stages: dict[str, float]
    tokens: float
    model_calls: float
    escalated: int
    limits: dict[str, int]


class FormFacts(TypedDict):
    """What answers are to be like: the format, whether there is a persona, and how many examples."""

    format: str
    persona: bool
    examples: int


class Deployment(TypedDict):
    """The chat models by name, and whether all that is asked runs here or in a private network."""

    models: list[str]
    private: bool


class Facts(TypedDict):
    """All that is known of a project; `labels` and `turns` are None where there are none."""

    name: str
    language: Language
    indexes: list[IndexFacts]
    tools: list[ToolFacts]
    documents: DocumentFacts
    labels: LabelFacts | None
    turns: TurnFacts | None
    load: LoadFacts | None
    form: FormFacts
    deployment: Deployment


class Profile(TypedDict):
    """What the criteria look at, measured in a project or said in an interview; None: not known.

    `samples` are good pairs of question and answer, `recent` those of the last four weeks; `changing`
    is the share of documents that change weekly or oftener; `form_held` the share of answers in which
    prompts hold format and tone, over `form_seen` answers. `numbers` are those behind the other criteria.
    """

    samples: int
    recent: int
    changing: float | None
    structured: bool | None
    form_wanted: bool
    form_seen: int
    form_held: float | None
    private: bool | None
    pressed: bool | None
    numbers: dict[str, str]


class Criterion(TypedDict):
    """A criterion: which way it speaks, whether it is met (None: not known), and the number behind."""

    key: str
    name: str
    side: Side
    met: bool | None
    number: str


class Tuning(TypedDict):
    """Whether fine-tuning a language model is worth a thought, and what forbids it ("" for nothing)."""

    met: int
    known: int
    considered: bool
    veto: str


class Finding(TypedDict):
    """A thing that a rule saw: what it would mend at most, and the remedy.

    `within` is the share of the questions of the one index or tool that has it worst (its `target`, "" if
    it is of none), `values` are for the words that tell of it.
    """

    cause: Cause
    remedy: Remedy
    where: list[str]
    share: Share
    target: str
    within: Share | None
    basis: Basis
    values: dict[str, str]


class Recommendation(TypedDict):
    """What to do, best first: why, how, what speaks against it; `limits` says whether it surely limits."""

    remedy: Remedy
    cause: Cause | None
    where: list[str]
    share: Share | None
    basis: Basis | None
    limits: bool
    effort: Effort
    what: str
    why: str
    do: list[str]
    against: str


class Advice(TypedDict):
    """The whole advice; `facts` is None where it was made from an interview."""

    verdict: Verdict
    summary: str
    recommendations: list[Recommendation]
    criteria: list[Criterion]
    tuning: Tuning
    facts: Facts | None

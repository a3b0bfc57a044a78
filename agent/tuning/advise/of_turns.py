"""Rules on what turns took and what people said of them."""

from __future__ import annotations

from collections.abc import Iterator

from agent.tuning.advise.criteria import may_distil, tuning
from agent.tuning.advise.profile import profile_of
from agent.tuning.advise.seen import finding, known_routes, learnable
from agent.tuning.advise.shares import share
from agent.tuning.advise.types import Basis, Facts, Finding, Remedy, Share

__all__ = ["corrected", "cost", "form", "latency", "outdated", "style", "tools", "unanswered"]

MANY_CALLS = 2.0  # of models, on average of a turn: routing, and the answer
ESCALATED = 0.3  # of the turns are routed by a chat model


def corrected(facts: Facts) -> Iterator[Finding]:
    """People corrected routes: with enough of them the router is fitted anew."""
    turns = facts["turns"]
    if turns and turns["corrected"]:
        remedy: Remedy = "tune_router" if learnable(facts) else "examples"
        counted = share(turns["corrected"], turns["turns"])
        yield finding(
            "routing", remedy, [], counted, "turns",
            confused=f"{turns['corrected']} corrected", known="", learnable=turns["labelled"],
        )  # fmt: skip


def outdated(facts: Facts) -> Iterator[Finding]:
    """Facts change, and people were told old ones: the store has to follow, no model can."""
    turns, documents = facts["turns"], facts["documents"]
    said = turns["complaints"].get("outdated", 0) if turns else 0
    if turns and said:
        changing = f"{documents['changing']} / {documents['total']}"
        yield finding(
            "outdated", "ingest" if documents["waiting"] else "fresh", [],
            share(said, turns["turns"]), "turns",
            changing=changing, days=documents["days"], changes=documents["changes"],
            waiting=len(documents["waiting"]),
        )  # fmt: skip


def unanswered(facts: Facts) -> Iterator[Finding]:
    """Unanswered questions: of one subject, or of documents that the asking person may not see."""
    turns = facts["turns"]
    if turns is None:
        return
    if turns["clusters"]:
        count = sum(one["turns"] for one in turns["clusters"])
        largest = ", ".join(f"{one['term']} ({one['turns']})" for one in turns["clusters"][:5])
        counted = share(count, turns["turns"])
        yield finding(
            "missing_knowledge", "add_documents", [], counted, "turns", clusters=largest,
            abstained=turns["abstained"],
        )  # fmt: skip
    if turns["hidden"]:
        counted = share(turns["hidden"], turns["turns"])
        yield finding("access", "grant", [], counted, "turns")


def tools(facts: Facts) -> Iterator[Finding]:
    """Calls that ended in an error."""
    turns = facts["turns"]
    if turns and turns["failed_calls"]:
        failed, calls = turns["failed_calls"], sum(turns["calls"].values())
        told = ", ".join(f"{name} ({n} / {turns['calls'][name]})" for name, n in failed.items())
        yield finding(
            "tool_failure", "mend_tool", failed, share(sum(failed.values()), calls), "turns",
            failed=told,
        )  # fmt: skip


def latency(facts: Facts) -> Iterator[Finding]:
    """Turns that a person does not want to wait for, by the stage that takes their time."""
    load = facts["load"]
    if load is None:
        return
    late = load["slow"] + load["limits"].get("seconds", 0)
    stage = "search"
    remedy: Remedy = "faster_search"
    if late:
        stage = next(iter(load["stages"]), "respond")
        remedy = _faster(stage, facts)
    spent, whole = load["stages"].get(stage, 0.0), sum(load["stages"].values())
    yield finding(
        "latency", remedy, [], share(late or load["slow_search"], load["turns"]), load["basis"],
        stage=stage, part=f" ({spent / whole:.0%})" if whole else "",
        p95=f"{load['total_p95'] / 1000:.1f}", learnable=known_routes(facts),
    )  # fmt: skip


def _faster(stage: str, facts: Facts) -> Remedy:
    """Return what makes a stage of slow turns faster."""
    if stage == "run_tools":
        return "faster_tool"
    if stage in {"search", "prepare"} or not facts["deployment"]["models"]:
        return "faster_search"
    if stage == "route":
        return "tune_router" if learnable(facts) else "threshold"
    return "faster_model"


def cost(facts: Facts) -> Iterator[Finding]:
    """Turns that ran into a limit of tokens, calls or money, or ask models needlessly often."""
    load = facts["load"]
    if load is None:
        return
    reached = sum(load["limits"].get(name, 0) for name in ("cost", "tokens", "model_calls"))
    many = load["escalated"] if load["model_calls"] > MANY_CALLS else 0
    remedy: Remedy = "fewer_calls"
    if load["escalated"] / load["turns"] > ESCALATED:
        remedy = "tune_router" if learnable(facts) else "threshold"
    elif may_distil(profile_of(facts)):
        remedy = "distill"
    yield finding(
        "cost", remedy, [], share(max(reached, many), load["turns"]), load["basis"],
        tokens=f"{load['tokens']:,.0f}", calls=load["model_calls"], reached=reached,
        escalated=f"{load['escalated'] / load['turns']:.0%}", learnable=known_routes(facts),
    )  # fmt: skip


def form(facts: Facts) -> Iterator[Finding]:
    """Answers that lack a part of their format: settings and prompts first, then samples, then tuning."""
    turns, labels, form = facts["turns"], facts["labels"], facts["form"]
    seen = turns if turns is not None and turns["formed"] else labels
    if seen is not None and seen["unfilled"]:
        # quotations fill no properties of the project's own
        remedy = _few_shot_or_tune(facts) if facts["deployment"]["models"] else "chat_model"
        basis: Basis = "turns" if seen is turns else "questions"
        counted = share(seen["unfilled"], seen["formed"])
        yield finding("format", remedy, [], counted, basis, **_formed(facts, counted))
    said = turns["complaints"].get("format", 0) if turns else 0
    if turns and said:
        remedy = "answer_format" if form["format"] == "plain" else _few_shot_or_tune(facts)
        counted = share(said, turns["turns"])
        yield finding("format", remedy, [], counted, "turns", **_formed(facts, counted))


def style(facts: Facts) -> Iterator[Finding]:
    """Answers that are not in the tone of the examples, or of which people say so."""
    turns = facts["turns"]
    wrong = max(turns["unlike"], turns["complaints"].get("style", 0)) if turns else 0
    if turns and wrong:
        remedy = _few_shot_or_tune(facts) if turns["written"] else "chat_model"
        counted = share(wrong, turns["written"] or turns["turns"])
        yield finding("style", remedy, [], counted, "turns", **_formed(facts, counted))


def _formed(facts: Facts, counted: Share) -> dict[str, object]:
    samples = facts["turns"]["samples"] if facts["turns"] else 0
    return {
        "wrong": counted["count"],
        "of": counted["of"],
        "examples": facts["form"]["examples"],
        "format": facts["form"]["format"],
        "samples": f"{samples:,}",
        "met": tuning(profile_of(facts))["met"],
    }


def _few_shot_or_tune(facts: Facts) -> Remedy:
    """Return the next step where a form is not kept: examples, more samples, or, with enough, tuning."""
    if facts["form"]["examples"] < 2:
        return "few_shot"
    if tuning(profile_of(facts))["considered"]:
        return "lora" if facts["deployment"]["private"] else "hosted"
    return "keep_traces"

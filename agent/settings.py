"""All settings of a project: what retrieval reads, and models, limits, routing and tools."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from indexes.settings import ModelSettings, Section, load_settings
from indexes.settings import Settings as IndexesSettings

__all__ = [
    "ROLES",
    "AnswerSettings",
    "Chain",
    "ChatModelSettings",
    "Costs",
    "ExampleAnswer",
    "FreshSettings",
    "JwtSettings",
    "Limits",
    "LogSettings",
    "Models",
    "Role",
    "Routing",
    "Rule",
    "ServerSettings",
    "Settings",
    "ThreadLimits",
    "ThreadSettings",
    "ToolSettings",
    "TraceSettings",
    "load",
    "project_folder",
]

EMBEDDING = r"^(local|openai:.+)$"
CHAT = r"^(local|(openai|azure):.+)$"
LORA = "lora:"  # before the folder of an adapter, relative to the project
ROUTER = rf"^(local|(openai|azure|{LORA[:-1]}):.+)$"
Role = Literal["router", "rewriter", "judge", "answerer"]
ROLES: tuple[Role, ...] = ("router", "rewriter", "judge", "answerer")

Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip


def _listed(value: Any) -> Any:
    """Return one model as a chain of one; the environment writes several with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


ModelName = Annotated[str, Field(pattern=CHAT)]
Chain = Annotated[tuple[ModelName, ...], BeforeValidator(_listed), Field(min_length=1)]
RouterName = Annotated[str, Field(pattern=ROUTER)]
RouterChain = Annotated[tuple[RouterName, ...], BeforeValidator(_listed), Field(min_length=1)]


class Models(ModelSettings):
    """[models]: "local", "openai:<model>" at any OpenAI-compatible endpoint, or "azure:<deployment>".

    A list is a fallback chain: the next one is asked where one fails. Every chain ends in the local
    behaviour. The router's may begin with "lora:<folder>", an adapter in this process: what it is
    unsure about is passed on.

    Args:
        chat: the model of every role that has none of its own; "local": no chat model.
        router: decides where a question goes, where the classifier is unsure.
        rewriter: writes follow-ups out, finds other words to search for, sums conversations up.
        judge: decides whether passages suffice, where the local judge is unsure.
        answerer: writes answers, and reads the arguments of tools from a question.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chat: Chain = ("local",)
    router: RouterChain | None = None
    rewriter: Chain | None = None
    judge: Chain | None = None
    answerer: Chain | None = None

    def of(self, role: Role) -> tuple[str, ...]:
        """Return the chain of a role, its own, else `chat`, without "local" and what follows it."""
        own: tuple[str, ...] | None = getattr(self, role)
        chain = own or self.chat
        chain = chain[: chain.index("local")] if "local" in chain else chain
        return tuple(name for name in chain if not name.startswith(LORA))

    @property
    def adapter(self) -> str | None:
        """The folder of the router's adapter, if it has one."""
        first = (self.router or ("",))[0]
        return first.removeprefix(LORA) if first.startswith(LORA) else None

    @model_validator(mode="after")
    def _consistent(self) -> Models:
        if any(name.startswith(LORA) for name in (self.router or ())[1:]):
            raise ValueError(f"router: {LORA}… must be the first, and there can be only one")
        return self


class ChatModelSettings(Section):
    """[[model]]: what a chat model that [models] names needs beside its name.

    Args:
        name: as [models] has it, without "openai:" or "azure:".
        model: what the endpoint calls it, such as a LoRA adapter's name; default: `name`.
        base_url: its endpoint; default: OPENAI_BASE_URL, for Azure AZURE_OPENAI_ENDPOINT.
        api_key_env: the environment variable with its key; default: OPENAI_API_KEY or
            AZURE_OPENAI_API_KEY.
        api_version: version of Azure's API; default: OPENAI_API_VERSION.
        window: tokens of prompt and reply together; default: known for OpenAI's models, else 8192.
        max_output: the most tokens of a reply.
        temperature: left out of the request if it is "default", as reasoning models want it.
        timeout: seconds until the first token, and between two.
        retries: how often a request that failed in passing is sent again before the next model is asked.
        price_input: price of a million tokens of prompts, in whatever currency `limits.cost` has.
        price_output: the same for replies.
        extra_body: further fields of the request, such as {chat_template_kwargs = {enable_thinking = false}}.
    """

    name: str = Field(min_length=1)
    model: str = ""
    base_url: str = Field(default="", pattern=r"^(https?://.+)?$")
    api_key_env: str = Field(default="", pattern=r"^([A-Za-z_]\w*)?$")
    api_version: str = ""
    window: int | None = Field(default=None, ge=1024)
    max_output: int = Field(default=1024, ge=16)
    temperature: float | Literal["default"] = Field(default=0.0)
    timeout: float = Field(default=30.0, gt=0)
    retries: int = Field(default=2, ge=0, le=10)
    price_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    price_output: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    extra_body: dict[str, Any] = Field(default_factory=dict)


class ThreadLimits(Section):
    """[limits.thread]: what all turns of a conversation may cost together; without a number, anything.

    Args:
        model_calls: calls of chat models.
        tokens: tokens of prompts and replies together.
        cost: money in the currency of the models' prices.
    """

    model_calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=500)
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class Limits(Section):
    """[limits], each for one turn.

    Args:
        model_calls: calls of chat models; one that fails counts too, its retries do not.
        tokens: tokens of prompts and replies together.
        cost: money in the currency of the models' prices; no limit for models without a price.
        seconds: seconds after which no model is asked any more and what is there becomes the answer.
        rewrites: rounds of searching again when nothing supports an answer.
        tool_calls: calls of tools.
        question_characters: a longer question is refused.
        history_tokens: how much of the conversation a chat model is shown; older turns are summarised.
        thread: limits of the whole conversation.
    """

    model_calls: int = Field(default=6, ge=0)
    tokens: int = Field(default=16_000, ge=500)
    cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    seconds: float = Field(default=60.0, gt=0)
    rewrites: int = Field(default=1, ge=0, le=5)
    tool_calls: int = Field(default=8, ge=1)
    question_characters: int = Field(default=8_000, ge=10)
    history_tokens: int = Field(default=1_500, ge=0)
    thread: ThreadLimits = ThreadLimits()


class ExampleAnswer(Section):
    """[[answer.example]]: a question and how the assistant answers it, shown to the chat model.

    Args:
        question: such as people ask.
        answer: in the style of your answers, with its [n]; its facts are not sources.
    """

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class AnswerSettings(Section):
    """[answer]: the form of answers, and what becomes of sentences that nothing supports.

    Args:
        format: "plain" text, "fields" (answer, sources, confidence), or "json" after `schema`.
        schema: the file of the JSON schema, relative to the project.
        unsupported: "drop" such sentences, "repair" them by asking the model once more, or "flag" them.
        example: few-shot examples of the style.
    """

    format: Literal["plain", "fields", "json"] = "plain"
    schema_file: str = Field(default="", alias="schema")
    unsupported: Literal["drop", "repair", "flag"] = "drop"
    example: tuple[ExampleAnswer, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> AnswerSettings:
        if (self.format == "json") != bool(self.schema_file):
            raise ValueError('format = "json" and `schema` belong together')
        return self


class FreshSettings(Section):
    """[fresh]: where an answer must never be older than its file, as with a list of the day.

    Args:
        indexes: those whose files are looked at, and ingested if they changed, before each question.
    """

    indexes: tuple[str, ...] = ()


class ThreadSettings(Section):
    """[threads]: where conversations are kept.

    Args:
        url: a Postgres database, postgresql://…; its password may be left to PGPASSWORD or a file of
            passwords, as libpq reads them. Without it, the project's state folder.
    """

    url: str = Field(default="", repr=False, pattern=r"^(postgres(ql)?://.+)?$")


class LogSettings(Section):
    """[log]: what the line of log that each turn writes may hold.

    Args:
        text: log questions and answers too, without what looks like a credential.
    """

    text: bool = False


class TraceSettings(Section):
    """[traces]: whether turns are kept on this machine, to learn from.

    Args:
        keep: keep turns, without what looks like personal data or a credential.
        days: days after which a trace is deleted.
        texts: keep the texts of passages and citations too, not only where they are.
        patterns: further regular expressions of what may not be kept, each with its kind:
            `contract = 'HT-[0-9]{8}'` becomes "[contract]".
    """

    keep: bool = False
    days: int = Field(default=90, ge=1, le=3650)
    texts: bool = False
    patterns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> TraceSettings:
        for name, pattern in self.patterns.items():
            if not name.replace("-", "_").isidentifier():
                raise ValueError(f"patterns.{name}: {name!r} is no name for what it finds")
            try:
                found = re.compile(pattern)
            except re.error as error:
                raise ValueError(f"patterns.{name} is no regular expression: {error}") from error
            if found.search("") is not None:
                raise ValueError(f"patterns.{name} matches every text, also an empty one")
        return self


class Costs(Section):
    """[routing.costs]: what mistakes cost beside an answer that is not found, which costs 1.

    Args:
        search: each index that is searched. More: fewer indexes side by side.
        needless: searching for what nothing covers. More: more is declined at once.
        decline: declining what something covers. More: less is declined.
        act: calling a tool that was not wanted; twice that where arguments would be asked for.
        talk: taking a question for small talk.
        ask: asking what is meant instead of doing anything.
    """

    search: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    needless: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    decline: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    act: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    talk: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    ask: float = Field(default=0.9, ge=0, allow_inf_nan=False)


class Rule(Section):
    """[[routing.rule]]: questions that match go there; with neither index nor tool nothing covers them.

    Args:
        pattern: a regular expression, found anywhere in the question; case, width and script of
            characters make no difference.
        index: search this index.
        tool: call this tool.
    """

    pattern: str = Field(min_length=1)
    index: str | None = Field(default=None, min_length=1)
    tool: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        if self.index is not None and self.tool is not None:
            raise ValueError("name an index or a tool, not both")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error
        return self


class Routing(Section):
    """[routing]: rules, questions nothing covers, and how decisions are made.

    Args:
        none: example questions that no index or tool covers.
        none_file: a file with more of them, one a line.
        outside: what to do with such questions: "decline", or "model": let the chat model answer from
            its own knowledge.
        embedding: the router's own embedding model, whatever the indexes use; "openai:<model>" asks the
            network for every question.
        threshold: how sure the classifier must be to decide alone where a chat model is configured.
        costs: what mistakes cost.
        rule: patterns that decide.
    """

    none: tuple[str, ...] = ()
    none_file: str = ""
    outside: Literal["decline", "model"] = "decline"
    embedding: str = Field(default="local", pattern=EMBEDDING)
    threshold: float = Field(default=0.6, ge=0, le=1)
    costs: Costs = Costs()
    rule: tuple[Rule, ...] = ()


class ToolSettings(Section):
    """[[tool]]: a LangChain tool of the project's own code, or tools of an MCP server.

    Args:
        use: "<module>:<name>" of the project's own code; "builtin:<name>" is a tool of Waypost itself.
        mcp: an MCP server: its URL, or the command line that starts it.
        tools: which of the server's tools may be used; ["*"]: all of them.
        env: environment variables that a server started here gets beside PATH, HOME and the like.
        headers: what is sent to a server with a URL: a header's name and the environment variable
            that holds its value.
        examples: questions that call for it.
        approve: a person approves before it runs.
        effects: it changes something, so it never runs twice for the same request; default: `approve`,
            for tools of an MCP server true.
        groups: who may use it; without: everyone.
        timeout: seconds that one call may take.
    """

    use: str = Field(default="", pattern=r"^([A-Za-z_]\w*:[A-Za-z_]\w*)?$")
    mcp: str = ""
    tools: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    examples: tuple[str, ...] = ()
    approve: bool = False
    effects: bool | None = None
    groups: tuple[str, ...] | None = None
    timeout: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> ToolSettings:
        if bool(self.use) == bool(self.mcp):
            raise ValueError("name either `use` or `mcp`")
        if bool(self.mcp) != bool(self.tools):
            raise ValueError(
                '`mcp` needs `tools`, the names that may be used (["*"]: all), and `use` none'
            )
        return self


class JwtSettings(Section):
    """[server.jwt]: tokens of an identity provider; they are checked with one of three kinds of key.

    Args:
        issuer: what a token's `iss` must be.
        audience: what its `aud` must have.
        jwks_url: where the provider publishes its keys.
        public_key: a PEM file with its key, relative to the project.
        secret_env: the environment variable with a secret that is shared with it.
        algorithms: those a token may be signed with; default: HS256 with a secret, else RS256.
        user_claim: names the user.
        groups_claim: names their groups, a list; parts of a nested claim are joined by dots.
        leeway: seconds by which clocks may differ.
    """

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: str = Field(default="", pattern=r"^(https?://.+)?$")
    public_key: str = ""
    secret_env: str = Field(default="", pattern=r"^([A-Za-z_]\w*)?$")
    algorithms: tuple[Algorithm, ...] = ()
    user_claim: str = Field(default="sub", min_length=1)
    groups_claim: str = Field(default="groups", min_length=1)
    leeway: float = Field(default=30.0, ge=0, le=300)

    @model_validator(mode="after")
    def _consistent(self) -> JwtSettings:
        if bool(self.jwks_url) + bool(self.public_key) + bool(self.secret_env) != 1:
            raise ValueError("name one of `jwks_url`, `public_key` and `secret_env`")
        # a public key taken for a shared secret would let everyone sign
        if any(name.startswith("HS") != bool(self.secret_env) for name in self.algorithms):
            raise ValueError("HS algorithms are for `secret_env`, and it is for them alone")
        return self

    @property
    def accepted(self) -> tuple[str, ...]:
        """The algorithms a token may be signed with."""
        return self.algorithms or (("HS256",) if self.secret_env else ("RS256",))


class ServerSettings(Section):
    """[server]: who may use the project over HTTP.

    Args:
        auth: "required": with a key of `waypost key` or a token; "loopback": everyone on this
            machine; "none": everyone, as where a proxy has asked already.
        public: what may be read without a key: "health" (/health), "ready" (/ready), "metrics"
            (/metrics), "docs" (/docs, /openapi.json, /info).
        correctors: groups whose members may correct routes on the page, which changes them for
            everybody; with "loopback" everyone may.
        jwt: tokens that are accepted beside keys.
    """

    auth: Literal["required", "loopback", "none"] = "required"
    public: tuple[Literal["health", "ready", "metrics", "docs"], ...] = ("health", "ready")
    correctors: tuple[str, ...] = ()
    jwt: JwtSettings | None = None


class Settings(IndexesSettings):
    """The whole of waypost.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Models = Models()
    model: tuple[ChatModelSettings, ...] = ()
    answer: AnswerSettings = AnswerSettings()
    fresh: FreshSettings = FreshSettings()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()
    threads: ThreadSettings = ThreadSettings()
    routing: Routing = Routing()
    server: ServerSettings = ServerSettings()
    tool: tuple[ToolSettings, ...] = ()
    traces: TraceSettings = TraceSettings()


def load(project: Path) -> Settings:
    """Read a project's settings.

    Raises:
        ConfigurationError: the folder or waypost.toml is missing or wrong.
    """
    return load_settings(project, Settings)


def project_folder() -> Path:
    """Return the folder of the project to serve: WAYPOST_PROJECT, else the current one."""
    return Path(os.environ.get("WAYPOST_PROJECT") or ".")

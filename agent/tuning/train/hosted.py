"""A fine-tuning job at an endpoint of OpenAI's API: started once, followed, resumed, cancelled.

The API takes no key by which a repeated request is recognised, so that a lost connection leaves open
whether a file was stored or a job started. Each step is therefore written down before it is taken, and
what may have been made is looked for before it is made: files by a name, jobs by their metadata, both
made of what is trained.

Source: https://platform.openai.com/docs/api-reference/fine-tuning and its Python package.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from agent.errors import ModelError, UsageError
from agent.tuning.train.data import FILES, read_card
from agent.tuning.whole_file import write_private

if TYPE_CHECKING:
    import openai
    from openai.types import FileObject
    from openai.types.fine_tuning import FineTuningJob, SupervisedMethodParam

__all__ = ["ENDED", "Job", "Plan", "Told", "alone", "make_plan", "read_job"]

JOB = "job.json"
MARK = "waypost"  # the key of a job's metadata
ENDED = {"succeeded", "failed", "cancelled"}
FEWEST = 10  # rows that OpenAI wants
TRIES = 6  # of a request that fails in passing
LONGEST_WAIT = 60.0  # seconds between two of them
LOOKS = (2.0, 8.0, 20.0)  # seconds before each look for what a lost request may have made
POLL = 10.0  # seconds between two looks at a job
EVENTS = 100

Told = Callable[[str], None]
Sleep = Callable[[float], None]
Made = TypeVar("Made")


class Job(TypedDict):
    """What is known of a training at an endpoint: `job.json`.

    `key` is of what is trained, `attempt` grows when a job that ended without a model is started
    anew, `pending` is the step whose request was sent without a known outcome. `files` are the
    uploaded files' ids. `model` is the tuned model's name, `seen` the last event shown.
    """

    key: str
    endpoint: str
    base: str
    task: str
    attempt: int
    pending: str | None
    files: dict[str, str]
    job: str
    status: str
    model: str
    error: str
    seen: str


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Args:
        folder: of the export.
        task: what is learned.
        rows: of each file.
        base: the model to tune.
        key: of all of this; the same always finds the same job.
        suffix: a part of the tuned model's name.
        epochs: how often the rows are gone through; None: the endpoint chooses.
        seed: of the training.
    """

    folder: Path
    task: str
    rows: dict[str, int]
    base: str
    key: str
    suffix: str
    epochs: int | None
    seed: int


def make_plan(folder: Path, base: str, *, suffix: str, epochs: int | None, seed: int) -> Plan:
    """Check an export in OpenAI's form and return what is to be trained.

    Raises:
        UsageError: the folder is none, was changed since, or has too few rows.
    """
    card = read_card(folder, format="openai", files=FILES[:1])
    rows = {}
    for name in FILES:
        path = folder / name
        if path.is_file():
            rows[name] = sum(1 for line in path.read_bytes().splitlines() if line.strip())
    rows = {name: count for name, count in rows.items() if count}
    if FILES[1] in rows:
        read_card(folder, format="openai")
    if rows.get(FILES[0], 0) < FEWEST:
        raise UsageError(
            f"{str(folder / FILES[0])!r} has {rows.get(FILES[0], 0)} rows; a job needs {FEWEST}.",
            fix="add examples, correct routes or keep traces, then export again.",
        )
    hashes = [card["sha256"][name] for name in rows]
    whole = json.dumps([hashes, base, suffix, epochs, seed])
    key = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return Plan(folder, card["task"], rows, base, key, suffix, epochs, seed)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Run the block while no other process is in one for this folder.

    Raises:
        UsageError: another one is, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} cannot be written: {error.strerror}.",
            fix="name another with --out.",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise UsageError(
            f"Another process follows the job of {str(folder)!r}.", fix="wait, or end that one."
        ) from error
    try:
        yield
    finally:
        os.close(file)


def read_job(folder: Path) -> Job | None:
    """Return what is known of a folder's training; None where there is none.

    Raises:
        UsageError: its file is damaged.
    """
    path = folder / JOB
    if not path.is_file():
        return None
    try:
        return TypeAdapter(Job).validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{str(path)!r} is damaged.",
            fix="delete it: the job is found again by what it trains, and not started twice.",
        ) from error


class HostedTraining:
    """A training at an endpoint.

    Args:
        client: of the openai package; it does not repeat requests by itself.
        folder: where `job.json` is.
        plan: what is to be trained.
        tell: told what happens, a line each.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        client: openai.OpenAI,
        folder: Path,
        plan: Plan,
        tell: Told,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._client = client
        self._folder = folder
        self._plan = plan
        self._tell = tell
        self._sleep = sleep
        self.job = self._known()

    def _known(self) -> Job:
        plan, endpoint = self._plan, urlsplit(str(self._client.base_url)).netloc.rpartition("@")[2]
        known = read_job(self._folder)
        if known is None:
            return {
                "key": plan.key, "endpoint": endpoint, "base": plan.base, "task": plan.task,
                "attempt": 1, "pending": None, "files": {}, "job": "", "status": "", "model": "",
                "error": "", "seen": "",
            }  # fmt: skip
        if (known["key"], known["endpoint"]) != (plan.key, endpoint):
            raise UsageError(
                f"{str(self._folder)!r} has a training of other data, settings or endpoint.",
                fix="give the same as then, or name another folder with --out.",
            )
        return known

    def start(self) -> None:
        """Upload the files and start the job, unless that is done; one that failed is started anew."""
        if self.job["status"] in {"failed", "cancelled"}:
            self._tell(f"The job {self.job['job']} {self.job['status']}; another is started.")
            self.job["attempt"] += 1
            self.job["job"] = self.job["status"] = self.job["error"] = self.job["seen"] = ""
            self._save()
        for name in self._plan.rows:
            if name not in self.job["files"]:
                file = self._once(name, partial(self._find_file, name), partial(self._upload, name))
                self.job["files"][name] = file.id
                self._done(f"{name}: uploaded as {file.id}")
        if not self.job["job"]:
            found = self._once("job", self._find_job, self._create)
            self.job["job"], self.job["status"] = found.id, found.status
            self._done(f"The job {found.id} is started.")

    def follow(self) -> Job:
        """Tell what the job does until it ends."""
        while True:
            found = self._read(lambda: self._client.fine_tuning.jobs.retrieve(self.job["job"]))
            self._events()
            if found.status != self.job["status"]:
                self._tell(f"The job {found.id}: {found.status}")
            error = found.error.message if found.error is not None else ""
            self.job["status"], self.job["error"] = found.status, _plain(error or "")
            self.job["model"] = _plain(found.fine_tuned_model or "")
            self._save()
            if found.status in ENDED:
                return self.job
            self._sleep(POLL)

    def cancel(self) -> Job:
        """Cancel the job, if there is one that goes on."""
        if not self.job["job"]:
            found = self._read(self._find_job)
            if found is None:
                raise UsageError("There is no job to cancel.", fix="check --out and the data.")
            self.job["job"] = found.id
        found = self._read(self._cancelled)
        self.job["status"] = found.status
        self._done(f"The job {found.id}: {found.status}")
        return self.job

    def _cancelled(self) -> FineTuningJob:
        jobs = self._client.fine_tuning.jobs
        found = jobs.retrieve(self.job["job"])
        return found if found.status in ENDED else jobs.cancel(found.id)

    def _name(self, name: str) -> str:
        """Return what a file is called at the endpoint."""
        return f"waypost-{self._plan.key}-{name}"

    def _mark(self) -> str:
        return f"{self._plan.key}-{self.job['attempt']}"

    def _find_file(self, name: str) -> FileObject | None:
        wanted = self._name(name)
        found = [
            file
            for file in self._client.files.list(purpose="fine-tune", limit=1000)
            if file.filename == wanted and file.status != "error"
        ]
        return min(found, key=lambda file: file.created_at, default=None)

    def _upload(self, name: str) -> FileObject:
        content = (self._plan.folder / name).read_bytes()
        return self._client.files.create(
            file=(self._name(name), content, "application/jsonl"), purpose="fine-tune"
        )

    def _find_job(self) -> FineTuningJob | None:
        found = [job for job in self._client.fine_tuning.jobs.list(limit=100) if self._is_ours(job)]
        return min(found, key=lambda job: job.created_at, default=None)

    def _is_ours(self, job: FineTuningJob) -> bool:
        """Say whether a job is this one; an endpoint may not keep metadata, but it keeps seeds."""
        if job.metadata:
            return job.metadata.get(MARK) == self._mark()
        same = job.training_file == self.job["files"].get(FILES[0]) and job.seed == self._seed()
        return same and bool(job.training_file)

    def _seed(self) -> int:
        return int(hashlib.sha256(self._mark().encode()).hexdigest()[:7], 16)

    def _create(self) -> FineTuningJob:
        files, epochs = self.job["files"], self._plan.epochs
        hyper: SupervisedMethodParam = {}
        if epochs is not None:
            hyper = {"hyperparameters": {"n_epochs": epochs}}
        return self._client.fine_tuning.jobs.create(
            model=self._plan.base,
            training_file=files[FILES[0]],
            validation_file=files.get(FILES[1]),
            suffix=self._plan.suffix,
            seed=self._seed(),
            metadata={MARK: self._mark()},
            method={"type": "supervised", "supervised": hyper},
        )

    def _once(self, step: str, find: Callable[[], Made | None], make: Callable[[], Made]) -> Made:
        """Make something at the endpoint, unless it is there already.

        Args:
            step: what it is: a file's name, or "job".
            find: looks for it.
            make: asks for it, once.
        """
        import openai

        for attempt in range(TRIES):
            found = self._found(step, find)
            if found is not None:
                return found
            self.job["pending"] = step
            self._save()
            try:
                return make()
            except openai.APIConnectionError as error:
                last: openai.APIError = error
                self._tell(f"{step}: the connection was lost; looking whether it arrived.")
            except openai.APIStatusError as error:
                last = error
                if error.status_code < 500 and error.status_code not in (408, 409):
                    self.job["pending"] = None  # it was refused
                    self._save()
                wait = self._wait(error, attempt)
                self._tell(f"{step}: HTTP {error.status_code}; trying again in {wait:.0f} s.")
                self._sleep(wait)
        raise self._given_up(last) from last

    def _found(self, step: str, find: Callable[[], Made | None]) -> Made | None:
        """Look for what a request may have made; where its outcome is not known, several times."""
        found = self._read(find)
        if self.job["pending"] != step:
            return found
        for wait in LOOKS:
            if found is not None:
                break
            self._sleep(wait)
            found = self._read(find)
        return found

    def _read(self, ask: Callable[[], Made]) -> Made:
        """Return what can be asked any number of times."""
        import openai

        attempt = 0
        while True:
            try:
                return ask()
            except (openai.APIConnectionError, openai.APIStatusError) as error:
                wait = self._wait(error, attempt)
                attempt += 1
                if attempt == TRIES:
                    raise self._given_up(error) from error
                self._sleep(wait)

    def _wait(self, error: openai.APIError, attempt: int) -> float:
        """Return how many seconds to wait after a failure.

        Raises:
            ModelError: it will not pass.
        """
        from indexes.embeddings.retry import setback_of

        setback = setback_of(error)
        if setback is None:
            raise self._given_up(error) from error
        return min(setback.asked if setback.asked is not None else 2.0**attempt, LONGEST_WAIT)

    def _given_up(self, error: openai.APIError) -> ModelError:
        status = getattr(error, "status_code", None)
        code = f" ({error.code})" if error.code else ""
        told = f"HTTP {status}{code}" if status else type(error).__name__
        passes = status is None or status >= 500 or status in (408, 409, 429)
        fix = (
            "run the same command again: it goes on, and starts nothing twice."
            if passes
            else "check the key, the base model's name, and that the endpoint tunes models."
        )
        given = ModelError(f"The endpoint {self.job['endpoint']!r} failed: {told}.", fix=fix)
        given.retryable = passes
        return given

    def _events(self) -> None:
        """Tell the events that were not told yet."""
        page = self._read(
            lambda: self._client.fine_tuning.jobs.list_events(self.job["job"], limit=EVENTS)
        )
        fresh = []
        for event in page.data:  # latest first
            if event.id == self.job["seen"]:
                break
            fresh.append(event)
        for event in reversed(fresh):
            self._tell(f"  {_plain(event.message)}")
        if fresh:
            self.job["seen"] = fresh[0].id

    def _done(self, told: str) -> None:
        self.job["pending"] = None
        self._save()
        self._tell(told)

    def _save(self) -> None:
        write_private(self._folder / JOB, json.dumps(self.job, ensure_ascii=False, indent=1) + "\n")


def _plain(text: str) -> str:
    """Return what an endpoint says without signs that only a terminal would read."""
    return "".join(sign for sign in text if sign.isprintable())

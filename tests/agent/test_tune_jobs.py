from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from agent.errors import ModelError, UsageError
from agent.models import make_chat_model
from agent.routing import Target
from agent.routing.model import ask_model
from agent.settings import Settings
from agent.tuning.train import hosted
from agent.tuning.train.hosted import HostedTraining, alone, make_plan, read_job
from agent.tuning.whole_file import write_private
from tests.agent.endpoint import endpoint
from tests.agent.job_server import Fault, JobServer, job_server

ROOT = Path(__file__).parents[2]
NAMES = ("train.jsonl", "validation.jsonl")
CLIENT = openai.OpenAI(api_key="k", max_retries=0, timeout=5)  # making one takes long


class Killed(BaseException):
    """Stands for a process that ends at once."""


@pytest.fixture
def server() -> Iterator[JobServer]:
    """Return an endpoint that has no files and no jobs."""
    with job_server() as running:
        yield running


def write_export(folder: Path, *, rows: int = 12, **card: Any) -> Path:
    """Write an export in OpenAI's form."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        lines = [
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": f"{name} 问题 {number}"},
                        {"role": "assistant", "content": "leave"},
                    ]
                },
                ensure_ascii=False,
            )
            for number in range(rows)
        ]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sha256 = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES}
    told = {
        "task": "router", "format": "openai", "project": "desk", "tokens": {}, "problems": [],
        "sha256": sha256, **card,
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def training(server: JobServer, folder: Path, **options: Any) -> HostedTraining:
    """Return a training of an export at the endpoint, as a new process has it; waiting takes no time."""
    plan = make_plan(folder / "export", "small", suffix="desk", epochs=2, seed=0)
    client = CLIENT.with_options(base_url=server.url)
    given: dict[str, Any] = {
        "tell": lambda text: None,
        "sleep": lambda seconds: server.arrive(),
        **options,
    }
    return HostedTraining(client, folder / "job", plan, **given)


def run(server: JobServer, folder: Path, **options: Any) -> HostedTraining:
    """Start and follow a training to its end."""
    made = training(server, folder, **options)
    made.start()
    made.follow()
    return made


def count(server: JobServer) -> tuple[int, int]:
    """Return how many files and jobs there are."""
    return len(server.files), len(server.jobs)


def test_a_job(server: JobServer, tmp_path: Path) -> None:
    """Both files go up, one job is started, its events are told once, and its model is named."""
    write_export(tmp_path / "export")
    told: list[str] = []
    made = run(server, tmp_path, tell=told.append)
    assert made.job["model"] == "ft:small:o:desk:ftjob-1"
    assert count(server) == (2, 1)
    assert [line.strip() for line in told if line.startswith("  ")] == [
        "look 1",
        "look 2",
        "look 3",
    ]
    [job] = server.jobs
    assert (job["training_file"], job["validation_file"]) == ("file-1", "file-2")
    assert job["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2}},
    }
    assert (tmp_path / "job" / "job.json").stat().st_mode & 0o777 == 0o600
    asked = len(server.requests)
    run(server, tmp_path)  # the same command again
    assert count(server) == (2, 1)
    assert {method for method, _ in server.requests[asked:]} == {"GET"}


FAULTS = {
    "lost before": Fault("before"),
    "lost after": Fault("after"),
    "arrives late": Fault("late"),
    "500": Fault("status", 500),
    "429": Fault("status", 429, {"Retry-After": "7"}),
}


@pytest.mark.parametrize(
    ("fault", "metadata"),
    [*((fault, True) for fault in FAULTS.values()), (FAULTS["lost after"], False)],
    ids=[*FAULTS, "lost after, metadata not kept"],
)
def test_a_fault_at_every_request(fault: Fault, metadata: bool, tmp_path: Path) -> None:
    """Whatever goes wrong with whichever request, each file goes up once and one job is started."""
    write_export(tmp_path / "export")
    number, ended = 0, False
    while not ended:
        number += 1
        with job_server() as server:
            server.metadata, server.faults = metadata, {number: fault}
            made = run(server, tmp_path)
            (tmp_path / "job" / "job.json").unlink()
            assert (count(server), made.job["status"]) == ((2, 1), "succeeded"), number
            ended = len(server.requests) < number
    assert number > 12


def test_waits_as_long_as_it_is_asked_to(server: JobServer, tmp_path: Path) -> None:
    """Retry-After is kept to, up to a minute."""
    write_export(tmp_path / "export")
    waits: list[float] = []
    server.faults = {
        1: Fault("status", 429, {"Retry-After": "7"}),
        3: Fault("status", 503, {"Retry-After": "4000"}),
    }
    run(server, tmp_path, sleep=waits.append)
    assert (waits[0], waits[1]) == (7.0, 60.0)


@pytest.mark.parametrize("written", [False, True], ids=["before writing", "after writing"])
def test_ended_at_every_step(
    written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends before or after anything it writes down is followed by one that goes on."""
    write_export(tmp_path / "export")
    write = write_private
    last, ended = 0, False
    while not ended:
        last += 1
        writes = 0

        def dying(path: Path, text: str, last: int = last) -> None:
            nonlocal writes
            writes += 1
            if writes == last and not written:
                raise Killed
            write(path, text)
            if writes == last:
                raise Killed

        with job_server() as server:
            monkeypatch.setattr(hosted, "write_private", dying)
            try:
                run(server, tmp_path)
                ended = True
            except Killed:
                monkeypatch.setattr(hosted, "write_private", write)
                assert run(server, tmp_path).job["model"]
            assert count(server) == (2, 1), last
        (tmp_path / "job" / "job.json").unlink()
    assert last > 8


def test_ended_while_a_reply_was_lost(tmp_path: Path) -> None:
    """Where the process ends with the connection, the next one finds what had been made."""
    write_export(tmp_path / "export")
    for number in range(1, 12):

        def die(told: object) -> None:
            raise Killed

        with job_server() as server:
            server.faults = {number: Fault("after")}
            with pytest.raises(Killed):
                run(
                    server,
                    tmp_path,
                    sleep=die,
                    tell=lambda text: die(text) if "lost" in text else None,
                )
            server.faults = {}
            assert run(server, tmp_path).job["model"]
            assert count(server) == (2, 1), number
        (tmp_path / "job" / "job.json").unlink()


def test_without_its_file(server: JobServer, tmp_path: Path) -> None:
    """A job whose file was deleted is found again by what it trains."""
    write_export(tmp_path / "export")
    training(server, tmp_path).start()
    (tmp_path / "job" / "job.json").unlink()
    assert run(server, tmp_path).job["job"] == "ftjob-1"
    assert count(server) == (2, 1)


def test_a_job_that_failed(server: JobServer, tmp_path: Path) -> None:
    """It says why; asked for again, another is started with the same files."""
    write_export(tmp_path / "export")
    server.ends = "failed"
    failed = run(server, tmp_path).job
    assert (failed["status"], failed["error"]) == ("failed", "a row is too [31mlong")
    server.ends = "succeeded"
    assert run(server, tmp_path).job["model"].endswith("ftjob-2")
    assert count(server) == (2, 2)


def test_cancelling(server: JobServer, tmp_path: Path) -> None:
    """A job is cancelled, also where only the endpoint knows of it; without one there is nothing to."""
    write_export(tmp_path / "export")
    with pytest.raises(UsageError, match="no job"):
        training(server, tmp_path).cancel()
    training(server, tmp_path).start()
    (tmp_path / "job" / "job.json").unlink(missing_ok=True)
    assert training(server, tmp_path).cancel()["status"] == "cancelled"


@pytest.mark.parametrize("status", [401, 404, 400])
def test_refusals(status: int, server: JobServer, tmp_path: Path) -> None:
    """What will not pass is told at once, and is not waited for."""
    write_export(tmp_path / "export")
    server.faults = {6: Fault("status", status)}
    with pytest.raises(ModelError, match=f"HTTP {status}") as caught:
        run(server, tmp_path, sleep=lambda seconds: pytest.fail("waited"))
    assert not caught.value.retryable
    known = read_job(tmp_path / "job")
    assert known is not None
    assert known["pending"] is None
    assert run(server, tmp_path).job["job"] == "ftjob-1"


def test_gives_up_in_the_end(server: JobServer, tmp_path: Path) -> None:
    """An endpoint that stays away is told of, with what to do."""
    write_export(tmp_path / "export")
    server.faults = {number: Fault("before") for number in range(1, 100)}
    with pytest.raises(ModelError, match="same command again") as caught:
        run(server, tmp_path)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "alpaca"}, "'openai'"),
        ({"problems": ["too few rows"]}, "too few rows"),
        ({"sha256": dict.fromkeys(NAMES, "0")}, "not the file"),
        ({"sha256": None}, "missing or wrong"),
        ({"rows": 9}, "9 rows"),
    ],
)
def test_exports_that_are_not_trained_on(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    """An export of another form, with problems, that was changed, or that is too small is refused."""
    write_export(tmp_path / "export", **change)
    with pytest.raises(UsageError, match=told):
        make_plan(tmp_path / "export", "small", suffix="", epochs=None, seed=0)


def test_other_data_in_the_same_folder(server: JobServer, tmp_path: Path) -> None:
    """A folder belongs to one training."""
    write_export(tmp_path / "export")
    training(server, tmp_path).start()
    write_export(tmp_path / "export", rows=20)
    with pytest.raises(UsageError, match="--out"):
        training(server, tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """Two processes cannot follow one job."""
    with alone(tmp_path), pytest.raises(UsageError, match="Another process"), alone(tmp_path):
        pass


def cli(server: JobServer, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    (folder / "waypost.toml").write_text(
        f'[[model]]\nname = "small"\nbase_url = "{server.url}"\napi_key_env = "DESK_KEY"\n', "utf-8"
    )
    words = ["tune", "train", str(folder / "export"), "--backend", "openai", "--base", "small"]
    return subprocess.run(
        [sys.executable, "-c", "from agent.cli.main import run; run()", *words, *more,
         "--project", str(folder), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DESK_KEY": "k"},
        capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_at_each_request_that_makes_something(tmp_path: Path) -> None:
    """The command, killed when the endpoint has done what it asked for, goes on without doing it again."""
    write_export(tmp_path / "export")
    for number in (2, 4, 6):  # two files and a job
        with job_server() as server:
            server.stops = stopping(number)
            killed = cli(server, tmp_path, "--yes", "--out", str(tmp_path / "job"))
            assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, ""), killed.stderr
            assert server.requests[-1][0] == "POST"
            server.stops = lambda number, after: None
            server.looks = {"ftjob-1": 2}
            done = cli(server, tmp_path, "--yes", "--out", str(tmp_path / "job"))
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["line"] == 'router = "openai:ft:small:o:waypost:ftjob-1"'
            assert count(server) == (2, 1), number
        (tmp_path / "job" / "job.json").unlink()


def stopping(number: int) -> Callable[[int, bool], None]:
    """Return what kills the process that asked, once its request is done."""

    def stop(seen: int, after: bool) -> None:
        if (seen, after) == (number, True):
            [process] = [one for one in children() if b"\0train\0" in command_of(one)]
            os.kill(process, signal.SIGKILL)

    return stop


def children() -> list[int]:
    """Return the processes that this one started."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8")
    return [int(name) for name in text.split()]


def command_of(process: int) -> bytes:
    """Return a process's command line, its words ended by zeros."""
    return Path(f"/proc/{process}/cmdline").read_bytes()


@pytest.mark.slow
def test_nothing_leaves_unasked(server: JobServer, tmp_path: Path) -> None:
    """Without a terminal and without --yes nothing is uploaded."""
    write_export(tmp_path / "export")
    done = cli(server, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "24 rows" in json.loads(done.stderr)["message"]
    assert count(server) == (0, 0)


async def test_its_model_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tuned model is one more chat model by its name: asked as any other, and read as strictly."""
    name = "ft:small:o:desk:ftjob-1"
    monkeypatch.setenv("DESK_KEY", "k")
    with endpoint() as served:
        served.reply = '{"targets": ["leave"], "reason": "holidays"}'
        settings = Settings.model_validate(
            {
                "models": {"router": f"openai:{name}"},
                "model": [{"name": name, "base_url": served.url, "api_key_env": "DESK_KEY"}],
            }
        )
        model = make_chat_model(settings.models.of("router"), settings.model)
        assert model is not None
        target = Target("leave", "index", "", "holidays")

        async def complete(prompt: str) -> str:
            return (await model.complete(prompt)).text

        choice = await ask_model("婚假怎么申请？", [target], complete, "zh")
        await model.close()
        [asked] = served.asked("/chat/completions")
    assert (choice.targets, asked["model"]) == (("leave",), name)

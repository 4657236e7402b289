"""Several processes write what one writes, and none of them outlives the run."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import PruningPolicy
from provence_plugins.cli.bulk_lines import prune_here, prune_lines
from provence_plugins.cli.bulk_workers import EngineSettings, WorkerPool, open_workers
from provence_plugins.cli.options import ModelOptions
from provence_plugins.errors import BackendError, CheckpointNotFoundError

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SENTENCE = "Paris is a city in France. "


def lines(count: int) -> list[bytes]:
    """Requests of several lengths, and one that is malformed."""
    rows = [{"query": "where?", "passages": [SENTENCE * (number % 5)], "id": number} for number in range(count)]
    encoded = [json.dumps(row).encode() + b"\n" for row in rows]
    encoded[5] = b"not json\n"
    return encoded


@pytest.fixture(scope="module")
def settings(tiny_folder: Path) -> EngineSettings:
    return EngineSettings(ModelOptions(model=str(tiny_folder)), PruningPolicy(threshold=0.52))


@pytest.fixture(scope="module")
def pool(settings: EngineSettings) -> Iterator[WorkerPool]:
    with open_workers(settings, 2) as pool:
        yield pool


def test_several_workers_return_the_lines_of_one_in_order(settings: EngineSettings, pool: WorkerPool) -> None:
    source = lines(2 * 256 + 40)
    shown: list[int] = []
    several = list(prune_lines(source, pool.prune_groups, done=3, check_group=lambda group: shown.append(len(group))))
    with settings.model.open() as pruner:
        one = list(prune_lines(source, prune_here(pruner, settings.policy), done=3))
    assert several == one
    assert [line.number for line in one if line.error] == [6]
    assert shown == [256, 256, 40]


@posix_only
def test_a_worker_that_is_killed_ends_the_run_with_one_error(settings: EngineSettings) -> None:
    with open_workers(settings, 1) as pool:
        [worker] = pool._workers
        process = worker._process
        os.kill(process.pid or 0, signal.SIGKILL)
        with pytest.raises(BackendError, match=r"Worker 1 was killed by signal 9 while it pruned lines 1 to 9\."):
            list(prune_lines(lines(9), pool.prune_groups))


def test_a_model_that_cannot_be_opened_is_the_error_that_it_is_in_one_process(tmp_path: Path) -> None:
    missing = EngineSettings(ModelOptions(model=str(tmp_path / "missing")), PruningPolicy())
    with pytest.raises(CheckpointNotFoundError, match="no model folder"), open_workers(missing, 1):
        pass


def test_workers_share_processors_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provence_plugins.cli.bulk_workers.count_processors", lambda: 8)
    plain = EngineSettings(ModelOptions(), PruningPolicy())
    assert [plain.share(number, 3).model.threads for number in range(3)] == [2, 2, 2]
    assert plain.share(0, 20).model.threads == 1
    chosen = EngineSettings(ModelOptions(threads=5, device="cuda:0, cuda:1"), PruningPolicy())
    assert [chosen.share(number, 3).model.device for number in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert chosen.share(0, 3).model.threads == 5


def children(process: "subprocess.Popen[bytes]") -> set[int]:
    """The worker processes of a command."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return {int(pid) for pid in listed.stdout.split()}


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@posix_only
def test_kills_and_resumes_with_other_numbers_of_workers_give_the_bytes_of_one_process(
    start: Callable[..., Any], tmp_path: Path, tiny_folder: Path
) -> None:
    source, target, undisturbed = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "undisturbed.jsonl"))
    source.write_bytes(b"".join(lines(1500)))
    arguments = ("--model", tiny_folder, "--threads", 1)
    assert start("bulk", source, undisturbed, *arguments).wait() == 1
    size = undisturbed.stat().st_size
    for share, workers in ((0.0, 3), (0.3, 2), (0.6, 1), (0.8, 3)):
        process = start("bulk", source, target, "--resume", "--workers", workers, *arguments)
        wait_until(lambda share=share: target.exists() and target.stat().st_size > share * size)
        own = children(process)
        process.kill()
        process.wait()
        wait_until(lambda own=own: not any(map(is_running, own)))
    last = start("bulk", source, target, "--resume", "--workers", 2, *arguments)
    assert last.wait() == 1
    assert target.read_bytes() == undisturbed.read_bytes()
    assert target.with_name("out.jsonl.run").read_bytes() == undisturbed.with_name("undisturbed.jsonl.run").read_bytes()


@pytest.mark.slow
@posix_only
def test_an_interrupt_of_all_processes_at_any_time_is_one_line(
    start: Callable[..., Any], tmp_path: Path, tiny_folder: Path
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"".join(lines(40 * 256)))
    for seconds in (0.4, 0.8, 1.2, 2.0, 3.0):
        process = start(
            *("bulk", source, target, "--overwrite", "--workers", 2, "--model", tiny_folder), start_new_session=True
        )
        time.sleep(seconds)
        own = children(process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        assert process.wait(timeout=60) == 130
        said = process.stderr.read().decode()
        *complaints, end = said.splitlines()
        assert end.startswith("provence: Interrupted.")
        # The input has lines that are no requests; they may have been reached.
        assert all(line.startswith("provence: line ") for line in complaints)
        wait_until(lambda own=own: not any(map(is_running, own)))

"""A cluster of real processes writes what one process writes."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import provence_plugins

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
    # Ray's own code.
    pytest.mark.filterwarnings("default"),
]

ROOT = Path(provence_plugins.__file__).parents[1]

Run = Callable[..., Any]
Start = Callable[..., Any]

LINES = 5 * 256 + 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ray") / "in.jsonl"
    rows = [
        {"query": "where?", "passages": ["Paris is a city in France. " * (number % 30)], "id": number}
        for number in range(LINES)
    ]
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    lines[300] = b"not json\n"
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture
def undisturbed(start: Start, source: Path, tiny_folder: Path) -> Path:
    """The output of one process."""
    path = source.with_name("undisturbed.jsonl")
    if not path.exists():
        assert start("bulk", source, path, "--model", tiny_folder).wait() == 1
    return path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines, as far as Ray is concerned."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}, shutdown_at_exit=True
    )
    cluster.add_node(num_cpus=2)
    yield cluster
    cluster.shutdown()


def same(first: Path, second: Path) -> bool:
    records = [path.with_name(f"{path.name}.run").read_bytes() for path in (first, second)]
    return first.read_bytes() == second.read_bytes() and records[0] == records[1]


def test_a_local_cluster_writes_the_bytes_of_one_process_and_says_what_it_says(
    start: Start, source: Path, undisturbed: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    process = start("bulk", source, target, "--model", tiny_folder, "--ray", "local", "--workers", 2)
    said = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 1
    assert same(target, undisturbed)
    bad, summary = own_lines(said)
    assert bad.startswith("provence: line 301: This is not valid JSON")
    assert summary.startswith(f"provence: {LINES:,} lines written; 1 of them errors;")


def test_a_running_cluster_survives_kills_of_the_command_and_of_an_actor(
    start: Start, cluster: Any, source: Path, undisturbed: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ("bulk", source, target, "--resume", "--model", tiny_folder, "--ray", cluster.address)
    killed = start(*arguments)
    wait_for_lines(killed, target)
    killed.kill()
    killed.wait()
    resumed = start(*arguments, "--workers", 2)
    os.kill(find_actor(resumed), signal.SIGKILL)
    assert resumed.wait(timeout=300) == 1
    assert same(target, undisturbed)


def test_parquet_goes_through_a_cluster_too(
    start: Start, cluster: Any, source: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [json.loads(line) for line in source.read_bytes().splitlines()[:290]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    for name, more in (("one.parquet", ()), ("many.parquet", ("--ray", cluster.address))):
        process = start("bulk", tmp_path / "in.parquet", tmp_path / name, "--model", tiny_folder, *more)
        assert process.wait(timeout=300) == 0
    assert same(tmp_path / "many.parquet", tmp_path / "one.parquet")


def test_an_interrupt_is_one_line_and_can_be_resumed(
    start: Start, cluster: Any, source: Path, undisturbed: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ("bulk", source, target, "--model", tiny_folder, "--ray", cluster.address)
    process = start(*arguments)
    wait_for_lines(process, target)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert own_lines(said)[-1].startswith("provence: Interrupted. ")
    assert "lines complete; continue with --resume." in said
    assert start(*arguments, "--resume").wait(timeout=300) == 1
    assert same(target, undisturbed)


@pytest.mark.parametrize("address", ["127.0.0.1", "ray://127.0.0.1:1", "nowhere:port", "127.0.0.1:{free}", "auto"])
def test_a_cluster_that_is_not_there_is_one_line(
    address: str, run: Run, source: Path, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        free = listener.getsockname()[1]
    # Where `auto` looks first; without it, it finds whichever cluster runs on this machine.
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free}")
    address = address.format(free=free)
    complaint = run("bulk", source, tmp_path / "out", "--model", tiny_folder, "--ray", address).complaint
    assert "--ray" in complaint
    assert not (tmp_path / "out").exists()


def test_standard_input_is_refused(run: Run, cluster: Any, tmp_path: Path, tiny_folder: Path) -> None:
    more = ("--model", tiny_folder, "--ray", cluster.address)
    assert "- is not a regular file" in run("bulk", "-", tmp_path / "out", *more).complaint


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--backend", "torch", "--device", "mps"), "mps"),
        (("--backend", "torch", "--device", "cuda"), "No machine of the cluster has 1 processors and a GPU"),
        (("--threads", 1000), "No machine of the cluster has 1000 processors"),
    ],
    ids=["a device that is not there", "no GPU", "too many threads"],
)
def test_what_no_actor_can_do_is_one_line(
    more: tuple[object, ...],
    reason: str,
    start: Start,
    cluster: Any,
    source: Path,
    tmp_path: Path,
    tiny_folder: Path,
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": cluster.address}
    arguments = ("bulk", source, tmp_path / "out", "--model", tiny_folder, "--ray", "auto", *more)
    process = start(*arguments, env=environment)
    said = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 2
    [line] = own_lines(said)
    assert line.startswith("provence: ")
    assert reason in line


def own_lines(said: str) -> list[str]:
    """What the command says, without the lines of Ray's core, which begin with a time in brackets."""
    return [line for line in said.splitlines() if not line.startswith("[20")]


def wait_for_lines(process: Any, target: Path) -> None:
    end = time.monotonic() + 200
    while not target.exists() or target.read_bytes().count(b"\n") < 256:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def find_actor(process: Any) -> int:
    """A process that prunes, which Ray names after its class."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        assert process.poll() is None
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    title = (folder / "cmdline").read_bytes()
                except OSError:
                    continue
                if title.startswith(b"ray::") and b"_GroupActor" in title:
                    return int(folder.name)
        time.sleep(0.05)
    raise AssertionError("no actor")

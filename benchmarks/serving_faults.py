"""Break a server's clients, its engine and the server itself, and see whether a request is lost or answered twice.

    python benchmarks/serving_faults.py --requests 100000
    python benchmarks/serving_faults.py --requests 2000 --model FOLDER

Clients are killed while they wait, bodies are malformed, the backend fails now and then, and the server is told to end
and is started again while clients go on. Every request has an id. The command compares what the server's log says of
each id with what its client received, and prints the counts and the memory. Its exit status is 1 if a request that the
server took was not answered, was answered twice, or got the answer to another one.
"""

import argparse
import asyncio
import json
import logging
import resource
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from time import monotonic, sleep

import uvicorn
from faulty_backend import FaultyBackend
from http_client import Answer, Connection

from provence_plugins.model.backend import load_backend
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.serving.app import create_app
from provence_plugins.serving.listening import Listener, PatientProtocol
from provence_plugins.serving.settings import ServeSettings

_FAILING_SHARE = 0.02
_KILLED_SHARE = 0.1
_MALFORMED_SHARE = 0.03
_LONGEST_LIFE_SECONDS = 0.05
_RESTARTS = 4

_MALFORMED = (b"{", b'{"query": "\xff"}', b'{"query": "x"}', b'{"query": "x", "passages": [], "polcy": 1}')


class IdLog(logging.Handler):
    """Counts how often the server says that it has answered each id."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "facts", {})
        if "status" in facts:
            self.answers[facts["request_id"]] += 1


class RestartingServer:
    """A server in a thread of this process, which can be ended and started again on the same port."""

    def __init__(self, settings: ServeSettings, backend: FaultyBackend) -> None:
        self._settings = settings
        self._backend = backend
        self.port = 0
        self.start()

    def start(self) -> None:
        listening = Listener(port=self.port).open()
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            create_app(self._settings), http=PatientProtocol, log_config=None, timeout_graceful_shutdown=60
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        while not self._server.started:
            sleep(0.01)
        self._backend.is_armed = True

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._backend.is_armed = False


@dataclass(slots=True)
class Numbers:
    """Hands out ids, and counts them."""

    taken: int = 0

    def take(self) -> str:
        self.taken += 1
        return f"r{self.taken}"


@dataclass(slots=True)
class Tally:
    """What the clients saw.

    Attributes:
        statuses: Answers by status.
        answered: Ids whose clients received their answer.
        killed: Ids whose clients did not wait.
        unanswered: Ids whose connections the server closed.
        mixed_up: Ids that received the answer to another request, or more than one.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    mixed_up: set[str] = field(default_factory=set)


async def run_client(port: int, numbers: Numbers, total: int, random: Random, tally: Tally) -> None:
    """Send requests until enough were answered, each under an id of its own."""
    connection: Connection | None = None
    while numbers.taken < total:
        connection = connection or await connect(port)
        request_id = numbers.take()
        try:
            connection = await send_one(connection, request_id, random, tally)
        except OSError:
            # The server ends and has closed the connection instead of reading from it.
            tally.unanswered.add(request_id)
            connection = None
    if connection is not None:
        if await connection.says_more(0.2):
            tally.mixed_up.add("after the last answer")
        connection.abort()


async def connect(port: int) -> Connection:
    """Connect to a server, and wait for it while it is started again."""
    while True:
        try:
            return await Connection.open(port)
        except OSError:
            await asyncio.sleep(0.05)


async def send_one(connection: Connection, request_id: str, random: Random, tally: Tally) -> Connection | None:
    """Send one request, and return the connection if it can be used again."""
    if random.random() < _KILLED_SHARE:
        tally.killed.add(request_id)
        await connection.send(body_for(request_id), request_id=request_id)
        await asyncio.sleep(random.random() * _LONGEST_LIFE_SECONDS)
        connection.abort()
        return None
    is_malformed = random.random() < _MALFORMED_SHARE
    body = random.choice(_MALFORMED) if is_malformed else body_for(request_id)
    answer = await connection.post(body, request_id=request_id)
    tally.statuses[answer.status] += 1
    tally.answered.add(request_id)
    if not belongs(answer, request_id):
        tally.mixed_up.add(request_id)
    if answer.status == 429:
        await asyncio.sleep(0.05)
    return None if answer.headers.get("connection") == "close" else connection


def body_for(request_id: str) -> bytes:
    """Return a request whose answer differs from all others."""
    passages = [{"text": f"Request {request_id} asks where Paris lies. The river is long.", "id": request_id}]
    return json.dumps({"query": "Where is Paris?", "passages": passages, "policy": {"threshold": 0}}).encode()


def belongs(answer: Answer, request_id: str) -> bool:
    """Return whether an answer is that of a request."""
    if answer.headers["x-request-id"] != request_id:
        return False
    return answer.status != 200 or answer.json()["passages"][0]["id"] == request_id


async def run_clients(server: RestartingServer, total: int, clients: int, random: Random) -> Tally:
    """Let clients send all requests, and restart the server while they do."""
    tally = Tally()
    numbers = Numbers()
    tasks = [
        asyncio.ensure_future(run_client(server.port, numbers, total, Random(random.random()), tally))
        for _ in range(clients)
    ]
    for restart in range(1, _RESTARTS + 1):
        enough = total * restart // (_RESTARTS + 1)
        while numbers.taken < enough and not all(task.done() for task in tasks):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(server.end)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*tasks)
    return tally


def peak_megabytes() -> float:
    """Return the peak of the memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=100, help="more than the queue holds, so that some are refused")
    parser.add_argument("--model", help="folder or repo id [default: the bundled model]")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = Random(options.seed)
    log = IdLog()
    logger = logging.getLogger("provence_plugins.serving")
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    backend = FaultyBackend(load_backend(open_checkpoint(options.model)), Random(random.random()), _FAILING_SHARE)
    backend.is_armed = False  # until the server has started
    server = RestartingServer(ServeSettings(model=options.model, options={"backend": backend}), backend)
    began, before = monotonic(), peak_megabytes()
    tally = asyncio.run(run_clients(server, options.requests, options.clients, random))
    server.end()
    lost = {name for name in tally.unanswered if log.answers[name]}
    twice = {name for name, times in log.answers.items() if times > 1}
    print(f"{options.requests:,} requests in {monotonic() - began:.0f} seconds, {_RESTARTS} restarts of the server")
    print("answers by status:", dict(sorted(tally.statuses.items())))
    print(f"clients killed: {len(tally.killed):,}; turned away while the server was ending: {len(tally.unanswered):,}")
    print(f"peak memory in MB: {before:.0f} before, {peak_megabytes():.0f} after")
    print(f"lost: {len(lost)}; answered twice: {len(twice)}; mixed up: {len(tally.mixed_up)}")
    sys.exit(1 if lost or twice or tally.mixed_up else 0)


if __name__ == "__main__":
    main()

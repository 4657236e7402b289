"""What a forked child gets: it prunes, or fails at once; it never hangs.

Every case is a process of its own, which forks and waits for its child under a time limit.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")

PROGRAM = """
import asyncio, os, signal, sys, threading, traceback
from provence_plugins import DirectScorer, Pruner, SharedScorer

QUERY = "what is the capital of france"
TEXTS = ["paris is the capital of france. cheese is what.", "who is in the city? " * 20, "x", "the river. " * 9]

def in_child(work):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            work()
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        sys.exit(0)  # with all that the end of an interpreter does
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"the child ended with {status}"

folder, backend, scorer, cache_tokens = sys.argv[1:]
scorers = {"direct": DirectScorer, "shared": SharedScorer}
pruner = Pruner(folder, backend=backend, threads=2, scorer=scorers[scorer], cache_tokens=int(cache_tokens))

def prune_all():
    results = [
        pruner.prune(QUERY, TEXTS),
        asyncio.run(pruner.aprune(QUERY, TEXTS)),
        asyncio.run(pruner.aprune(QUERY, TEXTS[:1])),
        next(pruner.prune_many([(QUERY, TEXTS)])),
    ]
    return [[round(passage.relevance, 4) for passage in result.passages] for result in results]
"""

ONE_AFTER_ANOTHER = """
import multiprocessing
in_child(prune_all)
before = prune_all()
def work(number=0):
    assert prune_all() == before
    return number
in_child(work)
in_child(lambda: in_child(work))
in_child(pruner.close)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(work, range(4)).get(30) == list(range(4))
assert prune_all() == before
"""

WHILE_OTHERS_PRUNE = """
before = prune_all()
done = threading.Event()
def keep_busy():
    while not done.is_set():
        pruner.prune(QUERY, TEXTS)
        asyncio.run(pruner.aprune(QUERY, TEXTS))
busy = [threading.Thread(target=keep_busy) for _ in range(2)]
for thread in busy:
    thread.start()
def work():
    assert prune_all() == before
    pruner.close()
for _ in range(2):
    in_child(work)
done.set()
for thread in busy:
    thread.join()
"""


def run(case: str, folder: Path, *, backend: str = "onnx", scorer: str = "shared", cache_tokens: int = 0) -> None:
    # On Python 3.12 and later every fork beside a thread warns.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + case]
    command += [str(folder), backend, scorer, str(cache_tokens)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scorer", [pytest.param("direct", marks=pytest.mark.slow), "shared"])
def test_a_forked_child_prunes_before_and_after_its_parent_has(tiny_folder: Path, scorer: str) -> None:
    run(ONE_AFTER_ANOTHER, tiny_folder, scorer=scorer)


# By default tests/test_threads.py forks beside threads that work.
@pytest.mark.slow
@pytest.mark.parametrize("scorer", ["direct", "shared"])
def test_a_child_that_is_forked_while_other_threads_prune_can_prune(tiny_folder: Path, scorer: str) -> None:
    run(WHILE_OTHERS_PRUNE, tiny_folder, scorer=scorer, cache_tokens=1000)


@pytest.mark.slow
def test_a_forked_child_prunes_with_torch(tiny_folder: Path) -> None:
    run(ONE_AFTER_ANOTHER, tiny_folder, backend="torch")


ADAPTER = """
from langchain_core.documents import Document
from provence_plugins.integrations.langchain import ProvenceCompressor
compressor = ProvenceCompressor(model=folder, threshold=0.0)
documents = [Document(text) for text in TEXTS]
def compress():
    first = compressor.compress_documents(documents, QUERY)
    second = asyncio.run(compressor.acompress_documents(documents, QUERY))
    assert len(first) == len(second) == len(TEXTS)
compress()
in_child(compress)
compress()
"""


# By default tests/integrations/test_fields.py asks the same of what every adapter is built on.
@pytest.mark.slow
def test_an_adapter_loads_a_pruner_of_its_own_in_a_forked_child(tiny_folder: Path) -> None:
    run(ADAPTER, tiny_folder)


MODEL_GONE = """
before = prune_all()
os.unlink(os.path.join(folder, "model_int8.onnx"))
def work():
    from provence_plugins.errors import ProvenceError
    try:
        pruner.prune(QUERY, TEXTS)
    except ProvenceError as error:
        assert "has changed" in str(error), error
    else:
        raise AssertionError("pruned with a model that is gone")
in_child(work)
assert prune_all() == before
"""


def test_a_forked_child_whose_model_is_gone_gets_a_clear_error_at_once(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    run(MODEL_GONE, folder)

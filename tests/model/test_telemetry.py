"""What this package does without being asked: no look-up, no connection, no file."""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

_PRUNE = "from provence_plugins import Pruner; Pruner(model, backend={!r}).prune('Where?', ['In France. Cheese.'])"
_DOCTOR = "from provence_plugins.cli.diagnosis import diagnose; assert diagnose(model).ready"
_TASKS = {
    "prune": _PRUNE.format("onnx"),
    "prune with torch": _PRUNE.format("torch"),
    # A torch that cannot be loaded is as good as none, and loading it takes seconds.
    "doctor": f"sys.modules['torch'] = None; {_DOCTOR}; del sys.modules['torch']",
    "doctor with torch": _DOCTOR,
    "LangChain": (
        "from langchain_core.documents import Document\n"
        "from provence_plugins.integrations.langchain import ProvenceCompressor\n"
        "ProvenceCompressor(model=model).compress_documents([Document('In France. Cheese.')], 'Where?')"
    ),
    "LlamaIndex": (
        "from llama_index.core.schema import NodeWithScore, TextNode\n"
        "from provence_plugins.integrations.llama_index import ProvencePostprocessor\n"
        "nodes = [NodeWithScore(node=TextNode(text='In France. Cheese.'))]\n"
        "ProvencePostprocessor(model=model).postprocess_nodes(nodes, query_str='Where?')"
    ),
    "messages": (
        "from provence_plugins import Pruner\n"
        "from provence_plugins.integrations.messages import prune_messages\n"
        "result = {'role': 'tool', 'tool_call_id': '1', 'content': 'In France. Cheese.'}\n"
        "prune_messages([result], 'Where?', pruner=Pruner(model), min_tokens=0)"
    ),
    "label": (
        "import pathlib\n"
        'pathlib.Path(work, \'in.jsonl\').write_text(\'{"question": "Where?", "passage": "In France."}\')\n'
        "sys.argv = ['provence', 'label', model, f'{work}/in.jsonl', f'{work}/out.jsonl']\n"
        "from provence_plugins.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code"
    ),
    "bulk": (
        "import pathlib\n"
        'pathlib.Path(work, \'in.jsonl\').write_text(\'{"query": "Where?", "passages": ["In France."]}\')\n'
        "sys.argv = ['provence', 'bulk', f'{work}/in.jsonl', f'{work}/out.jsonl', '--model', model]\n"
        "from provence_plugins.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code"
    ),
}

# The kernel ends a process that connects or sends anything, in whichever language and thread: a filter of system calls,
# as sandboxes use it. Each row of the program is an instruction: code, two jumps, value.
_GUARD = """
import ctypes, platform, struct, sys

_CALLS = {  # architecture; connect, sendto, sendmsg, sendmmsg
    "x86_64": (0xC000003E, (42, 44, 46, 307)),
    "aarch64": (0xC00000B7, (203, 206, 211, 269)),
}

def forbid_network():
    architecture, calls = _CALLS[platform.machine()]
    program = [
        (0x20, 0, 0, 4), (0x15, 0, 5, architecture),  # another architecture: allow
        (0x20, 0, 0, 0), *((0x15, 4 - row, 0, call) for row, call in enumerate(calls)),
        (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x80000000),  # allow; end the process
    ]
    code = b"".join(struct.pack("HBBI", *row) for row in program)
    buffer = ctypes.create_string_buffer(code)
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rows", ctypes.c_void_p)]
    libc, number = ctypes.CDLL(None), ctypes.c_ulong
    assert libc.prctl(38, number(1), number(0), number(0), number(0)) == 0
    assert libc.prctl(22, number(2), ctypes.byref(Program(len(program), ctypes.addressof(buffer)))) == 0

if sys.platform == "linux" and platform.machine() in _CALLS:
    forbid_network()
"""
needs_guard = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="only Linux filters system calls this way",
)


def run(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, whose home, caches and temporary files all lie in one folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "HF_"))}
    places = {name: str(home) for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "LOCALAPPDATA", "TMPDIR")}
    # Without a name in the environment torch asks the system for it, through a socket on this machine.
    settings = (
        kept | places | {"USER": "someone", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"} | environment
    )
    return subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=False)


def run_guarded(tasks: Iterable[str], model: Path, home: Path, work: Path) -> None:
    """Run tasks one after another in a process that is ended where it asks for the network, and that names each."""
    code = f"{_GUARD}model, work = {str(model)!r}, {str(work)!r}\n"
    for task in tasks:
        code += f"print({task!r}, file=sys.stderr, flush=True)\n{_TASKS[task]}\n"
    done = run(code, home)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    assert {path.name for path in work.iterdir()} <= {"in.jsonl", "out.jsonl", "out.jsonl.run"}


def test_no_file_is_written_and_nothing_is_looked_up_or_sent(
    tiny_folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_guarded(["prune", "doctor", "bulk"], tiny_folder, tmp_path, tmp_path_factory.mktemp("work"))


@pytest.mark.slow
@pytest.mark.parametrize("task", _TASKS)
def test_no_task_by_itself_writes_a_file_or_looks_up_or_sends_anything(
    task: str, tiny_folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_guarded([task], tiny_folder, tmp_path, tmp_path_factory.mktemp("work"))


@needs_guard
@pytest.mark.parametrize(
    "code", ["socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo('example.org', 80)"]
)
def test_the_guard_of_these_tests_ends_a_process_that_asks_for_the_network(code: str, tmp_path: Path) -> None:
    assert run(f"{_GUARD}import socket; {code}", tmp_path).returncode == -signal.SIGSYS


def test_the_users_own_choice_on_telemetry_stays(tmp_path: Path) -> None:
    code = (
        "import os; from provence_plugins.model.onnx_backend import telemetry_is_off; "
        "print(telemetry_is_off(), os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    assert run(code, tmp_path, ORT_DISABLE_TELEMETRY="0").stdout.split() == ["False", "0"]
    assert run(code, tmp_path).stdout.split() == ["True", "1"]


def test_a_library_that_was_loaded_before_is_reported(tmp_path: Path) -> None:
    code = (
        "import onnxruntime; from provence_plugins.model.onnx_backend import telemetry_is_off; "
        "print(telemetry_is_off())"
    )
    assert run(code, tmp_path).stdout.split() == ["False"]

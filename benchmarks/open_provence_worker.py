"""Run OpenProvence's own `process` over requests from standard input, for `speed.py --open-provence-python`.

    python benchmarks/open_provence_worker.py MODEL_FOLDER [THREADS]

Runs in an environment of its own, with the packages that the model folder's modelling code asks for; nothing of
provence_plugins is imported. Each line in is {"query": ..., "texts": [...]}, each line out the number of characters
that are left of every text. The folder's own Python code is run: name only a folder that you trust.
"""

import contextlib
import json
import sys

import torch
from transformers import AutoModel


def main() -> None:
    folder, *threads = sys.argv[1:]
    if threads:
        torch.set_num_threads(int(threads[0]))
    # Whatever the model's code prints must not stand between the answers.
    with contextlib.redirect_stdout(sys.stderr):
        model = AutoModel.from_pretrained(folder, trust_remote_code=True).train(False)
    for line in sys.stdin:
        request = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            answer = model.process(request["query"], request["texts"], title=None, show_progress=False)
        print(json.dumps([len(text) for text in answer["pruned_context"]]), flush=True)


if __name__ == "__main__":
    main()

"""Measure how fast texts are split into sentences, and how the time grows with the length for texts of every shape.

    python benchmarks/splitting.py --characters 100000 --output benchmarks/results/splitting.json
    python benchmarks/splitting.py --splitters sentencex --rounds 5
    python benchmarks/splitting.py --splitters sentencex --work pruning

Milliseconds of processor time at n, 2n, 4n and 8n characters, the least of some rounds. `growth` is what a doubling
of the length multiplies the time of a character with, on average from n to 8n: 1 is linear. `--work pruning` measures
splitting, tokenising, deciding and putting the kept text together, with scores that follow from words; no model runs.
`longest call` is the longest time that the sentence library held the interpreter.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import sentencex
from record import publish
from timing import milliseconds

from provence_plugins import Pruner
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.testing import WordBackend
from provence_plugins.text.sentences import SPLITTERS, SplitterName, split_sentences

PROSE = (
    "The old mill stands by the river. It was built in 1843 by Dr. Smith, who came from the north. Nobody has lived "
    "there since the war (see Fig. 2), yet the wheel still turns! Why it does, we do not know. "
)
SHAPES = {
    "prose": PROSE,
    "paragraphs": PROSE * 4 + "\n\n",
    "opening quotes": "“",
    "angle quotes": "«",
    "backticks": "`",
    "straight quotes": '"',
    "quoted sentences": '"He came. He left." ',
    "Chinese on one line": "这是一个普通的中文句子，没有空格。",
    "Japanese with quotes": "これは「本。」です。",
    "one kana and a stop": "か。",
    "Thai": "ภาษาไทยไม่มีจุด",
    "opening brackets": "(",
    "less-than signs": "P < .05. ",
    "one letter": "a",
    "dots": ".",
    "spaced dots": ". ",
    "initials": "A. ",
    "dotted names": "a.B",
    "addresses": "a@",
    "list marks in prose": "(J, K) = ",
    "blank lines": "\n",
    "short lines": "a\n",
    "spaces": " ",
    "indented code": "    a\n\n",
    "list items": "- a\n",
    "open items": "- ",
    "quote marks": "> ",
    "pipes": "| ",
    "tables": "a|b\n-|-\n1|2\n",
    "fences": "```\n",
    "underlines": "a\n-\n",
    "log lines": "10:02 job started\n",
    "turns": "Ann: I see.\n",
    "turns apart": "Ann: I see.\n\n",
    "fields": "key = value\n",
    "separated values": "a,b,c\n",
    "grids": "+-+\n|a|\n",
    "ruled columns": "== ==\n",
    "HTML": "<p>a</p>",
    "open tags": "<p>",
    "tags without text": "<div><b></b>",
    "cues": "00:01.000 --> 00:02.000\na\n",
    "hunks": "@@ -1 +1 @@\n",
    "terms": "a\n  b\n",
    "titles": "Title\n\n",
    "labels and items": "A:\n- b\n",
    "questions and answers": "Q: a\nA: b\n",
    "questions on lines": "A?\nB.\n",
    "authors and messages": "Ann 10:02 AM\nhi\n",
    "code lines": "pip install a\n\n",
    "indented sections": "a:\n  b: c\n",
    "opening tags on lines": "<div>\n",
    "closing tags on lines": "</div>\n",
    "comments": "/* a\n",
    "clauses": "(1) ",
    "JSON that is cut": "[1, ",
    "lone surrogates": "\ud800",
}


def main() -> None:
    options = _parse()
    rows = []
    for splitter in options.splitters:
        for name in options.shapes or SHAPES:
            rows.append([splitter, name, *_measure(SHAPES[name], splitter, options)])
    columns = ("splitter", "shape", "n", "2n", "4n", "8n", "growth", "MB/s at 8n", "longest call ms")
    table = Table(f"{options.work.capitalize()}, n = {options.characters:,} characters; milliseconds", columns, rows)
    data: dict[str, Any] = {"rows": [dict(zip(columns, row, strict=True)) for row in rows]}
    publish("Splitting", [table], data, options.output)


def _measure(shape: str, splitter: SplitterName, options: argparse.Namespace) -> list[str]:
    times = []
    for factor in (1, 2, 4, 8):
        text = (shape * (options.characters * factor // len(shape) + 1))[: options.characters * factor]
        work = _work(options.work, text, splitter)
        times.append(min(_seconds_of(work) for _ in range(options.rounds)))
    growth = (times[-1] / (8 * times[0])) ** (1 / 3)
    megabytes = 8 * options.characters / times[-1] / 1e6
    longest = milliseconds(min(_longest_call(text, splitter) for _ in range(options.rounds)))
    return [*map(milliseconds, times), f"{growth:.2f}", f"{megabytes:.1f}", longest]


def _work(name: str, text: str, splitter: SplitterName) -> Callable[[], object]:
    if name == "splitting":
        return partial(split_sentences, text, splitter)
    pruner = Pruner(backend=WordBackend(), splitter=splitter)
    return lambda: pruner.prune("Where does the river go?", [text]).text


def _seconds_of(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def _longest_call(text: str, splitter: SplitterName) -> float:
    """Return the seconds of the longest call of the Rust library while a text is split."""
    segment = sentencex.segment
    times = [0.0]

    def timed(language: str, piece: str) -> list[str]:
        began = process_time()
        sentences: list[str] = segment(language, piece)
        times.append(process_time() - began)
        return sentences

    sentencex.segment = timed
    try:
        split_sentences(text, splitter)
    finally:
        sentencex.segment = segment
    return max(times)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=25_000, help="the shortest text, n")
    parser.add_argument("--rounds", type=int, default=3, help="how often every text is split; the fastest counts")
    parser.add_argument("--splitters", nargs="+", choices=[*SPLITTERS], default=["sentencex", "regex"])
    parser.add_argument("--work", choices=["splitting", "pruning"], default="splitting", help="what is measured")
    parser.add_argument("--shapes", nargs="+", choices=[*SHAPES], help="shapes to measure [default: all]")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()

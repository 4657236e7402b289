"""The command that makes question–passage pairs of a corpus or of OpenProvence's data."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from provence_plugins.cli.options import refuse_options, require_opener
from provence_plugins.cli.streams import report
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.labelling.retrieval import RetrievalSettings, Retriever

_Layout = Literal["questions", "open-provence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusOptions:
    """The corpus, how it is cut, and how it is searched."""

    corpus: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines with text, and optionally id and title.", show_default="the passages of each question"
        ),
    ] = None
    sentences: Annotated[
        tuple[int, int], typer.Option(help="Minimum and maximum number of sentences of a passage.")
    ] = (1, 10)
    overlap: Annotated[float, typer.Option(min=0, max=0.9, help="Share of each passage that the next one repeats.")] = (
        0.5
    )
    splitter: Annotated[SplitterName, typer.Option(help="Sentence splitter.")] = "sentencex"
    candidates: Annotated[int, typer.Option(min=1, help="Number of passages that BM25 finds for a question.")] = 50
    rerank: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Rerank what BM25 finds with this model: a folder, a repo id or bundled.",
            show_default="the order of BM25",
        ),
    ] = None
    top_k: Annotated[int, typer.Option(min=1, help="Number of top passages of each question, relevant or not.")] = 5
    negatives: Annotated[
        int, typer.Option(min=0, help="Number of lower-ranked passages without an answer for each question.")
    ] = 3
    seed: Annotated[int, typer.Option(help="Seed of the random lengths of passages.")] = 0


# What says how a corpus is cut and searched; the other options also choose among given passages.
_OF_CORPUS = ("sentences", "overlap", "splitter", "candidates", "rerank", "seed")


def build(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="JSON lines with question, and optionally id, answers and passages; compressed if the "
            "name ends in .gz.",
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File for the pairs, JSON lines.")],
    corpus: CorpusOptions,
    layout: Annotated[
        _Layout, typer.Option(help="Layout of DATA: questions, or rows as OpenProvence publishes them.")
    ] = "questions",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Make question–passage pairs to label or train on (extra: eval).

    Passages are overlapping runs of sentences of a corpus. Each question gets the top of a search,
    and negatives from further down. Answer strings are found in the passages and become
    answer_spans.
    """
    require_opener(corpus, "corpus", _OF_CORPUS)
    if layout == "open-provence":
        refuse_options(corpus, [field.name for field in fields(corpus)], "--layout open-provence")
    _require_free(target, [data] if corpus.corpus is None else [data, corpus.corpus], overwrite=overwrite)
    lines = _from_open_provence(data) if layout == "open-provence" else _from_questions(data, corpus)
    report(f"{_write(lines, target):,} pairs written")


def _require_free(target: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a file that would replace an input, or another one without being asked to."""
    from provence_plugins.errors import InvalidInputError

    written = {target.resolve(), _partial(target).resolve()}
    for path in inputs:
        if path.resolve() in written:
            raise InvalidInputError(
                f"{target} would replace {path}, which is an input. Name another file for the pairs."
            )
    if target.exists() and not overwrite:
        raise InvalidInputError(f"{target} exists. Name another file, or replace it with --overwrite.")


def _partial(target: Path) -> Path:
    """Return the file that is written until all pairs are in it."""
    return target.with_name(target.name + ".partial")


# Any: plain values for JSON, in the rest of this file.
def _write(lines: Iterable[dict[str, Any]], target: Path) -> int:
    """Write all lines or nothing, and return their number."""
    partial, count = _partial(target), 0
    try:
        # Only strings can hold half a surrogate pair, and \ud800 in a string is how JSON spells it.
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as output:
            for line in _watched(lines):
                output.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _from_open_provence(data: Path) -> Iterator[dict[str, Any]]:
    from provence_plugins.data.json_lines import read_json_lines
    from provence_plugins.labelling.open_provence_data import read_rows

    for rows in read_json_lines(data, lambda row, number: list(read_rows(row)), expected="a row of OpenProvence"):
        yield from rows


def _from_questions(data: Path, options: CorpusOptions) -> Iterator[dict[str, Any]]:
    from provence_plugins.labelling.building import build_lines, read_questions, read_retrieved
    from provence_plugins.labelling.retrieval import RetrievalSettings

    settings = RetrievalSettings(top_k=options.top_k, negatives=options.negatives, candidates=options.candidates)
    retriever = None if options.corpus is None else _open_retriever(options.corpus, options, settings)
    for question in read_questions(data):
        found = read_retrieved(question, settings) if retriever is None else retriever.find(question["question"])
        yield from build_lines(question, found, settings)


def _open_retriever(
    corpus: Path,
    options: CorpusOptions,
    settings: "RetrievalSettings",
) -> "Retriever":
    from provence_plugins.labelling.corpus import PassageSizes, cut_documents, read_corpus
    from provence_plugins.labelling.retrieval import Retriever

    least, most = options.sentences
    sizes = PassageSizes(least=least, most=most, overlap=options.overlap)
    passages = list(cut_documents(read_corpus(corpus), sizes, splitter=options.splitter, seed=options.seed))
    reranker = None
    if options.rerank is not None:
        from provence_plugins.engine.pruner import Pruner

        reranker = Pruner(options.rerank)
    return Retriever(passages, settings, reranker)


def _watched(lines: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    from tqdm import tqdm

    return tqdm(lines, unit=" pairs", disable=not sys.stderr.isatty(), leave=False)

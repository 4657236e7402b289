"""`provence evaluate --qrels`: how well methods rank passages that people graded."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from provence_plugins.cli.progress import show_progress

if TYPE_CHECKING:
    from provence_plugins.data.examples import Example
    from provence_plugins.evaluation.methods.catalogue import LoadedMethod
    from provence_plugins.evaluation.reporting.result_files import Table
    from provence_plugins.text.sentences import SplitterName


def read_graded(files: Sequence[Path], qrels: Path, limit: int | None) -> "list[Example]":
    """Return the candidates of judged questions, of at most `limit` questions of each source.

    Raises:
        DataError: A file cannot be read, or a line is malformed.
    """
    from provence_plugins.data.qrels import read_candidates, read_qrels

    judgements = read_qrels(qrels)
    chosen: dict[str, set[str]] = defaultdict(set)
    examples: list[Example] = []
    for example in (each for path in files for each in read_candidates(path, judgements)):
        questions = chosen[example.source]
        if limit is None or example.question in questions or len(questions) < limit:
            questions.add(example.question)
            examples.append(example)
    return examples


def rank(
    examples: "Sequence[Example]",
    methods: "dict[str, LoadedMethod]",
    against: str | None,
    splitter: "SplitterName",
) -> "list[Table]":
    """Return the tables of the ranking.

    Raises:
        InvalidInputError: There is nothing to rank, or no method `against`.
    """
    from provence_plugins.evaluation.reranking import make_ranking_tables, rank_graded

    return make_ranking_tables(rank_graded(methods, examples, splitter, show_progress), against)

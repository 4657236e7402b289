"""Judge methods by how they rank passages that people graded."""

from collections.abc import Iterable, Mapping, Sequence

from provence_plugins.data.examples import Example
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.measure import Progress, show_nothing
from provence_plugins.evaluation.methods.catalogue import LoadedMethod, choose_reference
from provence_plugins.evaluation.methods.method import SplitPassage, score_all, split
from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, middle, resample
from provence_plugins.evaluation.metrics.ranking import graded_ndcg_at
from provence_plugins.evaluation.metrics.scored_examples import GradedQuestion, group_by_source
from provence_plugins.evaluation.metrics.significance import compare
from provence_plugins.evaluation.metrics.statistics import compute, mean_over_sources
from provence_plugins.evaluation.reporting.result_files import Cell, Table
from provence_plugins.text.sentences import SplitterName

RANKS = (5, 10, 20)
"""How many of the first passages nDCG looks at."""

_COMPARED_AT = 10


def rank_graded(
    methods: Mapping[str, LoadedMethod],
    examples: Iterable[Example],
    splitter: SplitterName,
    progress: Progress = show_nothing,
) -> dict[str, list[GradedQuestion]]:
    """Return for each method the graded questions with the relevance that it gives their passages.

    A system with fixed outputs ranks nothing and is left out.

    Raises:
        InvalidInputError: No question has passages of different grades, or no method ranks.
    """
    passages: Sequence[SplitPassage] = list(split(examples, splitter))
    ranking = {name: method for name, method in methods.items() if method.output is None}
    if not ranking:
        raise InvalidInputError("No method ranks passages; one with fixed outputs cannot. Name another with --method.")
    ranked: dict[str, list[GradedQuestion]] = {}
    for name in progress(list(ranking), "methods"):
        scores = score_all(ranking[name].score, passages)
        ranked[name] = list(judge(passages, scores).graded)
    if not any(ranked.values()):
        raise InvalidInputError(
            "No question has passages of different grades, so there is nothing to rank. Check that "
            "query_id and passage_id of the data are those of the judgements."
        )
    return ranked


def make_ranking_tables(
    ranked: Mapping[str, Sequence[GradedQuestion]],
    against: str | None = None,
) -> list[Table]:
    """Return the table of nDCG and, with several methods, that of the differences from one of them.

    Args:
        ranked: What `rank_graded` returned.
        against: The method that the others are compared with; None takes the last.

    Raises:
        InvalidInputError: There is no method `against`.
    """
    reference = choose_reference(list(ranked), against)
    tables = [_values(ranked), _differences(ranked, reference)]
    return [table for table in tables if table.rows]


def _values(ranked: Mapping[str, Sequence[GradedQuestion]]) -> Table:
    rows: list[list[Cell]] = []
    for name, questions in ranked.items():
        cells: list[Cell] = [name]
        for ranks in RANKS:
            statistic = mean_over_sources(graded_ndcg_at(ranks))
            interval = middle(resample(questions, statistic, rounds=ROUNDS))
            cells.append(f"{compute(statistic, questions):.3f} [{interval.low:.3f}, {interval.high:.3f}]")
        rows.append(cells)
    [questions, *_] = ranked.values()
    passages = sum(len(question.grades) for question in questions)
    note = (
        f"{len(questions):,} questions with {passages:,} passages; sources: "
        f"{len(group_by_source(questions))}. Means over sources, with 95 % intervals. The gain of "
        f"grade g is 2 to the power of g, minus 1; the best order is that of the given passages, "
        f"and ties count against a method."
    )
    return Table("Graded reranking", ["method", *(f"nDCG@{ranks}" for ranks in RANKS)], rows, note)


def _differences(ranked: Mapping[str, Sequence[GradedQuestion]], against: str) -> Table:
    statistic = mean_over_sources(graded_ndcg_at(_COMPARED_AT))
    rows: list[list[Cell]] = []
    for name, questions in ranked.items():
        if name != against:
            found = compare(ranked[against], questions, statistic)
            ends = f"[{found.interval.low:+.3f}, {found.interval.high:+.3f}]"
            rows.append([against, name, f"{found.difference:+.3f} {ends}", f"{found.p_value:.3f}"])
    note = f"nDCG@{_COMPARED_AT}. Paired bootstrap over questions, stratified by source; 95 % intervals."
    return Table("Differences", ["method", "against", "difference", "p"], rows, note)

"""Measure what a pruner keeps of real texts, by kind of text and by type of question, with headings and ties.

Unlike `provence evaluate`, which compares the scores of single sentences with a threshold, this asks the whole pruner.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provence_plugins import PrunedPassage, Pruner, PruneResult, PruningPolicy, Span
from provence_plugins.data.examples import Example, read_examples
from provence_plugins.evaluation.reporting.result_files import Cell, Table
from provence_plugins.thresholds import THRESHOLD_NAMES, Threshold

_DATA = Path(__file__).parent / "data" / "real_texts.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question at one threshold.

    Attributes:
        example: The question and its text.
        kept: How many of the marked places are kept to the last letter.
        lost: The marked places that are not.
        removed: Characters removed.
    """

    example: Example
    kept: int
    lost: Sequence[Span]
    removed: int


def judge(example: Example, pruned: PrunedPassage) -> Outcome:
    """Compare what is kept of a text with the marked places."""
    text = example.passage.text
    kept = [False] * len(text)
    for span in pruned.kept_spans:
        kept[span.start : span.end] = [True] * (span.end - span.start)
    lost = [
        span
        for span in example.evidence
        if not all(kept[place] or not text[place].isalnum() for place in range(span.start, span.end))
    ]
    return Outcome(example, len(example.evidence) - len(lost), lost, kept.count(False))


def summarise(outcomes: Sequence[Outcome]) -> list[Cell]:
    """Return the number of questions, and in per cent those kept in part and in whole, and the characters removed."""
    characters = sum(len(outcome.example.passage.text) for outcome in outcomes)
    in_part = sum(outcome.kept > 0 for outcome in outcomes) / len(outcomes)
    in_whole = sum(not outcome.lost for outcome in outcomes) / len(outcomes)
    removed = sum(outcome.removed for outcome in outcomes) / characters
    return [len(outcomes), *(f"{100 * share:.1f}" for share in (in_part, in_whole, removed))]


def break_down(title: str, outcomes: Iterable[Outcome], name_of: Callable[[Example], str | None]) -> Table:
    """Return a table with a row for each group of questions, the largest group first."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[name_of(outcome.example) or "not named"].append(outcome)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return Table(title, [title, *_COLUMNS], [[name, *summarise(group)] for name, group in ordered])


_COLUMNS = ["questions", "kept", "all of it", "removed"]


def prune_all(path: Path, model: str | None, window_tokens: int | None) -> list[tuple[Example, PruneResult]]:
    """Prune each text for its question; other thresholds are tried on the same scores."""
    examples = list(read_examples(path))
    with Pruner(model, window_tokens=window_tokens) as pruner:
        return [(example, pruner.prune(example.question, [example.passage])) for example in examples]


def at(results: Sequence[tuple[Example, PruneResult]], threshold: Threshold | None) -> list[Outcome]:
    """Decide all results again with another threshold."""
    outcomes = []
    for example, result in results:
        decided = result.with_policy(PruningPolicy(threshold=threshold))
        [pruned] = (*decided.passages, *decided.dropped)
        outcomes.append(judge(example, pruned))
    return outcomes


def list_lost(outcomes: Iterable[Outcome]) -> str:
    """Return the questions that lose a marked place, each with what it loses."""
    lines: list[str] = []
    for outcome in outcomes:
        example = outcome.example
        for span in outcome.lost:
            lines += ["", f"{example.id}: {example.question}", f"  {example.passage.text[span.start : span.end]!r}"]
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and on request the places that are lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=_DATA, help="labelled JSON lines")
    parser.add_argument("--model", help="a model folder or name [default: the shipped model]")
    parser.add_argument("--window-tokens", type=int, help="longest window [default: the model's]")
    parser.add_argument("--lost", action="store_true", help="list what is lost at the default threshold")
    given = parser.parse_args()
    results = prune_all(given.data, given.model, given.window_tokens)
    thresholds = results[0][1].thresholds
    tried: dict[str, Threshold | None] = {
        f"{thresholds.default:g}, the default": None,
        f"{thresholds.default / 2:g}, half of it": thresholds.default / 2,
        f"{thresholds.default * 2:g}, twice": thresholds.default * 2,
        **{f'"{name}"': name for name in THRESHOLD_NAMES if name in thresholds.named},
    }
    rows: list[list[Cell]] = [[label, *summarise(at(results, value))] for label, value in tried.items()]
    outcomes = at(results, None)
    tables = [
        Table("threshold", ["threshold", *_COLUMNS], rows),
        break_down("kind of text", outcomes, lambda example: example.kind),
        break_down("type of question", outcomes, lambda example: example.question_type),
    ]
    print("\n\n".join(table.to_markdown() for table in tables))
    if given.lost:
        print(list_lost(outcomes))


if __name__ == "__main__":
    main()

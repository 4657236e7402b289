"""Draw the pairs of a question and a passage that a teacher labels for a recipe.

    python recipes/draw_pairs.py recipes/minilm-v7.toml pairs.jsonl

Each question comes with the passage that answers it and with one that does not: a negative of its own, or, in a source
without negatives, two of those that BM25 finds among such sources. For one in seven another passage of the same page is
added, for one in ten a passage from anywhere. The order is random, and the same in every run.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from rank_bm25 import BM25Okapi

from provence_plugins.data.examples import Example, read_all_examples
from provence_plugins.data.files import find_files
from provence_plugins.evaluation.methods.baselines import content_words
from provence_plugins.training.recipes import read_settings

MOST = 3000
"""Questions of one source; small sources are repeated in training, so that more of a large one would hardly be read."""

SAME_PAGE, ANYWHERE = 0.15, 0.1
FOUND, TAKEN = 12, 2
"""Passages that BM25 finds for a question of a source without negatives, and how many of them are drawn."""

# The question of the first, the passage of the second.
Pair = tuple[Example, Example]


@dataclass(frozen=True, slots=True)
class Pool:
    """The examples of all sources.

    Attributes:
        own: By source, the positives and the negatives that people marked.
        mined: By source and id of the question, the negatives that a search found.
        pages: By source and title, the positives and marked negatives with this title.
    """

    own: dict[str, list[Example]]
    mined: dict[tuple[str, str], list[Example]]
    pages: dict[tuple[str, str | None], list[Example]]


def main() -> None:
    """Draw the pairs of the recipe that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="its train names the files of examples")
    parser.add_argument("output", type=Path, help="file for the pairs")
    options = parser.parse_args()
    examples = read_all_examples(find_files(read_settings(options.recipe).data.train))
    chance = Random(15)
    pairs = list(dict.fromkeys(draw(_sort(examples), chance)))
    chance.shuffle(pairs)
    with options.output.open("w", encoding="utf-8") as output:
        output.writelines(_line(asked, read) for asked, read in pairs)


def draw(pool: Pool, chance: Random) -> Iterator[Pair]:
    """Yield the pairs, source by source."""
    everyone = [example for group in pool.own.values() for example in group]
    without = [group for group in pool.own.values() if not any((one.source, one.id) in pool.mined for one in group)]
    near = Neighbours([example for group in without for example in group])
    for source, group in sorted(pool.own.items()):
        for example in _at_most(MOST // 2, [one for one in group if not one.positive], chance):
            yield example, example
        for example in _at_most(MOST, [one for one in group if one.positive], chance):
            yield example, example
            if mined := pool.mined.get((source, example.id)):
                negative = chance.choice(mined)
                yield negative, negative
            elif group in without:
                found = near.find(example)
                yield from ((example, other) for other in chance.sample(found, min(TAKEN, len(found))))
            kind = chance.random()
            page = pool.pages[source, example.passage.title] if example.passage.title else []
            other = chance.choice(page if kind < SAME_PAGE and page else everyone)
            if kind < SAME_PAGE + ANYWHERE and other.passage.text != example.passage.text:
                yield example, other


class Neighbours:
    """The passages of some examples, found by their words."""

    def __init__(self, examples: Sequence[Example]) -> None:
        first: dict[str, Example] = {}
        for example in examples:
            first.setdefault(example.passage.text, example)
        self._examples = list(first.values())
        self._index = BM25Okapi([content_words(text) for text in first]) if first else None

    def find(self, example: Example) -> list[Example]:
        """Return the passages nearest to a question and its title, without its own."""
        assert self._index is not None
        words = content_words(f"{example.question} {example.passage.title or ''}")
        order = np.argsort(-self._index.get_scores(words), kind="stable")[: FOUND + 1]
        found = [self._examples[row] for row in order]
        return [one for one in found if one.passage.text != example.passage.text][:FOUND]


def _sort(examples: Sequence[Example]) -> Pool:
    pool = Pool(defaultdict(list), defaultdict(list), defaultdict(list))
    for example in examples:
        if example.is_mined:
            pool.mined[example.source, example.question_id].append(example)
        else:
            pool.own[example.source].append(example)
            pool.pages[example.source, example.passage.title].append(example)
    return pool


def _at_most(number: int, examples: Sequence[Example], chance: Random) -> Sequence[Example]:
    return examples if len(examples) <= number else chance.sample(examples, number)


def _line(asked: Example, read: Example) -> str:
    pair = {"id": asked.id, "passage_id": read.id, "question": asked.question}
    return json.dumps({**pair, "passage": read.passage.text, "title": read.passage.title}, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()

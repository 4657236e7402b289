"""The browser decides as the engine does: thousands of random cases, in a real browser."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import pytest

from provence_plugins import Passage, Pruner, PruningPolicy, Sentence
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import RelevanceScale, ScoredPassage
from provence_plugins.engine.policy import ALL_TIES, Order, WhenEmpty
from provence_plugins.engine.results import PruneResult
from provence_plugins.serving.page_data import describe_cut, describe_scores
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import FormTie, Kind, Tie, TieKind

if TYPE_CHECKING:
    from playwright.sync_api import Page

CASES = 600

THRESHOLDS = Thresholds(0.1, passage_comparison=0.5)

KINDS: Sequence[Kind] = get_args(Kind)
TIES: Sequence[TieKind] = (*ALL_TIES, *get_args(FormTie))

# White space of every kind, among it what JavaScript's \s has and Python's isspace has not, and the other way round.
ENDS = (" ", "\n", "\n\n", "", "\x1c", "\x85", "\ufeff", "\u2028", "  ", "\r\n", "\t", "\u180e", "\u200b", "\u3000")
WORDS = ("tower", "castle", "Ünï", "🏰", "a", "👩‍👩‍👧", "x\ud800y", "|", "<b>")


def count_words(text: str) -> int:
    return len(text.split())


def make_passage(rng: random.Random, index: int) -> ScoredPassage:
    texts = []
    sureness = rng.choice((1.0, 1.0, 0.2, 0.05))
    for _ in range(rng.choice((0, 1, 2, 4, 8, 15))):
        words = " ".join(rng.choices(WORDS, k=rng.choice((0, 1, 3, 8, 20))))
        texts.append(words + rng.choice(ENDS) or " ")
    sentences: list[Sentence] = []
    for number, text in enumerate(texts):
        start = sentences[-1].end if sentences else 0
        ties = [Tie(rng.choice(TIES), rng.randrange(len(texts))) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
        heading = rng.randrange(number) if number and rng.random() < 0.3 else None
        sentences.append(Sentence(start, start + len(text), rng.choice(KINDS), heading, ties=tuple(ties)))
    return ScoredPassage(
        index=index,
        passage=Passage("".join(texts)),
        # Few values, so that many are equal.
        relevance=rng.choice((-1.0, 0.0, 0.25, 0.5, 0.5, rng.random())),
        sentences=sentences,
        probabilities=[sureness * rng.choice((0.0, 0.1, 0.1, 0.3, 1.0, rng.random())) for _ in texts],
        token_counts=[count_words(text) for text in texts],
        is_legible=rng.random() < 0.9,
        relevance_scale=rng.choice(get_args(RelevanceScale)),
    )


def make_policy(rng: random.Random) -> PruningPolicy:
    return PruningPolicy(
        threshold=rng.choice((None, 0.0, 0.01, 0.1, 0.3, 0.7, 1.0, rng.random())),
        top_n=rng.choice((None, None, 1, 2)),
        max_tokens=rng.choice((None, 0, 1, 2, 5, 12, 30, 80)),
        keep_title=rng.random() < 0.3,
        keep_headings=rng.random() < 0.7,
        min_sentences=rng.choice((1, 1, 2, 5)),
        when_empty=rng.choice(get_args(WhenEmpty)),
        order=rng.choice(get_args(Order)),
        min_relevance=rng.choice((None, None, 0.0, 0.25, 0.5)),
        keep_neighbors=(rng.choice((0, 0, 1, 2)), rng.choice((0, 0, 1, 30))),
        pins=rng.choice((None, None, "castle", "🏰 a")),
        ties=tuple(rng.sample(ALL_TIES, rng.randrange(len(ALL_TIES) + 1))),
        token_counter=rng.choice((None, None, "characters")),
        passage_comparison=rng.choice((None, 0.25, 1.0, 10.0)),
    )


def make_case(seed: int) -> PruneResult:
    rng = random.Random(seed)
    passages = [make_passage(rng, index) for index in range(rng.choice((0, 1, 2, 3, 5)))]
    policy = make_policy(rng)
    kept, dropped = decide(passages, policy, THRESHOLDS, count_words)
    return PruneResult("q", kept, dropped, policy, THRESHOLDS, count_words)


def expected(result: PruneResult) -> dict[str, Any]:
    rows = [
        {
            "row": passage.index,
            "numbers": sorted(passage.numbers),
            "parts": [[number, [part.start, part.end, part.tokens]] for number, part in sorted(passage.parts.items())],
            "tokens": passage.tokens_after,
        }
        for passage in result.passages
    ]
    return {"kept": rows, "dropped": [passage.index for passage in result.dropped], "text": result.text}


# Cuts need the tokenizer: they are given as the server would give them, one round after the other.
# JSON in and out, because the driver's own notation is slow and loses halves of surrogate pairs.
DECIDE = """async (cases) => {
  const {decide, countKept, keptText} = await import("/decide.js");
  const answers = JSON.parse(cases).map(({passages, policy, texts, cuts}) => {
    const {kept, dropped, wanted} = decide(passages, policy, new Map(Object.entries(cuts)));
    return {
      wanted,
      kept: kept.map((row) => ({
        row: row.row,
        numbers: [...row.numbers].sort((a, b) => a - b),
        parts: [...row.parts].map(([number, part]) => [number, [part.start, part.end, part.tokens]])
          .sort(([one], [other]) => one - other),
        tokens: countKept(passages[row.row], row),
      })),
      dropped: dropped.map(({row}) => row),
      text: keptText(kept, passages, texts.map((text) => Array.from(text))),
    };
  });
  return JSON.stringify(answers);
}"""


def in_browser(page: "Page", results: Sequence[PruneResult]) -> list[dict[str, Any]]:
    """Return what the browser decides for each case."""
    cases = []
    for result in results:
        passages = sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)
        cases.append(describe_scores(result) | {"texts": [each.passage.text for each in passages], "cuts": {}})

    def ask(numbers: Iterable[int]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = json.loads(
            page.evaluate(DECIDE, json.dumps([cases[number] for number in numbers]))
        )
        return answers

    answers = ask(range(len(cases)))
    for _ in range(30):
        wanting = [number for number, answer in enumerate(answers) if answer["wanted"]]
        for number in wanting:
            wanted = answers[number]["wanted"]
            sentence = cases[number]["passages"][wanted["row"]]["sentences"][wanted["number"]]
            text = cases[number]["texts"][wanted["row"]][sentence["start"] : sentence["end"]]
            cut = describe_cut(text, wanted["room"], results[number].policy, count_words, is_json=wanted["is_json"])
            cases[number]["cuts"][wanted["key"]] = cut
        for number, answer in zip(wanting, ask(wanting), strict=True):
            answers[number] = answer
    assert [answer.pop("wanted") for answer in answers] == [None] * len(results)
    return answers


def wrong_cases(page: "Page", results: Sequence[PruneResult]) -> list[int]:
    """Return the numbers of the cases that differ; a comparison of all of them would take minutes to explain."""
    answers = in_browser(page, results)
    return [
        number
        for number, (answer, result) in enumerate(zip(answers, results, strict=True))
        if answer != expected(result)
    ]


def test_the_browser_keeps_what_the_engine_keeps(open_modules: Callable[[], "Page"]) -> None:
    results = [make_case(seed) for seed in range(CASES)]
    assert wrong_cases(open_modules(), results) == []
    # The cases say something only if they differ.
    assert sum(1 for result in results if result.passages and result.dropped) > CASES / 10
    assert sum(1 for result in results for passage in result.passages if passage.parts) > CASES / 100


def test_scores_are_described_in_the_order_of_the_input(words: Pruner) -> None:
    policy = PruningPolicy(threshold=0.2, order="relevance", pins="meadow", token_counter="characters")
    texts = ["Sheep graze on the meadow. The castle.", "Sheep.", "The castle has towers."]
    described = describe_scores(words.prune("castle towers", texts, policy))
    assert [passage["index"] for passage in described["passages"]] == [0, 1, 2]
    assert described["policy"]["threshold"] == 0.2
    first, second = described["passages"][0]["sentences"]
    assert (first["pinned"], second["pinned"]) == (True, False)
    assert first["cost"] == len("Sheep graze on the meadow. ")
    assert first["tokens"] < first["cost"]


def test_a_cut_is_that_of_the_engine() -> None:
    text = "One two, three four five."
    assert describe_cut(text, 3, PruningPolicy(), count_words, is_json=False) == {
        "skipped": 0,
        "characters": 9,
        "tokens": 2,
        "cost": 2,
        "space": {"cost": 0, "breaks": 0, "whole": False},
    }
    by_characters = PruningPolicy(token_counter="characters")
    assert describe_cut(text, 5, by_characters, count_words, is_json=False)["characters"] == 4
    assert describe_cut("    " + text, 3, by_characters, count_words, is_json=False)["skipped"] == 4
    assert describe_cut(text, 0, by_characters, count_words, is_json=False)["characters"] == 0
    assert describe_cut("two \\u00e9 three", 7, by_characters, count_words, is_json=True)["characters"] == 4


@pytest.mark.slow
def test_the_browser_keeps_what_the_engine_keeps_in_many_more_cases(open_modules: Callable[[], "Page"]) -> None:
    page = open_modules()
    for first in range(CASES, 20 * CASES, CASES):
        assert wrong_cases(page, [make_case(seed) for seed in range(first, first + CASES)]) == []

"""The browser shows what notebooks and --html show: the same elements, in a real browser."""

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import pytest

from provence_plugins import Passage, PruningPolicy, Sentence
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import PrunedPassage, ScoredPassage
from provence_plugins.engine.results import PruneResult
from provence_plugins.serving.page_data import describe_scores
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Kind

if TYPE_CHECKING:
    from playwright.sync_api import Page

CASES = 200

# All that the parser of HTML leaves as it is; hostile, structured and beyond 16 bits.
PIECES = (
    "castle ", "| a | b |\n", "|---|:--|\n", "a|b", "\\| c |", "## ", "#", "<script>alert(1)</script>", "&amp;", "\n\n",
    "</span>", "🏰", "\t", "\"'>", " ", "|", "||", "x = 1\n", "e\u0301", "\u2028", "שלום ", "</style><img src=x>", "-",
)  # fmt: skip

# What rounding can get wrong: halves that are exact in binary, and very small numbers.
NUMBERS = (0.0, 1.0, 0.5, 0.125, 0.375, 0.0625, 0.1875, 0.005, 0.015, 0.0195, 1e-5, 3e-7, 0.9995, 0.99951, 1 / 3)


def make_case(seed: int) -> tuple[PruneResult, list[str]]:
    rng = random.Random(seed)
    passages = []
    for index in range(rng.choice((0, 1, 2, 4))):
        texts = ["".join(rng.choices(PIECES, k=rng.choice((1, 2, 5, 9)))) for _ in range(rng.choice((0, 1, 3, 9)))]
        sentences: list[Sentence] = []
        for text in texts:
            start = sentences[-1].end if sentences else 0
            kind: Kind = rng.choice((*get_args(Kind), "table_row", "table_header"))
            sentences.append(Sentence(start, start + len(text), kind))
        passages.append(
            ScoredPassage(
                index=index,
                passage=Passage("".join(texts), rng.choice((None, "", "<b>Title</b>"))),
                relevance=rng.choice((*NUMBERS, -1.0, 12.3456, -0.0005)),
                sentences=sentences,
                probabilities=[rng.choice((*NUMBERS, rng.random())) for _ in texts],
                token_counts=[rng.choice((0, 1, 3, 8)) for _ in texts],
            )
        )
    policy = PruningPolicy(
        threshold=rng.choice((*NUMBERS, rng.random(), rng.random() / 1000)),
        max_tokens=rng.choice((None, None, 2, 5)),
        order=rng.choice(("input", "relevance")),
        passage_comparison=rng.choice((0.0, 0.5)),
    )
    kept, dropped = decide(passages, policy, Thresholds(0.1), lambda text: len(text) // 2)
    names = [f"<i>{index}</i>.md" for index in range(len(passages))] if rng.random() < 0.5 else []
    return PruneResult("<script>alert(1)</script> & why?", kept, dropped, policy, Thresholds(0.1)), names


def describe(result: PruneResult, names: list[str]) -> dict[str, Any]:
    """Return a case as the page has it after deciding."""
    scores = {passage["index"]: passage for passage in describe_scores(result)["passages"]}

    def row(passage: PrunedPassage, is_dropped: bool) -> dict[str, Any]:
        return scores[passage.index] | {
            "name": names[passage.index] if names else "",
            "text": passage.passage.text,
            "tokensBefore": passage.tokens_before,
            "tokensAfter": passage.tokens_after,
            "numbers": sorted(passage.numbers),
            "parts": [[number, {"start": part.start, "end": part.end}] for number, part in passage.parts.items()],
            "isDropped": is_dropped,
        }

    rows = [*(row(passage, False) for passage in result.passages), *(row(passage, True) for passage in result.dropped)]
    return {
        "html": result.to_html(names=names),
        "view": {
            "query": result.query,
            "threshold": result.threshold,
            "passageComparison": result.passage_comparison,
            "rows": rows,
        },
    }


COMPARE = """async (cases) => {
  const {passageView, top} = await import("/view.js");
  const tree = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    const attributes = [...node.attributes].map(({name, value}) =>
      [name, name === "style" ? node.style.cssText : value]).sort();
    node.normalize();
    return [node.tagName, attributes, ...[...node.childNodes].map(tree).filter((child) => child !== "\\n")];
  };
  return JSON.parse(cases).map(({html, view}) => {
    const section = new DOMParser().parseFromString(html, "text/html").querySelector("section");
    section.querySelector("style").remove();
    const rows = view.rows.map((row) => ({
      ...row, characters: Array.from(row.text), numbers: new Set(row.numbers), parts: new Map(row.parts),
    }));
    const made = document.createElement("section");
    made.className = "provence";
    made.setAttribute("aria-label", "Pruned passages");
    made.append(...top({...view, rows}), ...rows.map(passageView));
    return [JSON.stringify(tree(section)), JSON.stringify(tree(made))];
  });
}"""


@pytest.mark.slow  # starts a browser
def test_the_browser_shows_the_elements_that_html_has(open_modules: "Callable[[], Page]") -> None:
    cases = [describe(*make_case(seed)) for seed in range(CASES)]
    pairs = open_modules().evaluate(COMPARE, json.dumps(cases))
    assert len(pairs) == CASES
    # Seeds alone, because a comparison of two long views would take minutes to explain.
    assert [seed for seed, (expected, shown) in enumerate(pairs) if expected != shown] == []


def test_every_part_of_the_view_is_among_the_cases() -> None:
    """Without this, the comparison could pass on empty views."""
    pages = "".join(describe(*make_case(seed))["html"] for seed in range(CASES))
    for sign in (
        "<details open>",
        "<details>",
        "<del>",
        'role="table"',
        "provence-mark",
        "provence-code",
        "dropped, best",
    ):
        assert pages.count(sign) > 10, sign

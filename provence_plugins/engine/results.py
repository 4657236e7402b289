"""What comes out of pruning a query's passages, and deciding it anew."""

from dataclasses import asdict, dataclass
from typing import Any

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.rendering import render_html, render_terminal
from provence_plugins.engine.stats import PruneStats

__all__ = ["PruneResult", "PrunedPassage", "ScoredSentence"]


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The passages of one query after pruning. Nothing is lost: other policies can be tried on the same scores.

    Attributes:
        query: The question.
        passages: The passages that remain, in the policy's order.
        dropped: The others, in input order, with no sentence kept.
        policy: The policy behind the decisions, as it was given.
        default_threshold: The checkpoint's own threshold.
    """

    query: str
    passages: tuple[PrunedPassage, ...]
    dropped: tuple[PrunedPassage, ...]
    policy: PruningPolicy
    default_threshold: float

    @property
    def threshold(self) -> float:
        """The threshold that was used: the policy's, or the checkpoint's own where the policy names none."""
        return self.policy.threshold_or(self.default_threshold)

    @property
    def tokens_before(self) -> int:
        """How many tokens all passages had, the dropped ones included."""
        return sum(passage.tokens_before for passage in (*self.passages, *self.dropped))

    @property
    def tokens_after(self) -> int:
        """How many tokens stay."""
        return sum(passage.tokens_after for passage in self.passages)

    @property
    def stats(self) -> PruneStats:
        """What pruning saves, in tokens, money and time; stats of several results can be added up."""
        return PruneStats(self.tokens_before, self.tokens_after, len(self.passages), len(self.dropped))

    def with_policy(self, policy: PruningPolicy) -> "PruneResult":
        """The result that another policy gives on the same probabilities, without a model call."""
        passages, dropped = decide((*self.passages, *self.dropped), policy, self.default_threshold)
        return PruneResult(self.query, passages, dropped, policy, self.default_threshold)

    # Any: nested plain values, ready for json.dumps.
    def to_dict(self) -> dict[str, Any]:
        """The result as plain values that JSON can hold.

        Returns:
            `query`, `threshold`, `tokens_before`, `tokens_after`;
            `passages`: for each that remains `index`, `title`, `relevance`, `text`, `kept_spans` (pairs of start and
            end in the original text), `tokens_before`, `tokens_after` and `sentences` (for each `start`, `end`,
            `probability`, `kept`, `kind`, `tokens`, `heading`);
            `dropped`: for each of the others `index`, `relevance` and `tokens_before`.
        """
        return {
            "query": self.query,
            "threshold": self.threshold,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "passages": [_remaining_dict(passage) for passage in self.passages],
            "dropped": [_dropped_dict(passage) for passage in self.dropped],
        }

    def to_html(self) -> str:
        """A self-contained HTML fragment that shows what was kept and what was removed."""
        return render_html(self.query, self.passages, self.dropped)

    def to_terminal(self, color: bool = True) -> str:
        """The same for the terminal, with ANSI codes or, without colour, removed text in `[-…-]`."""
        return render_terminal(self.query, self.passages, self.dropped, color=color)

    def _repr_html_(self) -> str:
        return self.to_html()


def _remaining_dict(passage: PrunedPassage) -> dict[str, Any]:
    return {
        "index": passage.index,
        "title": passage.passage.title,
        "relevance": passage.relevance,
        "text": passage.text,
        "kept_spans": [[span.start, span.end] for span in passage.kept_spans],
        "tokens_before": passage.tokens_before,
        "tokens_after": passage.tokens_after,
        "sentences": [asdict(sentence) for sentence in passage.sentences],
    }


def _dropped_dict(passage: PrunedPassage) -> dict[str, Any]:
    return {"index": passage.index, "relevance": passage.relevance, "tokens_before": passage.tokens_before}

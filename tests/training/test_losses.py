import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from provence_plugins.tokens.windows import Window
from provence_plugins.training.losses import Targets, keep_loss, make_targets, mark_loss, ranking_loss
from provence_plugins.training.sampling import LabelledWindow


def item(
    *sentences: tuple[int, int],
    length: int,
    keep: tuple[bool, ...] | None = None,
    positive: bool = True,
    teacher: float | None = None,
    marked: tuple[int, ...] = (),
    silver: tuple[float, ...] | None = None,
) -> LabelledWindow:
    parts = tuple((number, start, end) for number, (start, end) in enumerate(sentences))
    texts = tuple(f"sentence {number}" for number in range(len(parts)))
    return LabelledWindow(
        Window([1] * length, 2, 0, 1, parts), "question", texts, keep, positive, teacher, marked, silver
    )


def cross_entropy(probability: float, label: float) -> float:
    return -label * math.log(probability) - (1 - label) * math.log(1 - probability)


def targets(sentence: list[list[int]], keep: list[float]) -> Targets:
    rows = [next(row for row, numbers in enumerate(sentence) if number in numbers) for number in range(len(keep))]
    none, unasked = torch.zeros(len(sentence)), torch.zeros(len(keep))
    numbers = torch.tensor(sentence)
    tokens = (numbers.flatten() >= 0).nonzero().flatten()
    return Targets(
        tokens,
        numbers.flatten()[tokens],
        torch.tensor(rows).long(),
        torch.tensor(keep),
        none,
        none.bool(),
        none,
        unasked,
        unasked,
    )


def test_labels_lie_where_the_tokens_lie() -> None:
    made = make_targets(
        [
            item((2, 4), (4, 5), length=6, keep=(True, False), marked=(3,)),
            item((1, 3), length=4, positive=False),
            item((1, 2), length=3, keep=(True,), teacher=-2.5),
        ]
    )
    # Three rows of six tokens.
    assert made.tokens.tolist() == [2, 3, 4, 13]
    assert made.sentence.tolist() == [0, 0, 1, 2]
    assert made.keep.tolist() == [1.0, 0.0, 1.0]
    assert made.row.tolist() == [0, 0, 2]
    assert made.relevance.tolist() == [1.0, 0.0, -2.5]
    assert made.from_teacher.tolist() == [False, False, True]
    assert made.marked.tolist() == [0.0, 1.0, 0.0, 0.0]


def test_a_teacher_fills_in_what_people_did_not_label_and_has_its_share_of_the_rest() -> None:
    made = make_targets(
        [
            item((1, 2), (2, 3), length=4, keep=(True, False), silver=(0.6, 0.2)),
            item((1, 2), length=4, silver=(0.3,)),
            item((1, 2), length=4, keep=(True,)),
        ],
        silver_weight=0.25,
    )
    assert made.tokens.tolist() == [1, 2, 5, 9]
    assert made.sentence.tolist() == [0, 1, 2, 3]
    assert made.with_silver().keep.tolist() == pytest.approx([0.9, 0.05, 0.3, 1.0])
    assert made.keep.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_labels_that_do_not_match_the_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        make_targets([item((1, 2), (2, 3), length=4, keep=(True,))])


def test_the_keep_loss_adds_tokens_and_sentence_means() -> None:
    probabilities = torch.tensor([[0.5, 0.9, 0.6, 0.2, 0.5]])
    labels = targets([[-1, 0, 0, 1, -1]], [1.0, 0.0])
    tokens = (cross_entropy(0.9, 1) + cross_entropy(0.6, 1) + cross_entropy(0.2, 0)) / 3
    sentences = (cross_entropy(0.75, 1) + cross_entropy(0.2, 0)) / 2
    for weight in (0.0, 0.5, 2.0):
        loss = keep_loss(probabilities.logit(), labels, sentence_weight=weight)
        assert loss.item() == pytest.approx(tokens + weight * sentences, abs=1e-5)
        loss = keep_loss(probabilities.logit(), labels, token_weight=0.0, sentence_weight=weight)
        assert loss.item() == pytest.approx(weight * sentences, abs=1e-5)


def test_the_keep_loss_is_zero_without_labels_and_still_has_a_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = keep_loss(logits, targets([[-1] * 3] * 2, []), sentence_weight=0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_tokens_without_a_label_do_not_move() -> None:
    logits = torch.randn(1, 5, requires_grad=True)
    keep_loss(logits, targets([[-1, 0, 1, 1, -1]], [1.0, 0.0]), sentence_weight=0.5).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert [bool(gradient) for gradient in logits.grad[0]] == [False, True, True, True, False]


def test_the_keep_loss_stays_finite_for_sure_mistakes() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = keep_loss(logits, targets([[0, 1]], [0.0, 1.0]), sentence_weight=1.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_contrast_compares_the_sentences_of_passages_with_an_answer() -> None:
    # The second row has no answer and has no say; the third is a passage of one sentence, which compares with nothing.
    probabilities = torch.tensor([[0.6, 0.2, 0.2], [0.9, 0.3, 0.5], [0.7, 0.7, 0.7]])
    labels = targets([[0, 1, 2], [3, 4, -1], [5, 5, 5]], [0.9, 0.1, 0.0, 0.2, 0.1, 1.0])
    plain = keep_loss(probabilities.logit(), labels, sentence_weight=0.0)
    contrasted = keep_loss(probabilities.logit(), labels, sentence_weight=0.0, contrast_weight=2.0)
    expected = (-0.9 * math.log(0.6) - 0.1 * math.log(0.2) + 0.0) / 2
    assert (contrasted - plain).item() == pytest.approx(2.0 * expected, abs=1e-5)


def test_the_contrast_is_least_where_probabilities_equal_the_labels() -> None:
    labels = targets([[0, 1, 2]], [0.8, 0.3, 0.1])
    logits = torch.tensor([[0.8, 0.3, 0.1]]).logit().requires_grad_()
    keep_loss(logits, labels, sentence_weight=1.0, contrast_weight=1.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.abs().max().item() == pytest.approx(0.0, abs=1e-6)


def test_a_batch_without_answers_has_a_contrast_of_nothing_and_finite_gradients() -> None:
    logits = torch.randn(1, 3, requires_grad=True)
    labels = targets([[0, 1, -1]], [0.0, 0.0])
    keep_loss(logits, labels, sentence_weight=1.0, contrast_weight=1.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_mark_loss_asks_for_the_marked_tokens_of_labelled_sentences() -> None:
    labels = replace(targets([[-1, 0, 0, 1]], [1.0, 0.0]), marked=torch.tensor([0.0, 1.0, 0.0]))
    logits = torch.tensor([[0.7, 0.4, 0.9, 0.2]]).logit().requires_grad_()
    loss = mark_loss(logits, labels)
    assert loss.item() == pytest.approx((cross_entropy(0.4, 0) + cross_entropy(0.9, 1) + cross_entropy(0.2, 0)) / 3)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0] < 0).tolist() == [False, False, True, False]
    assert mark_loss(logits, targets([[-1] * 4], [])).item() == 0.0


def ranked(relevance: list[float], from_teacher: list[bool]) -> Targets:
    none = torch.zeros(0)
    return Targets(
        none.long(), none.long(), none.long(), none, torch.tensor(relevance), torch.tensor(from_teacher), *[none] * 3
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (ranked([1.0, 0.0], [False, False]), (cross_entropy(0.75, 1) + cross_entropy(0.5, 0)) / 2),
        (ranked([3.0, -1.0], [True, True]), ((math.log(3) - 3.0) ** 2 + 1.0) / 2),
        (ranked([1.0, -4.0], [False, True]), (cross_entropy(0.75, 1) + 16.0) / 2),
    ],
    ids=["flags", "teacher", "mixed"],
)
def test_the_ranking_loss_is_cross_entropy_or_squared_distance_to_the_teacher(labels: Targets, expected: float) -> None:
    logits: Tensor = torch.tensor([math.log(3), 0.0])  # probabilities 0.75 and 0.5
    assert ranking_loss(logits, labels).item() == pytest.approx(expected, abs=1e-5)

"""The tables and the plot of an experiment with a reader."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean

from provence_plugins.evaluation.experiment import FigureOptions
from provence_plugins.evaluation.metrics.scored_examples import group_by_source
from provence_plugins.evaluation.reading.arms import FULL, NO_CONTEXT
from provence_plugins.evaluation.reading.asking import ArmAnswer
from provence_plugins.evaluation.reading.costs import (
    NOTHING,
    make_cost_tables,
    prompt_tokens,
    show_ratio,
    show_share,
)
from provence_plugins.evaluation.reading.measures import (
    ABSTENTION,
    LOG_PROBABILITY,
    MEASURES,
    VERDICTS,
    ReadingMeasure,
    pair,
    share_shown,
    share_that_turned,
    turned,
)
from provence_plugins.evaluation.reading.outcome import (
    FEWEST_OF_A_SOURCE,
    FEWEST_QUESTIONS,
    ReadingOutcome,
)
from provence_plugins.evaluation.reporting.plots import QualityPoint, draw_quality_against_removal
from provence_plugins.evaluation.reporting.result_files import Cell, Figure, Table


def make_reading_tables(outcome: ReadingOutcome) -> list[Table]:
    """Return all tables that have rows, the most important first."""
    tables = [
        _answers(outcome),
        _differences(outcome, FULL),
        _differences(outcome, outcome.reference),
        _turned(outcome),
        _abstention(outcome),
        _sizes(outcome),
        *make_cost_tables(outcome),
        _by_source(outcome),
        _failures(outcome),
    ]
    return [table for table in tables if table.rows]


def draw_pareto(outcome: ReadingOutcome, place: FigureOptions) -> list[Figure]:
    """Draw the quality of answers against the text removed.

    Raises:
        MissingExtraError: The package matplotlib is not installed.
    """
    [shown, *_] = _measures(outcome)
    scale = 100.0 if shown.is_share else 1.0
    points: list[QualityPoint] = []
    for arm, answers in outcome.answers_for(shown).items():
        found = shown.measure(answers)
        points.append(
            QualityPoint(
                arm,
                removed=100 * _removed(outcome, arm),
                value=scale * found.value,
                low=scale * found.interval.low,
                high=scale * found.interval.high,
            )
        )
    heading = f"{shown.heading}, %" if shown.is_share else shown.heading
    figure = Figure(f"{place.stem}-answers.{place.image}", f"{shown.heading} against text removed, for each arm")
    draw_quality_against_removal(points, heading, place.folder / figure.file)
    return [figure]


# The raw numbers, so that others can compute what we did not.
def raw_data(outcome: ReadingOutcome) -> dict[str, object]:
    """Return every answer that is compared, as plain values."""
    rows: list[dict[str, object]] = []
    for arms in (outcome.answerable, outcome.unanswerable):
        for arm, answers in arms.items():
            for each in answers:
                recorded = asdict(each.answer)
                about = {"source": each.question.source, "id": each.question.id, "arm": arm}
                sizes = {"characters": each.size, "choosing_seconds": each.choosing_seconds}
                rows.append({**recorded, **about, **sizes})
    return {"reader": outcome.reader, "reference": outcome.reference, "margin": outcome.margin, "answers": rows}


def _measures(outcome: ReadingOutcome) -> list[ReadingMeasure]:
    """Return the measures that the reader allows; a server tells no probabilities of answers."""
    knows_probability = bool(outcome.with_probability[FULL])
    return [each for each in MEASURES if each is not LOG_PROBABILITY or knows_probability]


def _answers(outcome: ReadingOutcome) -> Table:
    measures = _measures(outcome)
    rows: list[list[Cell]] = []
    for arm, answers in outcome.answerable.items():
        cells: list[Cell] = [arm, f"{100 * _removed(outcome, arm):.1f}", _mean_tokens(answers)]
        for each in measures:
            cells.append(each.show_measured(each.measure(outcome.answers_for(each)[arm])))
        rows.append(cells)
    full = outcome.answerable[FULL]
    sources = len(group_by_source(full))
    note = (
        f"Reader: {outcome.reader}. {len(full):,} questions with short answers from {sources} "
        f"sources. Means over sources, with 95 % intervals; shares in per cent. *Text removed* "
        f"counts characters.{_missing_probabilities(outcome)}{_warning(outcome)}"
    )
    headings = [each.heading for each in measures]
    return Table("Answers", ["context", "text removed", "tokens of the prompt", *headings], rows, note)


def _mean_tokens(answers: Sequence[ArmAnswer]) -> str:
    tokens = [each.answer.prompt_tokens for each in answers if each.answer.prompt_tokens is not None]
    if not tokens:
        return NOTHING
    return f"{fmean(tokens):.0f}"


def _missing_probabilities(outcome: ReadingOutcome) -> str:
    known, questions = len(outcome.with_probability[FULL]), len(outcome.answerable[FULL])
    if known in (0, questions):
        return ""
    return f" The log-probability is known for {known:,} of the questions, in all contexts."


def _sizes(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    for arm, like in outcome.equal_sizes.items():
        pairs = pair(outcome.answerable[like], outcome.answerable[arm])
        missing = [both.full.size - both.other.size for both in pairs]
        size = fmean(both.other.size for both in pairs)
        tokens = show_ratio(pairs, prompt_tokens)
        rows.append([arm, like, f"{size:.0f}", f"{fmean(missing):.1f}", max(missing), tokens])
    note = (
        "Characters without white space, question by question. A method gets as many as the pruned "
        "context, and its last sentence is cut after a word, so that it is short of less than a "
        "word. Tokens of the prompt are those of the reader, summed over questions, in per cent of "
        "the pruned context."
    )
    columns = ["context", "as long as", "characters", "short on average", "short at most", "tokens of the prompt"]
    return Table("Contexts of equal size", columns, rows, note)


def _differences(outcome: ReadingOutcome, against: str) -> Table:
    rows: list[list[Cell]] = []
    with_verdict = against == FULL
    for arm in outcome.answerable:
        if arm == against or (not with_verdict and arm == FULL):
            continue
        for each in _measures(outcome):
            answers = outcome.answers_for(each)
            found = each.difference(answers[arm], answers[against])
            cells = [arm, each.heading, each.show_difference(found)]
            if with_verdict:
                margin = outcome.margin_of(each)
                is_shown = found.interval.low >= -margin and not outcome.is_too_small
                cells.append(f"{VERDICTS[is_shown]} (margin {each.show(margin)})")
            rows.append([*cells, NOTHING if outcome.is_too_small else f"{found.p_value:.3f}"])
    note = (
        f"Paired bootstrap over questions, stratified by source; 95 % intervals. Those of right "
        f"answers reach at least as far as Newcombe's score interval of all questions "
        f"together.{_warning(outcome)}"
    )
    if not with_verdict:
        return Table(f"Differences from {against}", ["context", "measure", "difference", "p"], rows, note)
    note += (
        " *Not inferior*: the whole interval lies above minus the margin, which was fixed before "
        "the run. *Not shown* does not mean worse: with few questions the interval is wide."
    )
    columns = ["context", "measure", "difference", "not inferior", "p"]
    return Table("Differences from the full context", columns, rows, note)


def _turned(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    for arm, answers in outcome.answerable.items():
        if arm != FULL:
            pairs = pair(outcome.answerable[FULL], answers)
            lost = share_that_turned(pairs, was_right=True)
            lost_pairs = turned(pairs, was_right=True)
            shown = f"{sum(each.other.is_shown for each in lost_pairs)} of {len(lost_pairs)}"
            won = share_that_turned(pairs, was_right=False)
            rows.append([arm, show_share(share_shown(answers)), show_share(lost), shown, show_share(won)])
    note = (
        "*Lost*: of the questions that the reader answers rightly with the full context, the share "
        "that it answers wrongly here (the regression rate). *Won*: the mirror. In per cent, all "
        "sources together, with Wilson's score interval (95 %), which stays wide where few answers "
        "were right; in round brackets the number of questions. A right answer *in the context* "
        "stands there word for word, which short ones may do by chance: what is lost although it is "
        "there, the reader loses, not the choice."
    )
    columns = ["context", "answer in the context", "lost", "lost with the answer in the context", "won"]
    return Table("Answers lost and won", columns, rows, note)


def _abstention(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    for arm, answers in outcome.unanswerable.items():
        if answers:
            wrongly = ABSTENTION.measure(outcome.answerable[arm])
            rows.append([arm, show_share(ABSTENTION.measure(answers)), show_share(wrongly)])
    note = (
        "Share of questions to which the reader says that there is no answer, in per cent, "
        "averaged over sources. The intervals reach at least as far as Wilson's of all questions "
        "together."
    )
    return Table("Abstention", ["context", "unanswerable questions", "answerable questions"], rows, note)


def _by_source(outcome: ReadingOutcome) -> Table:
    [shown, *_] = _measures(outcome)
    rows: list[list[Cell]] = []
    names = [NO_CONTEXT, FULL, outcome.reference]
    answers = outcome.answers_for(shown)
    for group in group_by_source(outcome.answerable[FULL]):
        source = group[0].source
        cells = []
        for arm in names:
            values = [shown.value(each) for each in answers[arm] if each.source == source]
            cells.append(shown.show(fmean(values)) if values else NOTHING)
        rows.append([f"{source} ({len(group)})", *cells])
    note = f"{shown.heading[0].upper()}{shown.heading[1:]}; in brackets the number of questions."
    return Table("By source", ["source", *names], rows, note)


def _failures(outcome: ReadingOutcome) -> Table:
    rows: list[list[Cell]] = []
    for arm, reasons in outcome.failures.items():
        for reason, number in reasons.items():
            rows.append([arm, reason, number])
    note = "Questions that failed in one arm are left out of all arms, in every table."
    return Table("Failures", ["context", "reason", "questions"], rows, note)


def _warning(outcome: ReadingOutcome) -> str:
    if not outcome.is_too_small:
        return ""
    return (
        f" **Too few questions for a conclusion:** with fewer than {FEWEST_QUESTIONS} questions, "
        f"or {FEWEST_OF_A_SOURCE} of a source, the intervals are too narrow, and no test is "
        f"reported."
    )


def _removed(outcome: ReadingOutcome, arm: str) -> float:
    return 1.0 - _characters(outcome.answerable[arm]) / _characters(outcome.answerable[FULL])


def _characters(answers: Sequence[ArmAnswer]) -> int:
    return sum(each.size for each in answers)

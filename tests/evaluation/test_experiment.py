import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.experiment import Experiment, FigureOptions, make_result, run_experiment
from provence_plugins.evaluation.measure import Dataset, prepare
from provence_plugins.evaluation.methods.baselines import chance, lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import Method, SplitPassage
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.metrics.catalogue import METRICS
from provence_plugins.evaluation.reporting.result_files import ResultFile, Table, read_result

KEPT = ("kept_at_60", "kept_at_70", "kept_at_80")

METRIC_TABLES = {metric.table for metric in METRICS}

FILLER = [f"There is nothing at all to see in sentence {number} either." for number in range(30)]


@pytest.fixture(scope="module")
def dataset(make_example: Callable[..., Example]) -> Dataset:
    """Eight questions of two sources; the method that reads the scores fails one of them."""
    examples = []
    for number in range(8):
        name, source = f"q{number}", "st"[number // 4]
        answer = "*The answer scores 0.2 here." if number == 7 else "*The answer scores 0.9 here."
        own = [*FILLER[:number], answer, "A rival scores 0.5 here.", *FILLER[number:20]]
        examples.append(make_example(*own, id=name, source=source, question="What is it?"))
        examples.append(make_example("This scores 0.3 here.", *FILLER, id=f"{name}#n0", source=source))
    return prepare(examples, "sentencex", needles=3, groups={"first": ["s"]})


@pytest.fixture(scope="module")
def experiment(dataset: Dataset, written: Method) -> Experiment:
    methods = {
        "lead": LoadedMethod(lead()),
        "chance": LoadedMethod(chance()),
        "model": LoadedMethod(written, 0.4, probabilities=True),
    }
    return run_experiment(methods, dataset)


def table(tables: Sequence[Table], title: str) -> Table:
    [found] = [each for each in tables if each.title == title]
    assert all(len(row) == len(found.columns) for row in found.rows)
    return found


def test_the_summary_of_a_worked_case(experiment: Experiment) -> None:
    summary = experiment.summaries[2]
    assert (summary.name, summary.questions, summary.threshold, summary.has_default) == ("model", 8, 0.4, True)
    assert [summary.metrics[name].value for name in KEPT] == [1.0, 1.0, 1.0]
    assert summary.at_threshold.kept == pytest.approx((1.0 + 3 / 4) / 2)
    assert summary.sentences_at_threshold.recall == pytest.approx((1.0 + 3 / 4) / 2)
    # Answer and rival stay in each passage, in one only the rival.
    assert summary.sentences_at_threshold.precision == pytest.approx((4 / 8 + 3 / 7) / 2)
    assert summary.counts[1][:4] == [0, 1, 7, 0]
    assert summary.counts[0][:4] == [0, 1, 7, 0]
    assert summary.by_source == {"s": 1.0, "t": 1.0}
    assert summary.by_kind["question word"] == {"what": (8, 1.0)}
    assert set(summary.by_kind["place of the answer"]) == {"first", "between"}
    assert "calibration_error" in summary.metrics
    assert [row.threshold for row in summary.thresholds][:2] == [0.01, 0.02]
    assert 0.9 < summary.unrelated_removed < 1.0
    area = summary.metrics["area"]
    assert area.interval.low <= area.value <= area.interval.high
    # All of "s" are answered, one of "t" is not.
    assert summary.groups["first"]["kept_inside_at_60"].value == 1.0
    assert summary.groups["first"].keys() == summary.metrics.keys()


def test_the_curve_passes_through_the_metrics(experiment: Experiment) -> None:
    for summary in experiment.summaries:
        curve = {round(point.removed, 2): point.kept for point in summary.curve}
        assert [curve[0.6], curve[0.7], curve[0.8]] == [summary.metrics[name].value for name in KEPT]


def test_what_claims_no_probabilities_has_no_calibration(experiment: Experiment) -> None:
    for summary in experiment.summaries[:2]:
        assert "calibration_error" not in summary.metrics
        assert (summary.thresholds, summary.reliability) == ([], [])


def test_every_method_is_compared_with_the_last(experiment: Experiment) -> None:
    pairs = {(row.first, row.second) for row in experiment.comparisons}
    assert pairs == {("model", "lead"), ("model", "chance")}
    metrics = {metric.heading for metric in METRICS if metric.compared and metric.name != "graded_ndcg"}
    assert {row.metric for row in experiment.comparisons} == metrics
    assert all(row.comparison.difference > 0 for row in experiment.comparisons)


def test_every_method_can_be_compared_with_another(dataset: Dataset, written: Method) -> None:
    methods = {"lead": LoadedMethod(lead()), "model": LoadedMethod(written)}
    found = run_experiment(methods, dataset, against="lead")
    assert {(row.first, row.second) for row in found.comparisons} == {("lead", "model")}
    with pytest.raises(InvalidInputError, match=r"methods lead, model; got 'bm25'"):
        run_experiment(methods, dataset, against="bm25")


def test_the_tables_show_the_numbers(experiment: Experiment) -> None:
    tables = make_result(experiment, title="Quality", command="c").tables
    kept = table(tables, "Answers kept")
    assert kept.columns == ["metric", "lead", "chance", "model"]
    assert [row[0] for row in kept.rows] == [METRICS[place].heading for place in range(4)]
    assert kept.rows[0][3] == "100.0 [100.0, 100.0]"
    assert "8 questions with annotated sentences from 2 sources" in kept.note
    assert table(tables, "Inside passages that hold the answer").rows[3][0] == METRICS[7].heading
    assert [row[1] for row in table(tables, "Sentences and ranking").rows if "calibration" in str(row[0])] == ["–"]
    assert len(table(tables, "Sources: first").rows) == sum(len(table(tables, name).rows) for name in METRIC_TABLES)
    assert table(tables, "Sentences at 70 % removed").rows[2][2] == "1.000"
    at_one = table(tables, "At one threshold")
    assert at_one.columns == ["metric", "lead", "chance", "model"]
    assert [row[3] for row in at_one.rows[:2]] == ["0.4", "87.5"]
    assert str(at_one.rows[0][1]).endswith(" *")
    assert table(tables, "Differences").rows[0][:3] == ["model", "lead", "answers kept at 70 % removed"]
    assert table(tables, "At other thresholds").columns == ["threshold", "model: kept", "model: removed"]
    assert table(tables, "By source").rows[0][::3] == ["s", "100.0"]
    assert table(tables, "By question word").rows[0][0] == "what (8)"
    assert {row[0] for row in table(tables, "By place of the answer").rows} == {"between (7)", "first (1)"}
    counts = table(tables, "Sentences kept")
    assert counts.rows[1][::3] == ["1 (8)", "1.9"]
    needles = table(tables, "Needles of 1 sentence")
    assert needles.note.startswith("3 answers among")
    assert [row[0] for row in needles.rows] == [str(place) for place in range(10)]
    assert needles.rows[0][1] == "100.0 (3.3)"
    assert {row[1] for row in table(tables, "Passage length").rows} >= {"2 sentences", "about 100 words", "as it is"}


@pytest.fixture(scope="module")
def drawn(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[ResultFile, Path]:
    """The result of the experiment, and the folder of its plots, which was not there before."""
    folder = tmp_path_factory.mktemp("drawn") / "new" / "figures"
    figures = FigureOptions(folder, "quality")
    return make_result(experiment, title="Quality", command="provence evaluate x", figures=figures), folder


def test_the_result_and_its_plots_are_written(drawn: tuple[ResultFile, Path], tmp_path: Path) -> None:
    result, folder = drawn
    names = {f"quality-{what}.svg" for what in ("pareto", "reliability", "counts", "needles", "lengths")}
    assert {path.name for path in folder.iterdir()} == {figure.file for figure in result.figures} == names
    result.write(tmp_path / "quality.json")
    assert read_result(tmp_path / "quality.json").tables == list(result.tables)
    methods = json.loads((tmp_path / "quality.json").read_text())["data"]["methods"]
    assert [method["name"] for method in methods] == ["lead", "chance", "model"]
    assert methods[2]["metrics"]["kept_at_60"] == {"value": 1.0, "interval": {"low": 1.0, "high": 1.0}}


def test_plots_hold_their_words_and_are_the_same_each_time(
    experiment: Experiment, drawn: tuple[ResultFile, Path], tmp_path: Path
) -> None:
    make_result(experiment, title="t", command="c", figures=FigureOptions(tmp_path, "quality"))
    one, two = ({path.name: path.read_text() for path in folder.iterdir()} for folder in (drawn[1], tmp_path))
    assert one == two
    assert all(text.startswith("<?xml") for text in one.values())
    assert all(re.search(r">\s*model", text) for text in one.values())
    assert "text removed, %" in one["quality-pareto.svg"]
    assert "chance" not in one["quality-reliability.svg"]


def test_without_needles_negatives_and_other_sources_what_is_missing_is_left_out(
    make_example: Callable[..., Example], written: Method, tmp_path: Path
) -> None:
    examples = [make_example("*It scores 0.9.", "Nothing.", id=name) for name in "ab"]
    found = run_experiment({"m": LoadedMethod(written)}, prepare(examples, "sentencex", needles=0))
    result = make_result(found, title="t", command="c", figures=FigureOptions(tmp_path, "q", "png"))
    assert found.comparisons == []
    assert {each.title for each in result.tables}.isdisjoint({"Differences", "Passage length"})
    assert not [each for each in result.tables if each.title.startswith("Needles")]
    assert {figure.file for figure in result.figures} == {"q-pareto.png", "q-counts.png"}
    assert all((tmp_path / figure.file).read_bytes().startswith(b"\x89PNG") for figure in result.figures)
    assert not [row for row in table(result.tables, "Sentences and ranking").rows if row[0] == "MRR"]
    assert table(result.tables, "At one threshold").rows[3] == ["unrelated text removed", "–"]


def test_fixed_outputs_are_judged_beside_a_method_that_scores(
    dataset: Dataset, written: Method, tmp_path: Path
) -> None:
    def output(passage: SplitPassage) -> FixedOutput:
        return FixedOutput(
            [sentence for sentence in passage.sentences if "0.9" in sentence.of(passage.example.passage.text)]
        )

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        kept = [["0.9" in text for text in passage.texts] for passage in passages]
        return [PassageScores(0.0, np.array(row, np.float32)) for row in kept]

    methods = {"fixed": LoadedMethod(score, 0.5, output=output), "model": LoadedMethod(written, 0.4)}
    found = run_experiment(methods, dataset)
    result = make_result(found, title="t", command="c", figures=FigureOptions(tmp_path, "q"))
    words = table(result.tables, "Words at one threshold").rows
    # Seven of eight answers have the score 0.9, and nothing else has.
    assert str(words[0][1]).startswith("100.0")
    assert str(words[1][1]).startswith("87.5")
    assert [row[1] for row in table(result.tables, "At one threshold").rows[:2]] == ["fixed output", "87.5"]
    assert table(result.tables, "Answers kept").rows[0][1] == "–"
    assert table(result.tables, "By source").rows[0][1] == "–"
    assert table(result.tables, "By question word").columns == ["question word", "model"]
    assert {row.metric for row in found.comparisons} == {"word F1"}
    assert "fixed" in (tmp_path / "q-pareto.svg").read_text()


def test_fixed_outputs_alone_have_no_curve(dataset: Dataset, tmp_path: Path) -> None:
    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        return [PassageScores(0.0, np.ones(len(passage.sentences), np.float32)) for passage in passages]

    method = LoadedMethod(score, 0.5, output=lambda passage: FixedOutput(passage.sentences))
    result = make_result(run_experiment({"all": method}, dataset), title="t", command="c")
    titles = [each.title for each in result.tables]
    assert titles == ["Words at one threshold", "At one threshold", "Sources: first", "Sentences kept"]
    assert result.tables[0].note.startswith("8 questions with annotated sentences from 2 sources")

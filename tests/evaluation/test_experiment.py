import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.experiment import Experiment, FigureOptions, make_result, run_experiment
from provence_plugins.evaluation.measure import Material, gather
from provence_plugins.evaluation.methods.baselines import chance, lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import Method
from provence_plugins.evaluation.reporting.result_files import Table, read_result

FILLER = [f"There is nothing at all to see in sentence {number} either." for number in range(30)]


def unwatched(items: Sequence[object], what: str) -> Iterable[object]:
    return items


@pytest.fixture
def material(make_example: Callable[..., Example]) -> Material:
    """Eight questions of two sources; the method that reads the scores fails one of them."""
    examples = []
    for number in range(8):
        name, source = f"q{number}", "st"[number // 4]
        answer = "*The answer scores 0.2 here." if number == 7 else "*The answer scores 0.9 here."
        own = [*FILLER[:number], answer, "A rival scores 0.5 here.", *FILLER[number:20]]
        examples.append(make_example(*own, id=name, source=source, question="What is it?"))
        examples.append(make_example("This scores 0.3 here.", *FILLER, id=f"{name}#n0", source=source))
    return gather(examples, "sentencex", most=3)


@pytest.fixture
def experiment(material: Material, written: Method) -> Experiment:
    methods = {
        "lead": LoadedMethod(lead()),
        "chance": LoadedMethod(chance()),
        "model": LoadedMethod(written, 0.4, probabilities=True),
    }
    return run_experiment(methods, material, unwatched)


def table(tables: Sequence[Table], title: str) -> Table:
    [found] = [each for each in tables if each.title == title]
    assert all(len(row) == len(found.columns) for row in found.rows)
    return found


def test_the_summary_of_a_worked_case(experiment: Experiment) -> None:
    summary = experiment.summaries[2]
    assert (summary.name, summary.questions, summary.threshold, summary.has_default) == ("model", 8, 0.4, True)
    assert summary.report.kept == (1.0, 1.0, 1.0)
    assert summary.at_threshold.kept == pytest.approx((1.0 + 3 / 4) / 2)
    assert summary.sentences_at_threshold.recall == pytest.approx((1.0 + 3 / 4) / 2)
    # Answer and rival stay in each passage, in one only the rival.
    assert summary.sentences_at_threshold.precision == pytest.approx((4 / 8 + 3 / 7) / 2)
    assert summary.counts[1][:4] == [0, 1, 7, 0]
    assert summary.counts[0][:4] == [0, 1, 7, 0]
    assert summary.by_source == {"s": 1.0, "t": 1.0}
    assert summary.by_kind["question word"] == {"what": (8, 1.0)}
    assert set(summary.by_kind["place of the answer"]) == {"first", "between"}
    assert summary.calibration_error is not None
    assert [row.threshold for row in summary.thresholds][:2] == [0.01, 0.02]
    assert 0.9 < summary.unrelated_removed < 1.0
    assert summary.intervals.area.low <= summary.area <= summary.intervals.area.high


def test_the_curve_passes_through_the_figures_of_the_report(experiment: Experiment) -> None:
    for summary in experiment.summaries:
        curve = {round(point.removed, 2): point.kept for point in summary.curve}
        assert (curve[0.6], curve[0.7], curve[0.8]) == summary.report.kept


def test_what_claims_no_probabilities_has_no_calibration(experiment: Experiment) -> None:
    for summary in experiment.summaries[:2]:
        assert summary.calibration_error is None
        assert (summary.thresholds, summary.reliability) == ([], [])


def test_every_method_is_compared_with_the_last(experiment: Experiment) -> None:
    pairs = {(row.first, row.second) for row in experiment.comparisons}
    assert pairs == {("model", "lead"), ("model", "chance")}
    figures = {row.figure for row in experiment.comparisons}
    assert figures == {"answers kept at 70 % removed", "area under the curve", "average precision", "MRR"}
    assert all(row.comparison.difference > 0 for row in experiment.comparisons)


def test_every_method_can_be_compared_with_another(material: Material, written: Method) -> None:
    methods = {"lead": LoadedMethod(lead()), "model": LoadedMethod(written)}
    found = run_experiment(methods, material, unwatched, against="lead")
    assert {(row.first, row.second) for row in found.comparisons} == {("lead", "model")}
    with pytest.raises(InvalidInputError, match=r"'bm25'\. They are lead, model"):
        run_experiment(methods, material, unwatched, against="bm25")


def test_the_tables_show_the_figures(experiment: Experiment) -> None:
    tables = make_result(experiment, title="Quality", command="c").tables
    kept = table(tables, "Answers kept")
    assert [row[0] for row in kept.rows] == ["lead", "chance", "model"]
    assert kept.rows[2][1:4] == ["100.0", "100.0", "100.0"]
    assert "8 questions with marked sentences from 2 sources" in kept.note
    at_one = table(tables, "At one threshold")
    assert at_one.rows[2][1:3] == ["0.4", "87.5"]
    assert str(at_one.rows[0][1]).endswith(" *")
    assert at_one.rows[0][-1] == "–"
    assert table(tables, "Differences").rows[0][:3] == ["model", "lead", "answers kept at 70 % removed"]
    assert table(tables, "At other thresholds").columns == ["threshold", "model: kept", "model: removed"]
    assert table(tables, "By source").rows[0][::3] == ["s", "100.0"]
    assert table(tables, "By question word").rows[0][0] == "what (8)"
    assert {row[0] for row in table(tables, "By place of the answer").rows} == {"between (7)", "first (1)"}
    counts = table(tables, "Sentences kept")
    assert counts.rows[1][::3] == ["1 (8)", "1.9"]
    needles = table(tables, "Needles")
    assert len(needles.columns) == 3 + 10
    assert {row[1] for row in needles.rows} == {"3 of 1 sentence"}
    assert {row[1] for row in table(tables, "Passage length").rows} >= {"2 sentences", "about 100 words", "as it is"}


@pytest.mark.parametrize("image", ["svg", "png"])
def test_the_result_and_its_pictures_are_written(experiment: Experiment, tmp_path: Path, image: str) -> None:
    figures = FigureOptions(tmp_path / "new" / "figures", "quality", image)
    result = make_result(experiment, title="Quality", command="provence evaluate x", figures=figures)
    names = {f"quality-{what}.{image}" for what in ("pareto", "reliability", "counts", "needles", "lengths")}
    assert {path.name for path in figures.folder.iterdir()} == {figure.file for figure in result.figures} == names
    start = b"<?xml" if image == "svg" else b"\x89PNG"
    assert all(path.read_bytes().startswith(start) for path in figures.folder.iterdir())
    result.write(tmp_path / "quality.json")
    assert read_result(tmp_path / "quality.json").tables == list(result.tables)
    methods = json.loads((tmp_path / "quality.json").read_text())["data"]["methods"]
    assert [method["name"] for method in methods] == ["lead", "chance", "model"]
    assert methods[2]["report"]["kept"] == [1.0, 1.0, 1.0]


def test_pictures_hold_their_words_and_are_the_same_each_time(experiment: Experiment, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        make_result(experiment, title="t", command="c", figures=FigureOptions(tmp_path / folder, "q"))
    one, two = ({path.name: path.read_text() for path in (tmp_path / folder).iterdir()} for folder in ("one", "two"))
    assert one == two
    assert all(re.search(r">\s*model", text) for text in one.values())
    assert "text removed, %" in one["q-pareto.svg"]
    assert "chance" not in one["q-reliability.svg"]


def test_without_needles_negatives_and_other_sources_what_is_missing_is_left_out(
    make_example: Callable[..., Example], written: Method, tmp_path: Path
) -> None:
    examples = [make_example("*It scores 0.9.", "Nothing.", id=name) for name in "ab"]
    found = run_experiment({"m": LoadedMethod(written)}, gather(examples, "sentencex", most=0), unwatched)
    result = make_result(found, title="t", command="c", figures=FigureOptions(tmp_path, "q"))
    assert found.comparisons == []
    assert {each.title for each in result.tables}.isdisjoint({"Differences", "Needles", "Passage length"})
    assert {figure.file for figure in result.figures} == {"q-pareto.svg", "q-counts.svg"}
    assert table(result.tables, "Curve and sentences").rows[0][-1] == "–"
    assert table(result.tables, "At one threshold").rows[0][4] == "–"

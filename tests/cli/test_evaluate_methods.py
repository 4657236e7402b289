import pytest
from typer.testing import CliRunner

from provence_plugins.cli.app import app
from provence_plugins.cli.evaluate_methods import ComparisonOptions
from provence_plugins.cli.options import RunOptions
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.catalogue import METHODS


def test_the_methods_are_listed() -> None:
    done = CliRunner().invoke(app, ["evaluate", "--methods"])
    assert done.exit_code == 0
    assert [line.partition(":")[0].split("[")[0].split(" ")[0] for line in done.stdout.splitlines()] == list(METHODS)
    assert "embeddings:FOLDER" in done.stdout
    assert "model[:FOLDER]" in done.stdout


def test_two_files_of_predictions_need_names_of_their_own() -> None:
    options = ComparisonOptions(predictions=["a.jsonl", "x/a.jsonl"])
    with pytest.raises(InvalidInputError, match=r"--predictions NAME=x/a\.jsonl"):
        options.open(RunOptions(), 0, ())


def test_methods_that_nobody_named_are_the_default_ones() -> None:
    methods, reference = ComparisonOptions().open(RunOptions(), 0, ("lead",))
    assert (list(methods), reference) == (["lead"], None)


def test_a_comparison_of_passages_that_no_method_makes_is_refused() -> None:
    options = ComparisonOptions(method=["lead"], passage_comparison=0.5)
    with pytest.raises(InvalidInputError, match=r"--passage-comparison 0\.5 has no use .* Add --method model"):
        options.open(RunOptions(), 0, ())
    options = ComparisonOptions(method=["lead", "model"], passage_comparison=0.5)
    methods, _ = options.open(RunOptions(), 0, ())
    assert [method.passage_comparison for method in methods.values()] == [0.0, 0.5]

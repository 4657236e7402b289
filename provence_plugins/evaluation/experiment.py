"""Evaluate several methods on the same data set, and collect their metrics in one result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from provence_plugins.evaluation.measure import Dataset, Progress, measure, show_nothing
from provence_plugins.evaluation.methods.catalogue import LoadedMethod, choose_reference
from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine
from provence_plugins.evaluation.reporting.plots import ImageFormat, draw_figures
from provence_plugins.evaluation.reporting.result_files import Figure, ResultFile
from provence_plugins.evaluation.reporting.tables import make_tables
from provence_plugins.evaluation.summary import NamedComparison, Summary, compare_methods, summarise


@dataclass(frozen=True, slots=True)
class Experiment:
    """The numbers of all methods, and the differences from one of them."""

    summaries: Sequence[Summary]
    comparisons: Sequence[NamedComparison]


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """Where plots are written.

    Attributes:
        folder: The folder; it is made when it does not exist.
        stem: Prefix of the names of the files.
        image: Kind of file.
    """

    folder: Path
    stem: str
    image: ImageFormat = "svg"


def run_experiment(
    methods: Mapping[str, LoadedMethod],
    dataset: Dataset,
    progress: Progress = show_nothing,
    *,
    against: str | None = None,
) -> Experiment:
    """Judge methods on the same data set.

    Args:
        methods: The methods by their names in tables.
        dataset: What they are judged on.
        progress: Shows their progress.
        against: The method that the others are compared with; None takes the last.

    Raises:
        InvalidInputError: There is no method `against`, or nothing to measure.
    """
    reference = choose_reference(list(methods), against)
    measurements = {name: measure(name, method, dataset, progress) for name, method in methods.items()}
    others = [name for name in methods if name != reference]
    comparisons: list[NamedComparison] = []
    for name in progress(others, "comparisons"):
        comparisons += compare_methods(measurements[reference], measurements[name])
    summaries: list[Summary] = []
    for measurement in progress(list(measurements.values()), "intervals"):
        summaries.append(summarise(measurement, dataset.groups, dataset.breakdowns))
    return Experiment(summaries, comparisons)


def make_result(
    experiment: Experiment, *, title: str, command: str, figures: FigureOptions | None = None
) -> ResultFile:
    """Return the result of an experiment with its tables; draw plots if there is a folder.

    Raises:
        MissingExtraError: Plots are asked for, and matplotlib is not installed.
    """
    drawn: list[Figure] = []
    if figures is not None:
        figures.folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_figures(experiment.summaries, figures.folder, figures.stem, figures.image)
    return ResultFile(
        title=title,
        command=command,
        machine=describe_machine(),
        commit=describe_commit(),
        tables=make_tables(experiment.summaries, experiment.comparisons),
        figures=drawn,
        data={
            "methods": [asdict(summary) for summary in experiment.summaries],
            "comparisons": [asdict(comparison) for comparison in experiment.comparisons],
        },
    )

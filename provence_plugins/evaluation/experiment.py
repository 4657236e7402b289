"""Several methods on the same material, and what comes out as one result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.measure import Material, Watch, measure
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine
from provence_plugins.evaluation.reporting.plots import ImageFormat, draw_figures
from provence_plugins.evaluation.reporting.result_files import ResultFile
from provence_plugins.evaluation.reporting.tables import make_tables
from provence_plugins.evaluation.summary import NamedComparison, Summary, compare_methods, summarise


@dataclass(frozen=True, slots=True)
class Experiment:
    """The figures of all methods, and how far each is from one of them."""

    summaries: Sequence[Summary]
    comparisons: Sequence[NamedComparison]


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """Where pictures go.

    Attributes:
        folder: For the files; it is made when it is not there.
        stem: How their names begin.
        image: Kind of file.
    """

    folder: Path
    stem: str
    image: ImageFormat = "svg"


def run_experiment(
    methods: Mapping[str, LoadedMethod], material: Material, watch: Watch, *, against: str | None = None
) -> Experiment:
    """Judge methods on the same material.

    Args:
        methods: By the names that tables call them.
        material: What they are judged on.
        watch: Shows how far they have come.
        against: The method that the others are compared with; None takes the last.

    Raises:
        InvalidInputError: There is no such method, or nothing to measure.
    """
    names = list(methods)
    if against is None:
        against = names[-1]
    if against not in names:
        raise InvalidInputError(f"No method that is judged is called {against!r}. They are {', '.join(names)}.")
    measured = {name: measure(name, method, material, watch) for name, method in methods.items()}
    pairs = watch([name for name in names if name != against], "comparisons")
    comparisons = [row for name in pairs for row in compare_methods(measured[against], measured[name])]
    return Experiment([summarise(each) for each in watch(list(measured.values()), "intervals")], comparisons)


def make_result(
    experiment: Experiment, *, title: str, command: str, figures: FigureOptions | None = None
) -> ResultFile:
    """The result of an experiment with its tables, and with pictures when there is a folder for them.

    Raises:
        MissingExtraError: Pictures are asked for, and matplotlib is not installed.
    """
    drawn = []
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

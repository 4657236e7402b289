"""The plots of an evaluation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.reporting.result_files import Figure
from provence_plugins.evaluation.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ImageFormat = Literal["svg", "png"]
Draw = Callable[[Sequence["Axes"], Sequence[Summary]], None]

# Text stays text, and the same numbers give the same file. Any: matplotlib types the keys one by
# one.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "provence", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


# Sizes of the needles that are drawn, with what a legend calls them and the style of their line.
_NEEDLES = ((1, "1 sentence", "-"), (2, "2 sentences", "--"))


class _Shares(Protocol):
    """Anything that says what share of the text is removed, and of the answers kept."""

    @property
    def removed(self) -> float: ...

    @property
    def kept(self) -> float: ...


class _Plot(NamedTuple):
    name: str
    alt: str
    summaries: Sequence[Summary]
    draw: Draw
    panels: int


def require_matplotlib() -> None:
    """Check that plots can be drawn, before hours are spent on measuring.

    Raises:
        MissingExtraError: The package matplotlib is not installed.
    """
    with needs_extra("eval"):
        import matplotlib  # noqa: F401


def draw_figures(
    summaries: Sequence[Summary],
    folder: Path,
    stem: str,
    image: ImageFormat = "svg",
) -> list[Figure]:
    """Draw every plot for which there are numbers.

    Args:
        summaries: The methods.
        folder: Where the files are written; it must exist.
        stem: Prefix of their names.
        image: Kind of file.

    Raises:
        MissingExtraError: The package matplotlib is not installed.
    """
    require_matplotlib()
    probabilities = [summary for summary in summaries if summary.reliability]
    with_default = [summary for summary in summaries if summary.has_default] or summaries
    with_needles = [summary for summary in summaries if summary.needles]
    with_lengths = [summary for summary in summaries if summary.lengths]
    plots = [
        _Plot("pareto", "Answers kept against text removed, for each method", summaries, _pareto, 1),
        _Plot("reliability", "Share of relevant sentences against mean probability", probabilities, _reliability, 1),
        _Plot("counts", "Sentences kept against relevant sentences", with_default, _counts, len(with_default)),
        _Plot("needles", "Needles and sentences kept against the place of the needle", with_needles, _needles, 2),
        _Plot("lengths", "Answers kept and text removed against the length of the passage", with_lengths, _lengths, 2),
    ]
    figures = []
    for plot in plots:
        if plot.summaries:
            figure = Figure(f"{stem}-{plot.name}.{image}", plot.alt)
            _save(folder / figure.file, plot)
            figures.append(figure)
    return figures


class QualityPoint(NamedTuple):
    """One point of a plot of quality against text removed, with the ends of its interval."""

    name: str
    removed: float
    value: float
    low: float
    high: float


def draw_quality_against_removal(points: Sequence[QualityPoint], heading: str, path: Path) -> None:
    """Draw points with their intervals.

    Args:
        points: The points; `removed` is in per cent.
        heading: What the vertical axis shows.
        path: The file; its suffix decides its kind.

    Raises:
        MissingExtraError: The package matplotlib is not installed.
    """
    require_matplotlib()

    def draw(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
        [plot] = axes
        for point in points:
            ends = [[point.value - point.low], [point.high - point.value]]
            plot.errorbar([point.removed], [point.value], yerr=ends, marker="o", capsize=3, label=point.name)
        plot.set(xlabel="text removed, %", ylabel=heading, xlim=(-4, 104))
        plot.legend(fontsize=7)

    _save(path, _Plot(path.stem, heading, (), draw, 1))


def _save(path: Path, plot: _Plot) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context(_STYLE):
        # A single panel is wider than one of several.
        width = 6.0 if plot.panels == 1 else 4.6 * plot.panels
        canvas = Canvas(figsize=(width, 3.6), layout="constrained")
        plot.draw(list(canvas.subplots(1, plot.panels, squeeze=False)[0]), plot.summaries)
        # Without a date the same numbers give the same file.
        metadata = {".svg": {"Date": None}}.get(path.suffix)
        canvas.savefig(path, dpi=150, metadata=metadata)


def _pareto(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
    [plot] = axes
    for summary in summaries:
        # A method with fixed outputs has one point.
        points: Sequence[_Shares] = summary.curve or [summary.at_threshold]
        removed, kept = _in_percent(points)
        plot.plot(removed, kept, marker="." if summary.curve else "x", label=summary.name)
    plot.set(xlabel="text removed, %", ylabel="answers kept, %", ylim=(0, 102))
    plot.legend()


def _in_percent(rows: Sequence[_Shares]) -> tuple[list[float], list[float]]:
    """Return text removed and answers kept, both in per cent."""
    return [100 * row.removed for row in rows], [100 * row.kept for row in rows]


def _reliability(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
    [plot] = axes
    plot.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    for summary in summaries:
        probabilities = [each.probability for each in summary.reliability]
        relevant = [each.relevant for each in summary.reliability]
        plot.plot(probabilities, relevant, marker="o", label=summary.name)
    plot.set(xlabel="mean probability of sentences", ylabel="share that is relevant", xlim=(0, 1), ylim=(0, 1))
    plot.legend()


def _counts(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
    for plot, summary in zip(axes, summaries, strict=True):
        counts = np.array(summary.counts, dtype=float)
        filled = np.flatnonzero(counts.sum(axis=1))
        shares = counts[: filled[-1] + 1]
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)
        # Cells of equal size on whole numbers; an image of pixels would not scale.
        plot.pcolormesh(shares.T, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
        for relevant, row in enumerate(shares):
            for kept, share in enumerate(row):
                if share >= 0.005:
                    color = "white" if share > 0.5 else "black"
                    middle = relevant + 0.5, kept + 0.5
                    plot.text(*middle, f"{share:.0%}", ha="center", va="center", fontsize=6, color=color)
        plot.set(
            title=summary.name,
            xlabel="relevant sentences (0: unrelated passages)",
            ylabel="sentences kept",
            xticks=np.arange(len(shares)) + 0.5,
            xticklabels=range(len(shares)),
            yticks=np.arange(counts.shape[1]) + 0.5,
            yticklabels=range(counts.shape[1]),
        )
        plot.grid(False)


def _needles(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
    left, right = axes
    for number, summary in enumerate(summaries):
        for size, length, line in _NEEDLES:
            rows = [row for row in summary.needles if row.size == size]
            if not rows:
                continue
            places = [row.place for row in rows]
            kept = [100 * row.kept for row in rows]
            sentences = [row.sentences for row in rows]
            color = f"C{number}"
            left.plot(places, kept, line, color=color, marker=".", label=f"{summary.name}, {length}")
            right.plot(places, sentences, line, color=color, marker=".")
    left.set(xlabel="sentences before the needle", ylabel="needles kept, %", ylim=(0, 102))
    right.set(xlabel="sentences before the needle", ylabel="sentences kept", ylim=(0, None))
    left.legend(fontsize=7)


def _lengths(axes: Sequence["Axes"], summaries: Sequence[Summary]) -> None:
    left, right = axes
    for summary in summaries:
        lengths = [row.length for row in summary.lengths]
        removed, kept = _in_percent(summary.lengths)
        left.plot(lengths, kept, marker=".", label=summary.name)
        right.plot(lengths, removed, marker=".")
    left.set(ylabel="answers kept, %", ylim=(0, 102))
    right.set(ylabel="text removed, %", ylim=(0, 102))
    for plot in axes:
        plot.tick_params(axis="x", rotation=30)
    left.legend(fontsize=7)

"""Record the progress of a run: lines for people, a log, and a picture of the curves."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.metrics.catalogue import metric_values
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples
from provence_plugins.training.settings import OptimizerSettings

with needs_extra("train"):
    from matplotlib import rc_context
    from matplotlib.figure import Figure

LOG = "log.jsonl"
CURVES = "curves.svg"

# Fixed margins, as shares of the picture, because measuring what each text needs doubles the time
# of drawing.
_MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.08, "top": 0.98, "hspace": 0.06}


@dataclass(slots=True)
class Progress:
    """The position of a run; every checkpoint holds one.

    Attributes:
        step: Number of optimizer steps.
        tokens: Number of tokens read, padding not counted.
        epochs: Number of epochs read, the running one counted in part.
        seconds: Time spent, evaluations included, over all sessions of the run.
    """

    step: int = 0
    tokens: int = 0
    epochs: float = 0.0
    seconds: float = 0.0

    def share_of(self, length: OptimizerSettings) -> float:
        """Return the share of the run that is done, from 0 to 1."""
        if length.tokens is not None:
            return min(1.0, self.tokens / length.tokens)
        assert length.epochs is not None
        return min(1.0, self.epochs / length.epochs)


@dataclass(frozen=True, slots=True)
class StepLosses:
    """Losses of one step, or their means over several steps.

    Attributes:
        keep: Loss of the keep head.
        ranking: Loss of the relevance head.
    """

    keep: float
    ranking: float


def describe(progress: Progress, share: float, losses: StepLosses) -> str:
    """Return one line for people: position, losses, speed and the time that is left."""
    speed = progress.tokens / max(progress.seconds, 1e-9)
    left = progress.seconds * (1.0 - share) / max(share, 1e-9)
    return (
        f"step {progress.step:,}, {share:.1%} done ({progress.tokens:,} tokens, "
        f"{progress.epochs:.2f} epochs): keep loss {losses.keep:.3f}, ranking loss "
        f"{losses.ranking:.3f}; {speed:,.0f} tokens/s, about {_duration(left)} left"
    )


class RunLog:
    """The log of a run in its folder, and the picture of the curves beside it.

    Drawing takes a tenth of a second, and evaluations may follow each other quickly. So the picture
    of a running training may be half a minute old; `draw` completes it at the end.
    """

    def __init__(self, folder: Path, *, seconds_between_pictures: float = 30.0) -> None:
        self._path = folder / LOG
        self._picture = folder / CURVES
        self._seconds_between_pictures = seconds_between_pictures
        self._drawn_at = time.monotonic()
        self._is_behind = False

    def append(self, note: dict[str, Any]) -> None:
        """Append one evaluation, and draw the curves again if the picture is old."""
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(note) + "\n")
        self._is_behind = True
        if time.monotonic() - self._drawn_at >= self._seconds_between_pictures:
            self.draw()

    def draw(self) -> None:
        """Draw the curves of the whole log, unless the picture shows them already."""
        if self._is_behind:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            draw_curves([json.loads(line) for line in lines], self._picture)
            self._drawn_at = time.monotonic()
            self._is_behind = False


def draw_curves(notes: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw losses and dev metrics over the tokens read, as an SVG picture.

    Args:
        notes: Lines of a run's log.
        path: Picture to write.
    """
    tokens = [note["tokens"] / 1e6 for note in notes]
    # Text stays text, and the same log gives the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "provence", "font.size": 9}):
        figure = Figure(figsize=(6.4, 5.6))
        losses, quality = figure.subplots(2, 1, sharex=True, gridspec_kw=_MARGINS)
        for name in ("keep_loss", "ranking_loss"):
            losses.plot(tokens, [note[name] for note in notes], marker=".", label=name.replace("_", " "))
        losses.set(ylabel="training loss")
        for name in ("average_precision", "reciprocal_rank", "ndcg"):
            quality.plot(tokens, [note[name] for note in notes], marker=".", label=name.replace("_", " "))
        quality.set(xlabel="million tokens read", ylabel="dev")
        for axes in (losses, quality):
            axes.grid(alpha=0.3)
            axes.legend(loc="best")
        figure.savefig(path, metadata={"Date": None})


def as_note(progress: Progress, losses: StepLosses, judged: JudgedExamples) -> dict[str, Any]:
    """Return a line of the log: position, mean losses since the last one, metrics on dev."""
    trained = {**asdict(progress), "keep_loss": losses.keep, "ranking_loss": losses.ranking}
    return {**trained, "questions": len(judged.scored), **metric_values(judged)}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"

"""`provence evaluate --reader`: whether a language model still answers from pruned contexts."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.options import read_threshold
from provence_plugins.cli.progress import show_progress
from provence_plugins.errors import ReaderError

if TYPE_CHECKING:
    from provence_plugins.cli.options import RunOptions
    from provence_plugins.data.examples import Example
    from provence_plugins.engine.options import PrunerOptions
    from provence_plugins.evaluation.experiment import FigureOptions
    from provence_plugins.evaluation.methods.catalogue import LoadedMethod
    from provence_plugins.evaluation.reading.arms import PassageOrder
    from provence_plugins.evaluation.reading.outcome import ReadingOutcome
    from provence_plugins.evaluation.reading.questions import QuestionOptions, ReadingQuestion
    from provence_plugins.evaluation.reading.record import ReadingRecord
    from provence_plugins.evaluation.reporting.result_files import ResultFile
    from provence_plugins.thresholds import Threshold

EQUAL_SIZE_METHODS = ("random", "lead", "bm25")
"""The default methods, each of which gets as much text as the first pruned arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderChoices:
    """The language model that answers, and what it is shown."""

    reader: Annotated[
        str | None,
        typer.Option(
            metavar="gguf:PATH|hf:FOLDER|openai:URL#MODEL",
            help="Let this language model answer, instead of measuring sentences.",
            show_default="no reader",
        ),
    ] = None
    pruner: Annotated[
        str | None,
        typer.Option(
            help="With --reader: folder, installed name or repo id of the pruning model.",
            show_default="the bundled model",
        ),
    ] = None
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER|NAME",
            help="With --reader: prune at this threshold, a number or the name of one; may be repeated.",
            show_default="the model's own",
        ),
    ] = None
    budget: Annotated[
        list[int] | None,
        typer.Option(min=1, help="With --reader: prune to this many tokens; may be repeated.", show_default="none"),
    ] = None
    every_size: Annotated[
        bool,
        typer.Option(
            "--every-size", help="With --reader: give methods the size of every pruned context, not of the first alone."
        ),
    ] = False
    order: Annotated[
        Literal["best-first", "best-last", "both"] | None,
        typer.Option(
            help="With --reader: show the passages in this order of relevance too.", show_default="as they are"
        ),
    ] = None
    passages: Annotated[int, typer.Option(min=1, help="With --reader: number of passages of each question.")] = 5
    unanswerable: Annotated[
        int, typer.Option(min=0, help="With --reader: number of unanswerable questions of each source.")
    ] = 0
    answer_tokens: Annotated[int, typer.Option(min=1, help="With --reader: maximum tokens of an answer.")] = 32
    context_tokens: Annotated[
        int, typer.Option(min=1, help="With --reader: context length of a local language model, in tokens.")
    ] = 4096
    timeout: Annotated[float, typer.Option(help="With --reader: timeout of a server request in seconds.")] = 120.0
    margin: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="With --reader: largest loss of right answers that still counts as not inferior."
        ),
    ] = 0.05
    input_price: Annotated[
        float | None,
        typer.Option(min=0, help="With --reader: price of a million prompt tokens.", show_default="unknown"),
    ] = None
    output_price: Annotated[
        float | None,
        typer.Option(min=0, help="With --reader: price of a million answer tokens.", show_default="unknown"),
    ] = None
    record: Annotated[
        Path | None,
        typer.Option(
            help="With --reader: file for all answers, with which a stopped run can be continued.",
            show_default="NAME.answers.jsonl in the folder of --output",
        ),
    ] = None

    def thresholds(self) -> "list[Threshold]":
        """Return the thresholds: numbers, and names of those that a model stores."""
        return [read_threshold(given) for given in self.threshold or ()]

    def orders(self) -> "Sequence[PassageOrder]":
        """Return the orders in which the passages are shown in addition to the given one."""
        if self.order is None:
            return ()
        return ("best-first", "best-last") if self.order == "both" else (self.order,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRun:
    """Everything that a run with a reader is given.

    Attributes:
        choices: The reader and what it is shown.
        questions: How questions are made of the examples.
        model: How the pruning model is run.
        record: The file of answers.
    """

    choices: ReaderChoices
    questions: "QuestionOptions"
    model: "RunOptions"
    record: Path

    def ask(
        self,
        examples: "Sequence[Example]",
        methods: "dict[str, LoadedMethod]",
    ) -> "ReadingOutcome":
        """Ask all questions in all arms.

        Raises:
            InterruptedRunError: Ctrl-C was pressed; what was answered is in the record.
            ReaderError: The reader is down; the same holds.
            InvalidInputError: There is no question, no complete answer, or the record holds
                answers of another reader.
        """
        from provence_plugins.evaluation.reading.questions import make_questions
        from provence_plugins.evaluation.reading.record import open_record

        questions = make_questions(examples, self.questions)
        with open_record(self.record, str(self.choices.reader)) as record:
            try:
                return self._ask(questions, methods, record)
            except KeyboardInterrupt as stop:
                raise streams.InterruptedRunError(f"Interrupted. {self._how_to_continue(len(record))}") from stop
            except ReaderError as error:
                raise ReaderError(f"{error} {self._how_to_continue(len(record))}") from error

    def _ask(
        self,
        questions: "Sequence[ReadingQuestion]",
        methods: "Mapping[str, LoadedMethod]",
        record: "ReadingRecord",
    ) -> "ReadingOutcome":
        from provence_plugins.engine.pruner import Pruner
        from provence_plugins.evaluation.reading.arms import method_arms, ordered_arms, pruned_arms
        from provence_plugins.evaluation.reading.asking import Interviewer, ask_all
        from provence_plugins.evaluation.reading.contexts import ContextMaker
        from provence_plugins.evaluation.reading.outcome import Prices, arrange
        from provence_plugins.readers.catalogue import open_reader
        from provence_plugins.readers.reader import ReaderOptions

        choices = self.choices
        options = ReaderOptions(
            threads=self.model.threads, context_tokens=choices.context_tokens, timeout=choices.timeout
        )
        with (
            closing(open_reader(str(choices.reader), options)) as reader,
            Pruner(choices.pruner, **cast("PrunerOptions", asdict(self.model))) as pruner,
        ):
            pruned = pruned_arms(pruner, choices.thresholds(), choices.budget or ())
            contexts = ContextMaker(
                pruner,
                pruned,
                method_arms(methods, pruned, every_size=choices.every_size),
                ordered=ordered_arms(pruned, choices.orders()),
            )
            interviewer = Interviewer(reader, record, max_tokens=choices.answer_tokens)
            answers = ask_all(questions, contexts, interviewer, show_progress, seed=self.questions.seed)
            return arrange(
                answers,
                reader=reader.name,
                arms=contexts.arms,
                reference=contexts.reference,
                margin=choices.margin,
                prices=Prices(prompts=choices.input_price, answers=choices.output_price),
                equal_sizes=contexts.equal_sizes,
            )

    def _how_to_continue(self, answers: int) -> str:
        return f"{self.record} holds {answers:,} answers. Run the same command again to continue."


def make_reading_result(
    outcome: "ReadingOutcome", *, title: str, command: str, figures: "FigureOptions | None"
) -> "ResultFile":
    """Return the result of a run with its tables, and draw a plot when there is a folder for it."""
    from provence_plugins.evaluation.reading.report import (
        draw_pareto,
        make_reading_tables,
        raw_data,
    )
    from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine
    from provence_plugins.evaluation.reporting.result_files import ResultFile

    drawn = []
    if figures is not None:
        figures.folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_pareto(outcome, figures)
    return ResultFile(
        title=title,
        command=command,
        machine=describe_machine(),
        commit=describe_commit(),
        tables=make_reading_tables(outcome),
        figures=drawn,
        data=raw_data(outcome),
    )

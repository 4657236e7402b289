"""The command that checks on your questions that answers are kept and a reader still gives them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from provence_plugins.cli import streams
from provence_plugins.cli.evaluate import OutputOptions, make_reading_run, show_command
from provence_plugins.cli.evaluate_data import DataOptions
from provence_plugins.cli.evaluate_reader import ReaderChoices, make_reading_result
from provence_plugins.cli.options import RunOptions, refuse_options
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.engine.options import PrunerOptions
    from provence_plugins.evaluation.reading.contract import Contract
    from provence_plugins.evaluation.reading.outcome import ReadingOutcome
    from provence_plugins.evaluation.reporting.result_files import Table

# Enough to tell two files apart.
_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOptions:
    """What is promised, and on which questions it is checked."""

    kept: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the questions for which a sentence of the answer must stay."),
    ] = 0.9
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of questions of each source.", show_default="all")
    ] = None
    splitter: Annotated[SplitterName, typer.Option(help="Sentence splitter of the labels.")] = "sentencex"
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0
    output: Annotated[
        Path, typer.Option(help="Folder for the record of answers and the result file contract.json.")
    ] = Path()


def contract(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Files of labelled JSON lines, or glob patterns.")
    ],
    terms: ContractOptions,
    run: RunOptions,
    reading: ReaderChoices,
) -> None:
    """Check that pruning keeps the answers of DATA (extra: eval).

    A language model is asked with the full and with the pruned context. Prints one page: what is
    promised, under which conditions, and what was measured. The exit code is 0 when the contract is
    kept and 1 when that is not shown.
    """
    if reading.reader is None:
        raise typer.BadParameter(
            "Name the language model that answers: --reader gguf:PATH, hf:FOLDER or openai:URL#MODEL."
        )
    refuse_options(reading, ["every_size"], "contract, which compares no methods")
    examples = DataOptions(limit=terms.limit, splitter=terms.splitter, seed=terms.seed)
    output = OutputOptions(output=terms.output, name="contract", title="Contract")
    output.prepare()
    outcome = make_reading_run(reading, examples, run, output).ask(examples.read_all(data), {})
    judged, fingerprint = _judge(outcome, reading, run, terms.kept)
    result = make_reading_result(outcome, title=output.title, command=show_command(), figures=None)
    conditions = _conditions(data, outcome, reading, fingerprint)
    result = replace(result, tables=[judged.to_table(), conditions, *result.tables])
    result.write(terms.output / f"{output.name}.json")
    streams.print_text(result.to_markdown())
    raise typer.Exit(0 if judged.is_kept else 1)


def _judge(
    outcome: "ReadingOutcome", reading: ReaderChoices, run: RunOptions, least_kept: float
) -> "tuple[Contract, str]":
    """Return the judged contract and the fingerprint of the pruning model."""
    from provence_plugins.cli.bulk_record import fingerprint_model
    from provence_plugins.engine.pruner import Pruner
    from provence_plugins.evaluation.reading.arms import FULL, pruned_arms
    from provence_plugins.evaluation.reading.contract import find_kept_answers, judge_contract
    from provence_plugins.model.checkpoint import open_checkpoint

    questions = [answer.question for answer in outcome.answerable[FULL]]
    with Pruner(reading.pruner, **cast("PrunerOptions", asdict(run))) as pruner:
        [first, *_] = pruned_arms(pruner, reading.thresholds(), reading.budget or ())
        kept = list(find_kept_answers(questions, pruner, first.policy))
    fingerprint = fingerprint_model(open_checkpoint(reading.pruner).folder)
    return judge_contract(outcome, kept, least_kept=least_kept), fingerprint


def _conditions(
    data: Sequence[str],
    outcome: "ReadingOutcome",
    reading: ReaderChoices,
    fingerprint: str,
) -> "Table":
    from provence_plugins.data.files import find_files
    from provence_plugins.evaluation.reporting.result_files import Table

    files = ", ".join(f"{path.name} ({_digest(path)})" for path in find_files(data))
    failed = sum(number for reasons in outcome.failures.values() for number in reasons.values())
    rows = [
        ["pruning model", f"{reading.pruner or 'bundled'} ({fingerprint[:_DIGITS]}), {outcome.reference}"],
        ["reader", f"{outcome.reader}, answers of at most {reading.answer_tokens} tokens"],
        ["questions", files],
        ["passages", f"{reading.passages} for each question: its own, then some of other questions of the source"],
        ["answers that failed", str(failed)],
    ]
    note = (
        "The letters and digits in brackets are the first of SHA-256 digests. The result is valid "
        "for questions like these: the same kinds of questions and passages, the same retriever, "
        "the same reader with the same prompt. With another threshold, budget, model or reader, "
        "check the contract again. A question with a failed answer, for example because its prompt "
        "was too long, is not counted."
    )
    return Table("Conditions", ["what", "which"], rows, note)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()[:_DIGITS]

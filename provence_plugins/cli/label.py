"""The command that labels question–passage pairs with a larger model."""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provence_plugins.cli.options import ModelOptions, RunOptions, refuse_options, require_opener
from provence_plugins.cli.streams import report
from provence_plugins.labelling.prompts import PromptName
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.cli.bulk_lines import GroupPruner
    from provence_plugins.labelling.chat_labeller import ChatLabeller

# How a pruner is run, which says nothing about a chat model; both have threads.
_OF_TEACHER = {field.name for field in fields(RunOptions)} - {"threads"}

# Lines whose prompts are counted for the estimate; the others are taken to be as long.
_SAMPLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """Options for labelling with a chat model instead of a pruner."""

    llm: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:PLACE",
            help="Ask a chat model in place of TEACHER: openai:URL#MODEL, gguf:PATH or hf:FOLDER.",
            show_default="TEACHER",
        ),
    ] = None
    prompt: Annotated[
        PromptName, typer.Option(help="What the chat model is asked for: an answer, a summary, or numbers alone.")
    ] = "answer"
    max_tokens: Annotated[int, typer.Option(min=1, help="Maximum length of an answer, in tokens.")] = 256
    concurrency: Annotated[int, typer.Option(min=1, help="Maximum number of requests at a time.")] = 4
    timeout: Annotated[float, typer.Option(min=1, help="Timeout of a request, in seconds.")] = 120.0
    input_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a million prompt tokens.", show_default="unknown")
    ] = None
    output_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a million answer tokens.", show_default="unknown")
    ] = None
    estimate: Annotated[bool, typer.Option("--estimate", help="Estimate tokens and costs, and exit.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """Options for what is written."""

    splitter: Annotated[
        SplitterName | None,
        typer.Option(help="Sentence splitter.", show_default="that of TEACHER; sentencex with --llm"),
    ] = None
    labels_only: Annotated[
        bool,
        typer.Option(
            "--labels-only",
            help="Leave texts out: write the labels with id and passage_id of the line, by which training finds them.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderOptions:
    """Options for mixing a sentence encoder into the relevance."""

    encoder: Annotated[
        str | None,
        typer.Option(
            help="Sentence encoder, a folder or package:NAME/FOLDER. TEACHER's relevance becomes the mean of its "
            "log-odds and those of the cosine of question and passage.",
            show_default="none",
        ),
    ] = None
    encoder_weight: Annotated[float, typer.Option(min=0, help="Log-odds that a cosine of 1 adds to one of 0.")] = 20.0


def label(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="[TEACHER] IN OUT",
            help="Model folder, repo id or bundled (not with --llm); JSON lines with question and passage, compressed "
            "if the name ends in .gz; and a file for the labelled lines.",
        ),
    ],
    run: RunOptions,
    chat: ChatOptions,
    written: LabelOptions,
    similarity: EncoderOptions,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an earlier run with the same input and options.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the content of OUT.")] = False,
) -> None:
    """Label question–passage pairs with a larger model.

    The labels are for training a smaller one. A line is {"question": ..., "passage": ..., "title":
    ...}; its other keys stay. The output adds "silver", a list of [start, end, probability] for
    each sentence, and TEACHER's relevance. Training reads it like labelled data.
    """
    if resume and overwrite:
        raise typer.BadParameter("Use only one of --resume and --overwrite.")
    require_opener(chat, "llm")
    require_opener(similarity, "encoder")
    teacher, files = _read_places(places, chat, resume=resume, overwrite=overwrite)
    if teacher is None:
        refuse_options(run, _OF_TEACHER, "--llm")
        # A chat model gives no relevance that could be mixed.
        refuse_options(similarity, ("encoder",), "--llm")
        failed = _label_with_chat(chat, files, run, written)
    else:
        model = ModelOptions(model=teacher, splitter=written.splitter, **asdict(run))
        failed = _label_with_teacher(model, files, written, similarity)
    raise typer.Exit(1 if failed else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Where pairs come from and labelled lines go."""

    source: str
    target: str
    resume: bool
    overwrite: bool


def _read_places(
    places: list[str],
    chat: ChatOptions,
    *,
    resume: bool,
    overwrite: bool,
) -> tuple[str | None, _Files]:
    if chat.llm is None:
        _require_count(places, "TEACHER IN OUT", "without --llm")
        teacher = places[0]
    else:
        _require_count(places, "IN OUT", "with --llm")
        teacher = None
    return teacher, _Files(source=places[-2], target=places[-1], resume=resume, overwrite=overwrite)


def _require_count(places: list[str], expected: str, when: str) -> None:
    if len(places) != len(expected.split()):
        raise typer.BadParameter(f"Give {expected} {when}; got {len(places)} arguments.")


def _label_with_teacher(
    model: ModelOptions,
    files: _Files,
    written: LabelOptions,
    similarity: EncoderOptions,
) -> int:
    """Label with a pruner, and return the number of lines that are errors."""
    from provence_plugins.cli.bulk_record import fingerprint_model
    from provence_plugins.cli.label_lines import label_with_pruner
    from provence_plugins.data.files import find_folder
    from provence_plugins.labelling.similarity import SimilarityMixer
    from provence_plugins.model.checkpoint import open_checkpoint

    options = {name: value for name, value in asdict(model).items() if name not in ("model", "revision")}
    options.update(asdict(written) | asdict(similarity))
    mixer = None
    if similarity.encoder is not None:
        mixer = SimilarityMixer(find_folder(similarity.encoder), similarity.encoder_weight, model.device)
    fingerprint = fingerprint_model(open_checkpoint(model.model).folder)
    if model.comparison is None:
        # A soft target is the model's own probability of each sentence, whatever stands beside it.
        model = replace(model, comparison=0.0)
    with model.open() as pruner:
        labeller = label_with_pruner(pruner, mixer, labels_only=written.labels_only)
        return _run(files, fingerprint, options, lambda done: labeller)


def _label_with_chat(
    chat: ChatOptions,
    files: _Files,
    run: RunOptions,
    written: LabelOptions,
) -> int:
    """Label with a chat model, and return the number of lines that are errors."""
    from provence_plugins.cli.label_lines import label_with_chat
    from provence_plugins.labelling.chat_labeller import ChatLabeller
    from provence_plugins.readers.catalogue import open_reader
    from provence_plugins.readers.reader import ReaderOptions

    assert chat.llm is not None
    splitter, labels_only = written.splitter or "sentencex", written.labels_only
    with closing(open_reader(chat.llm, ReaderOptions(threads=run.threads, timeout=chat.timeout))) as reader:
        labeller = ChatLabeller(reader, chat.prompt, splitter, chat.max_tokens)
        report(_estimate(labeller, files.source, chat))
        if chat.estimate:
            return 0
        options = {
            "prompt": chat.prompt,
            "splitter": splitter,
            "max_tokens": chat.max_tokens,
            "labels_only": labels_only,
        }

        def labeller_after(done: int) -> "GroupPruner":
            return label_with_chat(labeller, concurrency=chat.concurrency, done=done, labels_only=labels_only)

        return _run(files, chat.llm, options, labeller_after)


# Any: options of several types.
def _run(
    files: _Files,
    model: str,
    options: dict[str, Any],
    labeller_after: "Callable[[int], GroupPruner]",
) -> int:
    """Label all lines that no earlier run has labelled, and return the number of errors.

    Args:
        files: Where lines come from and go.
        model: What identifies the model in the record of the run.
        options: What else decides what is written.
        labeller_after: Returns the labeller of a run that continues after this many lines.
    """
    from provence_plugins.cli.bulk_files import open_output
    from provence_plugins.cli.bulk_input import count_lines, file_size, open_input
    from provence_plugins.cli.bulk_lines import prune_lines
    from provence_plugins.cli.bulk_record import RunSettings
    from provence_plugins.cli.bulk_tally import LabelTally, write_lines

    total = count_lines(files.source) if sys.stderr.isatty() else None
    with open_input(files.source) as lines:
        settings = RunSettings(model, file_size(lines), {"command": "label", **options})
        with open_output(files.target, lines, settings, resume=files.resume, overwrite=files.overwrite) as output:
            tally = LabelTally(earlier=output.lines, failed=output.failed, can_resume=output.can_resume)
            label_groups = labeller_after(output.lines)
            results = prune_lines(lines, label_groups, done=output.lines, check_group=output.check_group)
            write_lines(results, output, tally, total=total)
    report(tally.summary())
    return tally.failed


def _estimate(labeller: "ChatLabeller", source: str, chat: ChatOptions) -> str:
    """Estimate from the first lines of the input how many tokens a run takes, and what they cost."""
    from provence_plugins.cli.bulk_input import count_lines, open_input
    from provence_plugins.cli.label_lines import read_pairs

    lines = count_lines(source)
    if lines is None:
        return "The input can be read only once, so its tokens and costs are not estimated."
    with open_input(source) as opened:
        sample = list(read_pairs(islice(opened, _SAMPLE)))
    if not sample:
        return f"The first {min(lines, _SAMPLE)} lines hold no pair, so tokens and costs are not estimated."
    prompts = round(labeller.prompt_tokens(sample) / len(sample) * lines)
    answers = labeller.max_tokens * lines
    said = f"{lines:,} requests, about {prompts:,} tokens of prompts and at most {answers:,} of answers"
    if chat.input_price is None and chat.output_price is None:
        return f"{said}; to see the cost, give --input-price and --output-price."
    cost = (prompts * (chat.input_price or 0.0) + answers * (chat.output_price or 0.0)) / 1_000_000
    return f"{said}; at most about {cost:,.2f} in the currency of the prices."

"""The methods that can be compared, a row for each, by their names on the command line."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import takewhile
from pathlib import Path, PurePath

from provence_plugins.data.files import find_folder
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.baselines import bm25, chance, lead
from provence_plugins.evaluation.methods.method import (
    Method,
    SplitPassage,
    pruner_method,
    sentence_by_sentence,
)
from provence_plugins.evaluation.methods.predictions import ANY_WORD, FixedOutput, read_predictions


@dataclass(frozen=True, slots=True)
class LoadedMethod:
    """A method that is ready to score.

    Attributes:
        score: The method.
        threshold: The lowest score that is kept by the method's own default; None when it has no
            such default.
        probabilities: Whether its scores claim to be probabilities, so that their calibration means
            something.
        passage_comparison: How much a surer passage of the same question counts against a passage;
            0 where each passage is decided on by itself.
        output: What it keeps of a passage, for a system that gives one output and no scores; None
            for all others.
    """

    score: Method
    threshold: float | None = None
    probabilities: bool = False
    passage_comparison: float = 0.0
    output: Callable[[SplitPassage], FixedOutput] | None = None


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """How methods are run.

    Attributes:
        pruner: Backend, device, precision and threads of this package's models.
        seed: Seed of random methods.
        trust_remote_code: Whether code inside a model folder may run.
        passage_comparison: How much a surer passage counts for this package's models, in place of
            their own value; None for that.
    """

    pruner: PrunerOptions
    seed: int = 0
    trust_remote_code: bool = False
    passage_comparison: float | None = None


Maker = Callable[[str, MethodOptions], LoadedMethod]
"""Makes a method from the given folder; "" means no folder."""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method of the catalogue.

    Attributes:
        what: Description in one line.
        make: Makes the method.
        folder: What the folder after the colon holds; None for a method without a folder.
        needs_folder: Whether the folder must be given.
        extra: The extra that installs its packages; None when the plain installation is enough.
        compares_passages: Whether it uses `MethodOptions.passage_comparison`.
    """

    what: str
    make: Maker
    folder: str | None = None
    needs_folder: bool = True
    extra: str | None = None
    compares_passages: bool = False


def find_method(spec: str) -> MethodRow:
    """Return the row of a specification "NAME" or "NAME:FOLDER".

    Raises:
        InvalidInputError: There is no such method.
    """
    name, _, _ = spec.partition(":")
    if name not in METHODS:
        raise InvalidInputError(f"Unknown method {name!r}. The methods are {', '.join(METHODS)}.")
    return METHODS[name]


def open_method(spec: str, options: MethodOptions) -> LoadedMethod:
    """Make the method of a specification "NAME" or "NAME:FOLDER".

    A folder may also be "package:NAME/PATH", a folder inside an installed package, and for some
    methods a repo id.

    Raises:
        InvalidInputError: There is no such method, or a folder is missing, superfluous or unusable.
        MissingExtraError: The packages of the method are not installed.
        CheckpointError: A model folder of this package cannot be used.
    """
    name, _, folder = spec.partition(":")
    row = find_method(spec)
    if folder and row.folder is None:
        raise InvalidInputError(f"The method {name} takes no folder; got {folder!r}. Write --method {name}.")
    if not folder and row.folder is not None and row.needs_folder:
        raise InvalidInputError(f"The method {name} needs {row.folder}. Write --method {name}:FOLDER.")
    if folder:
        folder = str(find_folder(folder))
    return row.make(folder, options)


def open_predictions(path: Path) -> LoadedMethod:
    """Make a method from the outputs of a system, which are read from a file.

    Raises:
        DataError: The file cannot be read, or a line is malformed.
    """
    predictions = read_predictions(path)
    return LoadedMethod(predictions.score, ANY_WORD, output=predictions.output)


def short_names(specs: Sequence[str]) -> list[str]:
    """Return names for tables, each of which is unique.

    A method's name where only one has it, else with the parts of its folder in which they differ:
    "model:small" and "model:large" for "model:runs/small/model" and "model:runs/large/model".
    """
    places: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for spec in specs:
        name, _, place = spec.partition(":")
        places[name].append(PurePath(place).parts)
    distinct = {name: iter(_distinct(parts)) for name, parts in places.items()}
    names = []
    for spec in specs:
        name = spec.partition(":")[0]
        part = next(distinct[name])
        names.append(f"{name}:{part}" if part else name)
    return names


def _distinct(places: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the parts of folders between those that all begin or end with."""
    first = _count_equal(places)
    last = _count_equal([place[first:][::-1] for place in places])
    left = [place[first : len(place) - last] for place in places]
    return [PurePath(*place).as_posix() if place else "" for place in left]


def _count_equal(places: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts at the beginning are the same in all folders."""
    levels = zip(*places, strict=False)
    return sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, levels))


def choose_reference(names: Sequence[str], against: str | None) -> str:
    """Return the method that the others are compared with: the last one, if none is named.

    Raises:
        InvalidInputError: There is no method `against`.
    """
    if against is None:
        return names[-1]
    if against not in names:
        raise InvalidInputError(f"against must be one of the methods {', '.join(names)}; got {against!r}.")
    return against


def _plain(method: Callable[[], Method]) -> Maker:
    return lambda folder, options: LoadedMethod(method())


def _chance(folder: str, options: MethodOptions) -> LoadedMethod:
    return LoadedMethod(chance(options.seed))


def _model(folder: str, options: MethodOptions) -> LoadedMethod:
    pruner = Pruner(folder or None, **options.pruner)
    weight = options.passage_comparison
    return LoadedMethod(
        pruner_method(pruner),
        pruner.default_threshold,
        probabilities=True,
        passage_comparison=pruner.thresholds.passage_comparison if weight is None else weight,
    )


def _sentence_model(folder: str, options: MethodOptions) -> LoadedMethod:
    pruner = Pruner(folder or None, **options.pruner)
    return LoadedMethod(sentence_by_sentence(pruner_method(pruner)))


def _open_provence(folder: str, options: MethodOptions) -> LoadedMethod:
    from provence_plugins.evaluation.methods.third_party import (
        OPEN_PROVENCE_THRESHOLD,
        open_provence,
    )

    method = open_provence(folder, trust_remote_code=options.trust_remote_code)
    return LoadedMethod(method, OPEN_PROVENCE_THRESHOLD, probabilities=True)


def _of_folder(module: str, function: str) -> Maker:
    """Return the maker that calls a function of a module, which is imported late."""

    def make(folder: str, options: MethodOptions) -> LoadedMethod:
        make_method = getattr(import_module(f"provence_plugins.evaluation.methods.{module}"), function)
        method: Method = make_method(folder)
        return LoadedMethod(method)

    return make


_ENCODER = "the folder of a sentence encoder"

METHODS: dict[str, MethodRow] = {
    "lead": MethodRow("the first sentences of a passage", _plain(lead)),
    "random": MethodRow("random sentences, the same for the same seed", _chance),
    "bm25": MethodRow("BM25 of the question over the sentences of a passage", _plain(bm25), extra="eval"),
    "embeddings": MethodRow(
        "cosine of question and sentence, like RECOMP's extractive compressor",
        _of_folder("encoders", "embeddings"),
        _ENCODER,
        extra="train",
    ),
    "late-chunking": MethodRow(
        "like embeddings, with sentence vectors from one pass over the passage",
        _of_folder("encoders", "late_chunking"),
        _ENCODER,
        extra="train",
    ),
    "langchain-filter": MethodRow(
        "LangChain's EmbeddingsFilter, which drops whole passages",
        _of_folder("langchain", "embeddings_filter"),
        _ENCODER,
        extra="eval-langchain",
    ),
    "llama-index-optimizer": MethodRow(
        "LlamaIndex's SentenceEmbeddingOptimizer",
        _of_folder("llama_index", "sentence_optimizer"),
        _ENCODER,
        extra="llama-index,train",
    ),
    "cross-encoder": MethodRow(
        "a cross-encoder on each sentence alone, like DSLR",
        _of_folder("encoders", "cross_encoder"),
        "the folder of a sentence-transformers CrossEncoder",
        extra="train",
    ),
    "sentence-model": MethodRow(
        "the relevance that a model of this package gives each sentence alone, like DSLR",
        _sentence_model,
        "a model folder",
        needs_folder=False,
    ),
    "selective-context": MethodRow(
        "self-information of sentences; does not read the question",
        _of_folder("language_models", "selective_context"),
        "the folder of a causal language model",
        extra="torch",
    ),
    "llmlingua2": MethodRow(
        "LLMLingua-2's deletion of words; does not read the question",
        _of_folder("third_party", "llmlingua2"),
        "the folder of its token classifier",
        extra="eval-llmlingua",
    ),
    "open-provence": MethodRow(
        "OpenProvence with the code in its folder; only with --trust-remote-code",
        _open_provence,
        "a model folder with its code",
        extra="torch",
    ),
    "model": MethodRow(
        "a model folder of any supported format [default: the shipped model]",
        _model,
        "a model folder, the name of an installed model, or a repo id",
        needs_folder=False,
        compares_passages=True,
    ),
}

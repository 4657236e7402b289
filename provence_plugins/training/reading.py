"""Read the examples of a run, and refuse those that it could not use in the end."""

from collections.abc import Sequence

from provence_plugins.data.detached_labels import attach_labels
from provence_plugins.data.examples import Example, first_questions, label_sentences, read_all_examples
from provence_plugins.data.files import find_files
from provence_plugins.errors import DataError
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.training.settings import DataSettings


def read_train_examples(data: DataSettings) -> list[Example]:
    """Return the examples of a run, with the labels of a teacher if there are files of these.

    Raises:
        DataError: A line is malformed, or there are no examples or no labels.
    """
    examples = _read(data.train)
    if not data.labels:
        return examples
    labelled = attach_labels(examples, find_files(data.labels))
    if not labelled:
        raise DataError(f"There are no labels in {', '.join(data.labels)}. Name files that provence label wrote.")
    return labelled


def read_dev_examples(data: DataSettings, splitter: SplitterName) -> list[Example]:
    """Return the dev examples of a run, by which its model is scaled and gets its thresholds in the end.

    Raises:
        DataError: A line is malformed, there are no examples, or none can be pruned.
    """
    examples = _read(data.dev)
    if not any(_can_be_pruned(example, splitter) for example in first_questions(examples, data.final_dev_limit)):
        raise DataError(
            f"There is no positive with annotated evidence in a passage of several sentences in {', '.join(data.dev)}. "
            f"Name dev files with answer_spans or relevant_sentences: the thresholds of the model are measured on them."
        )
    return examples


def _can_be_pruned(example: Example, splitter: SplitterName) -> bool:
    if not (example.positive and example.evidence):
        return False
    labels = label_sentences(example, split_sentences(example.passage.text, splitter))
    return len(labels) > 1 and any(labels)


def _read(patterns: Sequence[str]) -> list[Example]:
    examples = read_all_examples(find_files(patterns))
    if not examples:
        raise DataError(f"There are no examples in {', '.join(patterns)}. Name files of labelled JSON lines.")
    return examples

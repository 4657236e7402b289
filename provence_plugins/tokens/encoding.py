"""Encode texts as token ids, and find the special tokens that a tokenizer puts around a pair."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tokenizers import AddedToken, Encoding, Tokenizer

from provence_plugins.errors import (
    BackendError,
    CheckpointError,
    ProvenceError,
    is_panic,
    translate_panics,
)
from provence_plugins.text.surrogates import without_surrogates
from provence_plugins.types import Span

# Tuples and not lists, because the garbage collector does not look into a tuple of numbers again: a
# long text has tens of thousands of sentences, and the event loop stands still for as long as the
# collector walks over their tokens.
TokenIds = tuple[int, ...]

# The collector searches the library's own objects too, one for each text, so few of them may be
# alive; still enough for all processors.
_TEXTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class PairTemplate:
    """The special tokens around a query and a text, and the token type of each side.

    Attributes:
        before: Ids in front of the query.
        between: Ids that separate the query from the text.
        after: Ids after the text.
        query_type: Token type of the query and of everything before the text.
        text_type: Token type of the text and of everything after it.
        pad_id: Id that fills a row up to the length of its batch.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    query_type: int = 0
    text_type: int = 0
    pad_id: int = 0

    @property
    def special_tokens(self) -> int:
        """How many tokens of a window are neither query nor text."""
        return len(self.before) + len(self.between) + len(self.after)


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How a tokenizer is used.

    Attributes:
        special_tokens: Texts that spell a special token ("[SEP]") are read as that token, as in
            published models. Otherwise they are read as ordinary characters, so that a passage
            cannot forge the end of its own window.
        single_separator: Only the first of the tokens that separate query and text is used.
        names: What the special tokens are called, as in `tokenizer_config.json`: "cls_token" to
            "[CLS]" and the like.
    """

    special_tokens: bool = False
    single_separator: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


class TextEncoder:
    """A checkpoint's tokenizer: ids without special tokens, and the template of a pair.

    Safe to use from many threads: the tokenizer is set up once, here, and only read afterwards.

    Args:
        tokenizer: Taken over; its truncation and padding are switched off.
        options: How it is used.

    Raises:
        CheckpointError: It has no template for pairs, and no special tokens to make one of.
    """

    def __init__(self, tokenizer: Tokenizer, options: EncoderOptions | None = None) -> None:
        options = options or EncoderOptions()
        tokenizer.no_truncation()
        tokenizer.no_padding()
        known = [name for name in options.names.values() if tokenizer.token_to_id(name) is not None]
        tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in known])
        template = learn_template(tokenizer) or _template_of_names(tokenizer, options.names)
        separators = 1 if options.single_separator else len(template.between)
        self.template = replace(
            template, between=template.between[:separators], pad_id=_pad_id(tokenizer, options.names)
        )
        tokenizer.encode_special_tokens = not options.special_tokens
        self.unknown_id = _unknown_id(tokenizer, options.names)
        self._tokenizer = tokenizer

    @property
    def vocabulary_size(self) -> int:
        """Number of ids that the tokenizer can give, added tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the ids of each text on its own, without special tokens; an empty text has none.

        Raises:
            BackendError: The tokenizer failed on a text.
        """
        ids: list[TokenIds] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            encodings = _run(self._tokenizer.encode_batch_fast, texts[start : start + _TEXTS_AT_ONCE])
            ids += [tuple(encoding.ids) for encoding in encodings]
        return ids

    def token_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the characters of its text that each token of `encode` covers.

        Raises:
            BackendError: The tokenizer failed on a text.
        """
        encodings = _run(self._tokenizer.encode_batch, texts)
        return [[Span(start, end) for start, end in encoding.offsets] for encoding in encodings]

    @translate_panics(BackendError, "decoding tokens")
    def spells(self, ids: TokenIds) -> bool:
        """Return whether ids stand for any character, unlike special and unknown tokens."""
        return bool(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def is_failure_of_rust(error: BaseException) -> bool:
    """Return whether an exception is one of the library tokenizers, panics included."""
    return is_panic(error) or (isinstance(error, Exception) and not isinstance(error, ProvenceError))


def count_tokens(tokenizer: Tokenizer, text: str) -> int:
    """Return the number of tokens of a text, without special tokens.

    Raises:
        BackendError: The tokenizer failed on the text.
    """
    [encoding] = _run(tokenizer.encode_batch_fast, [text])
    return len(encoding.ids)


def _run(encode: Callable[..., list[Encoding]], texts: Sequence[str]) -> list[Encoding]:
    try:
        return encode(list(map(without_surrogates, texts)), add_special_tokens=False)
    except BaseException as error:
        if not is_failure_of_rust(error):
            raise
        raise BackendError(
            f"The tokenizer failed on one of {len(texts)} texts ({error}). Its tokenizer.json asks "
            f"for more than the library tokenizers can do; download the model again from a source "
            f"that you trust."
        ) from error


def learn_template(tokenizer: Tokenizer) -> PairTemplate | None:
    """Read the pair template from a tokenizer by encoding a pair.

    Returns:
        None when it puts nothing in front of a pair or between its sides.
    """
    probe = tokenizer.encode("a", "a")
    sides = [None if special else side for special, side in zip(probe.special_tokens_mask, _sides(probe), strict=True)]
    if 0 not in sides or 1 not in sides or sides[0] is not None:
        return None
    query, text = sides.index(0), sides.index(1)
    query_end = len(sides) - sides[::-1].index(0)
    text_end = len(sides) - sides[::-1].index(1)
    return PairTemplate(
        before=tuple(probe.ids[:query]),
        between=tuple(probe.ids[query_end:text]),
        after=tuple(probe.ids[text_end:]),
        query_type=probe.type_ids[query],
        text_type=probe.type_ids[text],
        pad_id=_pad_id(tokenizer, {}),
    )


def _template_of_names(tokenizer: Tokenizer, names: Mapping[str, str]) -> PairTemplate:
    """Make the usual template from the special tokens that a tokenizer's configuration names."""
    first = [names[key] for key in ("cls_token", "bos_token") if key in names]
    last = [names[key] for key in ("sep_token", "eos_token") if key in names]
    if not first or not last:
        raise CheckpointError(
            "The tokenizer puts no special tokens around a pair of texts, so a query could not be "
            "distinguished from its passage. Use a tokenizer.json with a post-processor for pairs, or name "
            "cls_token and sep_token in tokenizer_config.json."
        )
    start, end = tokenizer.token_to_id(first[0]), tokenizer.token_to_id(last[0])
    if start is None or end is None:
        raise CheckpointError(
            f"The tokenizer does not know its own special tokens {first[0]!r} and {last[0]!r}. Download it again."
        )
    return PairTemplate(before=(start,), between=(end,), after=(end,), text_type=1)


def _sides(probe: Encoding) -> list[int | None]:
    return list(probe.sequence_ids)


def _unknown_id(tokenizer: Tokenizer, names: Mapping[str, str]) -> int | None:
    """Return the id of unknown tokens; None for a tokenizer that can spell everything."""
    ids = (tokenizer.token_to_id(token) for token in (names.get("unk_token", "[UNK]"), "[UNK]", "<unk>"))
    return next((number for number in ids if number is not None), None)


def _pad_id(tokenizer: Tokenizer, names: Mapping[str, str]) -> int:
    # Padding is masked out, so any id does when a tokenizer names none.
    ids = (tokenizer.token_to_id(token) for token in (names.get("pad_token", "[PAD]"), "[PAD]", "<pad>"))
    return next((int(number) for number in ids if number is not None), 0)

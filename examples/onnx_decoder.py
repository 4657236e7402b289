"""The ONNX contract, followed step by step without provence_plugins: a pattern for programs in other languages.

python examples/onnx_decoder.py [FOLDER]
"""

import json
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from tokenizers import AddedToken, Tokenizer

BUNDLED = Path(__file__).parent.parent / "provence_plugins" / "model" / "bundled"

SPECIAL_TOKENS = 3  # [CLS] query [SEP] text [SEP]
LEAST_ROOM = 16
SURE = 0.1
ENDS_WITH_STOP = re.compile(r"""[.!?…。！？।؟][\s"'”’»」』)\]*_`]*\Z""")


class Scores(NamedTuple):
    """What the model says of one passage: its relevance, and the probability of each unit."""

    relevance: float
    probabilities: list[float]


class Piece(NamedTuple):
    """Consecutive tokens of one unit."""

    unit: int
    ids: list[int]


class Decoder:
    """A model folder of this package: `config.json`, `tokenizer.json` and an ONNX file."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.threshold: float = config["default_threshold"]
        self.comparison: float = config.get("comparison", 0.0)
        self.passage_comparison: float = config.get("passage_comparison", 0.0)
        self.window_tokens: int = config["max_tokens"]
        names = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        special = [names[f"{name}_token"] for name in ("cls", "sep", "pad", "unk", "mask")]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in special])
        # "[SEP]" spelled out in a text is seven ordinary characters.
        self.tokenizer.encode_special_tokens = True
        self.begin, self.separator = (self.tokenizer.token_to_id(name) for name in special[:2])
        model = next(path for path in (folder / "model_int8.onnx", folder / "model.onnx") if path.is_file())
        # As the package runs it: without this fusion a run is faster, and values round to the same steps of int8.
        self.session = onnxruntime.InferenceSession(
            str(model), providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )

    def score(self, query: str, units: Sequence[str], title: str = "") -> Scores:
        """Score a passage that is cut into units."""
        query_ids = self.encode(query)
        room = self.window_tokens - SPECIAL_TOKENS - len(query_ids)
        if room < LEAST_ROOM:
            raise ValueError("the query is too long")
        title_ids = self.encode(title.strip() + ":")[: room // 4] if title.strip() else []
        head = [self.begin, *query_ids, self.separator]
        tokens = [self.encode_unit(unit) for unit in units]
        totals, counts, relevances = [0.0] * len(units), [0] * len(units), [0.0]
        for number, window in enumerate(pack(tokens, room - len(title_ids))):
            text_ids = [*title_ids, *(token for piece in window for token in piece.ids), self.separator]
            relevance, keep = self.run(head, text_ids)
            relevances = [relevance] if number == 0 else [*relevances, relevance]
            position = len(head) + len(title_ids)
            for piece in window:
                end = position + len(piece.ids)
                totals[piece.unit] += float(np.sum(keep[position:end], dtype=np.float64))
                counts[piece.unit] += len(piece.ids)
                position = end
        means = [total / max(count, 1) for total, count in zip(totals, counts, strict=True)]
        return Scores(max(relevances), compare(means, self.comparison))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text by itself, without special tokens."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_unit(self, unit: str) -> list[int]:
        """Return the ids of a unit; one that says something and does not end with a stop gets a full stop."""
        ids = self.encode(unit)
        if ids and re.search(r"[^\W_]", unit) and not ENDS_WITH_STOP.search(unit.rstrip()[-16:]):
            ids += self.encode(".")
        return ids

    def run(self, head: list[int], text: list[int]) -> tuple[float, np.ndarray]:
        """Run one window by itself, without padding."""
        ids = np.array([head + text], dtype=np.int64)
        feeds = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.array([[0] * len(head) + [1] * len(text)], dtype=np.int64),
        }
        taken = {node.name for node in self.session.get_inputs()}
        relevance, keep = self.session.run(
            ["relevance", "keep"], {name: array for name, array in feeds.items() if name in taken}
        )
        return float(relevance[0]), keep[0]


def compare(probabilities: list[float], weight: float) -> list[float]:
    """Lower the log-odds of each unit by `weight` times its distance from the best, where that lies above `SURE`."""
    best = max(probabilities, default=0.0)
    compared = []
    for probability in probabilities:
        distance = log_odds(max(best, SURE)) - log_odds(max(probability, SURE))
        if probability == 0.0 or distance == 0.0:
            compared.append(probability)
        else:
            compared.append(1 / (1 + math.exp(weight * distance - log_odds(probability))))
    return compared


def compare_passages(passages: Sequence[list[float]], relevances: Sequence[float], weight: float) -> list[list[float]]:
    """Lower the log-odds of the units of each passage by `weight` times its distance from the surest passage."""
    sureness = [
        limited_log_odds(max(probabilities, default=0.0)) + limited_log_odds(relevance)
        for probabilities, relevance in zip(passages, relevances, strict=True)
    ]
    falls = [weight * (max(sureness) - own) for own in sureness]
    return [
        [min(each, 1 / (1 + math.exp(fall - log_odds(each)))) if fall else each for each in probabilities]
        for fall, probabilities in zip(falls, passages, strict=True)
    ]


def limited_log_odds(probability: float) -> float:
    return log_odds(min(max(probability, SURE), 1 - SURE))


def log_odds(probability: float) -> float:
    limited = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(limited / (1 - limited))


def pack(tokens: Sequence[list[int]], room: int) -> list[list[Piece]]:
    """Put whole units into as few windows as they need, and make these windows about equally long."""
    pieces = [
        Piece(unit, ids[start : start + room]) for unit, ids in enumerate(tokens) for start in range(0, len(ids), room)
    ]
    fewest = len(list(fill(pieces, room)))
    low, high = max((len(piece.ids) for piece in pieces), default=room), room
    while low < high:
        middle = (low + high) // 2
        if len(list(fill(pieces, middle))) == fewest:
            high = middle
        else:
            low = middle + 1
    return list(fill(pieces, high))


def fill(pieces: Sequence[Piece], limit: int) -> Iterator[list[Piece]]:
    """Fill window after window up to a limit of tokens."""
    window: list[Piece] = []
    for piece in pieces:
        if window and sum(len(each.ids) for each in window) + len(piece.ids) > limit:
            yield window
            window = []
        window.append(piece)
    if window:
        yield window


def main() -> None:
    decoder = Decoder(Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLED)
    passages = [
        ["Iceland lies in the North Atlantic. ", "Its capital is Reykjavik. ", "Sheep outnumber people."],
        ["Norway lies east of it. ", "Its largest city is Oslo."],
    ]
    scores = [decoder.score("What is the capital of Iceland?", units) for units in passages]
    compared = compare_passages(
        [each.probabilities for each in scores], [each.relevance for each in scores], decoder.passage_comparison
    )
    for units, each, probabilities in zip(passages, scores, compared, strict=True):
        print(f"relevance {each.relevance:.2f}, threshold {decoder.threshold:.2g}")
        for unit, probability in zip(units, probabilities, strict=True):
            print("keep" if probability >= decoder.threshold else "    ", f"{probability:.2g}", unit)


if __name__ == "__main__":
    main()

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.serving.originals import KEPT_MARK, Original, Originals, passage_id
from provence_plugins.types import Span

TEXT = "The castle has nine towers. Sheep graze on the meadow.\n\nNobody lives in it. The towers of the castle are old."


def pruned(words: Pruner, *texts: str, policy: PruningPolicy | None = None) -> list[PrunedPassage]:
    result = words.prune("castle towers", texts, policy)
    return sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)


def test_what_was_omitted_of_a_passage_is_found_by_its_id(words: Pruner) -> None:
    originals = Originals(1000)
    call = originals.add(pruned(words, TEXT, "Sheep are white."))
    kept, dropped = (originals.find(passage_id(call, index)) for index in range(2))
    assert kept is not None
    assert kept.text == TEXT
    assert kept.omitted == f"{KEPT_MARK}\nSheep graze on the meadow.\n\nNobody lives in it.\n{KEPT_MARK}"
    assert dropped is not None
    assert dropped.omitted == dropped.text == "Sheep are white."


def test_nothing_is_omitted_of_a_complete_passage(words: Pruner) -> None:
    originals = Originals(1000)
    call = originals.add(pruned(words, TEXT, policy=PruningPolicy(threshold=0)))
    original = originals.find(passage_id(call, 0))
    assert original is not None
    assert original.omitted == ""


def test_white_space_alone_is_not_omitted_text() -> None:
    assert Original("Kept. \n\n Kept.\n", (Span(0, 5), Span(9, 14))).omitted == ""
    assert Original(" \n", ()).omitted == ""


def test_an_unknown_id_finds_nothing(words: Pruner) -> None:
    originals = Originals(1000)
    call = originals.add(pruned(words, TEXT))
    assert originals.find(f"  {call}.0\n") is not None
    for name in (
        "",
        call,
        f"{call}.",
        f"{call}.1",
        f"{call}.-1",
        f"{call}.00",
        f"{call}.²",
        "0.0",
        f"{call}.{'9' * 9999}",
    ):
        assert originals.find(name) is None


def test_the_oldest_calls_are_forgotten_and_the_last_one_never(words: Pruner) -> None:
    originals = Originals(2 * len(TEXT))
    first, second, third = (originals.add(pruned(words, TEXT)) for _ in range(3))
    assert originals.find(f"{first}.0") is None
    assert originals.find(f"{second}.0") is not None
    assert originals.find(f"{third}.0") is not None
    long = originals.add(pruned(words, TEXT * 5))
    assert originals.find(f"{third}.0") is None
    assert originals.find(f"{long}.0") is not None


def test_ids_of_equal_calls_differ(words: Pruner) -> None:
    originals = Originals(1000)
    assert originals.add(pruned(words, TEXT)) != originals.add(pruned(words, TEXT))

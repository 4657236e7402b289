"""The promises that every adapter keeps, as tests to inherit."""

import asyncio
import copy
import json
import math

import pytest

from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.errors import BackendError, ClosedError
from provence_plugins.integrations.metadata import METADATA_KEY
from provence_plugins.testing.adapter_hooks import (
    IRRELEVANT,
    QUERY,
    RELEVANT,
    RELEVANT_PRUNED,
    AdapterHooks,
    AdapterT,
    Item,
    ThingT,
    make_items,
    wait_for_a_pass,
    word_pruner,
)
from provence_plugins.testing.backends import FailingBackend, WordBackend


class AdapterContract(AdapterHooks[AdapterT, ThingT]):
    """Tests of an adapter: inherit, implement the five hooks, and call the class "Test…".

    The hooks are those of `AdapterHooks`.
    """

    def test_what_it_is_given_stays_as_it_is(self) -> None:
        things = self.wrap(make_items(RELEVANT, IRRELEVANT, "", RELEVANT))
        before = copy.deepcopy(things)
        self.prune(self._make(), QUERY, things)
        asyncio.run(self.aprune(self._make(), QUERY, things))
        assert things == before
        assert self._read_all(things) == self._read_all(before)

    @pytest.mark.parametrize("query", [QUERY, " "], ids=["pruned", "passed through"])
    def test_what_comes_out_is_a_new_list_of_new_things(self, query: str) -> None:
        things = self.wrap(make_items(RELEVANT, RELEVANT))
        for result in (
            self.prune(self._make(), query, things),
            asyncio.run(self.aprune(self._make(), query, things)),
        ):
            assert type(result) is list
            assert result is not things
            for new, old in zip(result, things, strict=True):
                assert type(new) is type(old)
                assert new is not old
                assert self.read(new).metadata is not self.read(old).metadata
                assert self.read(new).metadata["page"] is not self.read(old).metadata["page"]

    def test_what_does_not_help_goes(self) -> None:
        result = self._run(self._make(), QUERY, make_items(RELEVANT, IRRELEVANT, RELEVANT))
        assert [(item.id, item.text) for item in result] == [("0", RELEVANT_PRUNED), ("2", RELEVANT_PRUNED)]

    def test_ids_and_metadata_stay(self) -> None:
        given = make_items(RELEVANT, RELEVANT)
        for new, old in zip(self._run(self._make(), QUERY, given), given, strict=True):
            assert new.id == old.id
            assert {key: new.metadata[key] for key in old.metadata} == old.metadata

    def test_what_it_writes_is_plain_json_and_finite(self) -> None:
        for item in self._run(self._make(), QUERY, make_items(RELEVANT, "", RELEVANT)):
            assert json.loads(json.dumps(item.metadata, allow_nan=False)) == item.metadata
            assert item.relevance is None or (type(item.relevance) is float and math.isfinite(item.relevance))

    def test_relevance_says_how_well_a_text_answers(self) -> None:
        full, half = self._run(self._make(), QUERY, make_items(RELEVANT, "The castle is old."))
        assert full.relevance is not None
        assert half.relevance is not None
        assert full.relevance > half.relevance

    def test_the_entry_says_what_was_kept(self) -> None:
        [item] = self._run(self._make(), QUERY, make_items(RELEVANT))
        entry = item.metadata[METADATA_KEY]
        assert entry["kept"] == [[0, len(RELEVANT_PRUNED)]]
        assert 0 < entry["tokens_after"] < entry["tokens_before"]
        assert isinstance(entry["version"], str)

    def test_the_entry_can_be_renamed_or_left_out(self) -> None:
        [renamed] = self._run(self._make(metadata_key="pruned"), QUERY, make_items(RELEVANT))
        [silent] = self._run(self._make(metadata_key=None), QUERY, make_items(RELEVANT))
        assert "pruned" in renamed.metadata
        assert METADATA_KEY not in renamed.metadata
        assert silent.metadata.keys() == renamed.metadata.keys() - {"pruned"}

    def test_nothing_in_nothing_out(self) -> None:
        assert self._run(self._make(), QUERY, []) == []

    @pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0"], ids=["empty", "blank", "white space"])
    def test_a_text_without_words_passes_through(self, text: str) -> None:
        result = self._run(self._make(), QUERY, make_items(RELEVANT, text))
        assert [(item.id, item.text) for item in result] == [("0", RELEVANT_PRUNED), ("1", text)]
        assert self._texts(self._make(), QUERY, make_items(text)) == [text]

    @pytest.mark.parametrize("query", ["", "  \n"], ids=["empty", "blank"])
    def test_a_query_without_words_leaves_everything(self, query: str) -> None:
        given = self.wrap(make_items(IRRELEVANT, "", RELEVANT))
        result = self._run(self._make(top_n=1), query, make_items(IRRELEVANT, "", RELEVANT))
        assert result == self._read_all(given)

    def test_equal_texts_are_told_apart(self) -> None:
        given = [Item(id, RELEVANT, {"page": page}) for page, id in enumerate("abc")]
        result = self._run(self._make(), QUERY, given)
        assert [(item.id, item.metadata["page"]) for item in result] == [("a", 0), ("b", 1), ("c", 2)]

    def test_top_n_keeps_the_most_relevant(self) -> None:
        given = make_items("The castle is old.", RELEVANT, "Towers fall.", "Castle towers are high.")
        assert self._ids(self._make(top_n=2), QUERY, given) == ["1", "3"]

    def test_order_by_relevance(self) -> None:
        given = make_items("The castle is old.", RELEVANT)
        assert self._ids(self._make(order="relevance"), QUERY, given) == ["1", "0"]

    def test_max_tokens_is_never_passed(self) -> None:
        given = make_items(*["The castle has nine towers."] * 5)
        result = self._run(self._make(max_tokens=14), QUERY, given)
        assert 0 < sum(item.metadata[METADATA_KEY]["tokens_after"] for item in result) <= 14

    @pytest.mark.parametrize(
        ("when_empty", "texts"),
        [("drop", []), ("keep_best", ["Sheep graze on the meadow. "]), ("keep_all", [IRRELEVANT])],
        ids=["drop", "keep_best", "keep_all"],
    )
    def test_when_no_sentence_helps(self, when_empty: str, texts: list[str]) -> None:
        assert self._texts(self._make(when_empty=when_empty), QUERY, make_items(IRRELEVANT)) == texts

    @pytest.mark.parametrize(
        "text",
        [
            RELEVANT,
            f"{IRRELEVANT} The castle stands. {IRRELEVANT} Towers fall.",
            "𝒳😀 sheep 🐑 graze. The castle 🏰 has 𝟗 towers 🗼. 👩‍👩‍👧 live there.",
            "קרא את הספר. The castle towers! 城は古い。塔は castle です。",
            "# Castle\n\nSheep graze.\n\n- towers\n- sheep\n",
        ],
        ids=["plain", "two places", "beyond the BMP", "many scripts", "markdown"],
    )
    def test_kept_spans_cut_the_result_out_of_the_original(self, text: str) -> None:
        [item] = self._run(self._make(), QUERY, make_items(text))
        assert 0 < len(item.text) < len(text)
        assert "".join(text[start:end] for start, end in item.metadata[METADATA_KEY]["kept"]) == item.text

    def test_a_thousand_texts(self) -> None:
        given = make_items(*[RELEVANT, IRRELEVANT] * 500)
        result = self._run(self._make(), QUERY, given)
        assert [item.id for item in result] == [str(number) for number in range(0, 1000, 2)]
        assert {item.text for item in result} == {RELEVANT_PRUNED}

    def test_many_calls_at_once_give_what_each_gives_alone(self) -> None:
        adapter = self._make()
        calls = [
            make_items(RELEVANT, f"The castle has {number} towers. It is old.", IRRELEVANT) for number in range(50)
        ]
        alone = [self._read_all(self.prune(adapter, QUERY, self.wrap(call))) for call in calls]

        async def together() -> list[list[ThingT]]:
            return await asyncio.gather(*(self.aprune(adapter, QUERY, self.wrap(call)) for call in calls))

        assert [self._read_all(result) for result in asyncio.run(together())] == alone

    def test_the_event_loop_is_never_blocked(self) -> None:
        backend = WordBackend()
        with Pruner(backend=backend, scorer=SharedScorer) as pruner:
            adapter = self._make(model=pruner)
            backend.gate.clear()

            async def open_the_gate() -> list[ThingT]:
                call = asyncio.create_task(self.aprune(adapter, QUERY, self.wrap(make_items(RELEVANT))))
                await wait_for_a_pass(backend)
                assert not call.done()
                # An adapter that scores in the event loop holds it up, so that nobody could come
                # here.
                backend.gate.set()
                return await call

            assert self._read_all(asyncio.run(open_the_gate()))[0].text == RELEVANT_PRUNED

    @pytest.mark.parametrize("on_error", ["raise", "keep"])
    def test_a_call_can_be_cancelled_and_the_next_one_works(self, on_error: str) -> None:
        backend = WordBackend()
        with Pruner(backend=backend, scorer=SharedScorer) as pruner:
            adapter = self._make(model=pruner, on_error=on_error)
            backend.gate.clear()

            async def cancel_one() -> list[ThingT]:
                call = asyncio.create_task(self.aprune(adapter, QUERY, self.wrap(make_items(RELEVANT))))
                await wait_for_a_pass(backend)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                backend.gate.set()
                return await self.aprune(adapter, QUERY, self.wrap(make_items(RELEVANT)))

            assert self._read_all(asyncio.run(cancel_one()))[0].text == RELEVANT_PRUNED

    def test_closing_the_pruner_fails_calls_and_cancels_none(self) -> None:
        backend = WordBackend()
        pruner = Pruner(backend=backend, scorer=SharedScorer)
        adapter = self._make(model=pruner)
        backend.gate.clear()

        async def close_meanwhile() -> list[list[ThingT] | BaseException]:
            things = self.wrap(make_items(RELEVANT))
            calls = [asyncio.create_task(self.aprune(adapter, QUERY, things)) for _ in range(20)]
            await wait_for_a_pass(backend)
            closing = asyncio.create_task(asyncio.to_thread(pruner.close))
            await asyncio.sleep(0.01)
            backend.gate.set()
            await closing
            return await asyncio.gather(*calls, return_exceptions=True)

        errors = [result for result in asyncio.run(close_meanwhile()) if isinstance(result, BaseException)]
        assert {type(error) for error in errors} <= {ClosedError}

    def test_a_deep_copy_works_and_shares_the_pruner(self) -> None:
        given = make_items(RELEVANT, IRRELEVANT)
        adapter = self._make()
        copied = copy.deepcopy(adapter)
        assert self._run(copied, QUERY, given) == self._run(adapter, QUERY, given)
        assert word_pruner() is copy.deepcopy(word_pruner())

    def test_a_query_of_any_length_loses_no_text_unseen(self) -> None:
        given = make_items(RELEVANT, IRRELEVANT)
        result = self._run(self._make(on_error="keep"), f"{QUERY} " * 20_000, given)
        assert any(item.text.startswith(RELEVANT_PRUNED) for item in result)

    def test_a_failure_comes_out(self) -> None:
        with Pruner(backend=FailingBackend()) as pruner:
            adapter = self._make(model=pruner)
            things = self.wrap(make_items(RELEVANT))
            with pytest.raises(BackendError):
                self.prune(adapter, QUERY, things)
            with pytest.raises(BackendError):
                asyncio.run(self.aprune(adapter, QUERY, things))

    def test_a_failure_keeps_everything_where_that_is_asked_for(self) -> None:
        given = make_items(IRRELEVANT, "", RELEVANT)
        with Pruner(backend=FailingBackend()) as pruner:
            result = self._run(self._make(model=pruner, on_error="keep", top_n=1), QUERY, given)
        assert result == self._read_all(self.wrap(given))

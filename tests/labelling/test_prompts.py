import pytest

from provence_plugins.labelling.prompts import NO_ANSWER, PROMPT_NAMES, PromptName, build_messages


@pytest.mark.parametrize("prompt", PROMPT_NAMES)
def test_every_prompt_shows_numbered_sentences_and_says_how_to_cite_or_to_decline(prompt: PromptName) -> None:
    system, user = build_messages(prompt, "Where is Paris?", "Paris", ["Paris is\n in France. ", "It is old."])
    assert f'say only "{NO_ANSWER}"' in system.content
    assert "[2] or [1][4]" in system.content
    expected = "Title: Paris\n[1] Paris is in France.\n[2] It is old.\n\nQuestion: Where is Paris?"
    assert (user.role, user.content) == ("user", expected)


def test_the_prompts_ask_for_different_things_and_a_title_may_be_missing() -> None:
    asked = {build_messages(prompt, "Who?", None, ["Me."])[0].content for prompt in PROMPT_NAMES}
    assert len(asked) == 3
    assert build_messages("answer", "Who?", None, ["Me."])[1].content == "[1] Me.\n\nQuestion: Who?"

from provence_plugins.text.surrogates import without_surrogates


def test_each_half_of_a_pair_is_replaced_and_whole_characters_stay() -> None:
    assert without_surrogates("caf\udce9 \ud83d\ude00 🏰") == "caf\ufffd \ufffd\ufffd 🏰"

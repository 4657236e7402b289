import pytest
from rows import row

from provence_plugins.text.languages import guess_language

TEXTS = {
    "en": "The mill stands by the river, and nobody knows who built it.",
    "de": "Die Mühle steht am Fluss, und niemand weiß, wer der Erbauer ist.",
    "fr": "Le moulin est au bord de la rivière et les gens y sont des amis.",
    "es": "El molino y la casa son de los vecinos por una herencia.",
    "it": "Il mulino che sta sul fiume è della famiglia, per quanto ne sono certi gli amici.",
    "nl": "Het is een molen van het dorp en er zijn niet veel mensen.",
    "pl": "Młyn nie jest nowy, a ludzie się go na ogół nie boją, oraz lubią.",
    "ru": "Мельница стоит у реки, и никто не знает, кто её построил.",
    "uk": "Млин стоїть біля річки, і ніхто не знає, хто його збудував, її люблять у всій країні.",
    "ja": "これは川のそばにある古い水車です。だれも知りません。",
    "zh": "这座磨坊在河边，没有人知道是谁建造的。",
    "ar": "تقع الطاحونة على ضفة النهر ولا أحد يعرف من بناها",
    "el": "Ο μύλος βρίσκεται δίπλα στο ποτάμι και κανείς δεν ξέρει.",
}


def test_a_language_is_told_by_script_and_frequent_words() -> None:
    for language in TEXTS:
        with row(language):
            assert guess_language(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "x", "404", "La Paz", "OK \u03b1", "der", "Le Monde reported it."])
def test_english_is_the_guess_where_nothing_tells(text: str) -> None:
    assert guess_language(text) == "en"

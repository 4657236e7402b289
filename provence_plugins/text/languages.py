"""Signs by which the splitter detects a language, and the abbreviations that its library does not know."""

import re
from collections.abc import Mapping

# Codes of two letters. Those of three letters are thousands, and some are added every year.
ISO_639_1 = frozenset({
    "aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bh", "bi", "bm",
    "bn", "bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de", "dv", "dz", "ee",
    "el", "en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd", "gl", "gn", "gu",
    "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii", "ik", "io", "is",
    "it", "iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw",
    "ky", "la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms",
    "mt", "my", "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os",
    "pa", "pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro", "ru", "rw", "sa", "sc", "sd", "se", "sg", "sh", "si",
    "sk", "sl", "sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "ti", "tk",
    "tl", "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh",
    "yi", "yo", "za", "zh", "zu",
})  # fmt: skip

# Letters of these ranges are of one language, or of several that end sentences alike.
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3041-\u30fa]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("uk", re.compile("[іїєґІЇЄҐ]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
    ("te", re.compile("[\u0c00-\u0c7f]")),
    ("am", re.compile("[\u1200-\u137f]")),
    ("hy", re.compile("[\u0530-\u058f]")),
)
# Short words that are frequent in one of these languages and rare in the others.
_FREQUENT: Mapping[str, tuple[str, ...]] = {
    "en": (" the ", " of ", " and ", " is ", " to "),
    "de": (
        " der ",
        " und ",
        " die ",
        " ist ",
        " das ",
        " nicht ",
        " im ",
        " dem ",
        " ein ",
        " mit ",
        " sind ",
        " auf ",
    ),
    "fr": (" le ", " les ", " et ", " est ", " des ", " une ", " dans ", " du ", " au ", " pour "),
    "es": (" el ", " los ", " y ", " una ", " por ", " las ", " del ", " para ", " en el "),
    "it": (" il ", " che ", " della ", " per ", " sono ", " gli ", " di ", " alla ", " dei "),
    "pt": (" o ", " os ", " não ", " uma ", " dos ", " em "),
    "nl": (" het ", " een ", " van ", " niet ", " zijn ", " voor "),
    "pl": (" jest ", " nie ", " się ", " na ", " oraz ", " przez "),
    "da": (" og ", " det ", " ikke ", " af ", " til "),
    "fi": (" ja ", " on ", " ei ", " että ", " oli "),
}  # fmt: skip
_NOT_LATIN = re.compile("[\u0370-\u1fff\u3040-\ud7ff]")
_LOOKED_AT = 2_000
# So few letters of another script are a name or a symbol.
_LETTERS_OF_A_NAME = 8

# They end no sentence, whatever follows.
ABBREVIATIONS = frozenset({
    "approx", "acc", "incl", "excl", "resp", "esp", "abbr", "cf", "viz", "avg", "vs", "ca", "bzw", "inkl", "exkl",
    "evtl", "ggf", "vgl", "sog", "zzgl", "bspw", "mind", "insb", "insbes", "gem", "geb", "env", "obs", "lit", "fa",
    "einschl", "zzt", "aprox", "ehem", "allg", "bd", "réf", "n°", "tbsp", "tsp", "sq",
})  # fmt: skip
# They stand in front of names.
TITLES = frozenset({
    "mme", "mlle", "mm", "sr", "sra", "srta", "dr", "pr", "prof", "st", "ste", "frl", "hr", "fr", "dott", "sig", "mgr",
})  # fmt: skip
# They end no sentence if a number follows, or a small letter.
NUMBERED = frozenset({
    "max", "min", "tel", "ext", "qty", "ref", "refs", "para", "paras", "par", "eq", "eqs", "tab", "tabs", "vol", "vols",
    "sec", "secs", "fig", "figs", "art", "arts", "cl", "pt", "pts", "ch", "chap", "ed", "eds", "nos", "nr", "pp", "p",
    "abs", "abschn", "kap", "bd", "aufl", "al", "est", "temp", "dept", "col", "cols", "app", "ex", "exx", "st", "no",
    "núm", "pág", "tél", "env", "abb", "anm", "lt", "rev", "sect", "sects", "bldg", "rm", "apt", "oz", "lb", "lbs",
    "ft", "hrs", "mins", "jh", "jhd", "sek", "std", "mio", "mrd", "ud", "spec", "ver", "cat", "op", "bk", "lib", "ln",
    "ll", "ss", "s", "z",
    "janv", "févr", "juil", "sept", "déc", "okt", "dez", "ene", "abr", "dic", "giu", "lug", "feb", "aug", "nov", "oct",
    "dec", "apr", "d.lgs", "d.l", "d.m", "d.p.r",
})  # fmt: skip
# Words that are no abbreviation in front of a small letter.
ALSO_WORDS = frozenset({"no", "s", "z", "art", "tab", "min", "par", "ex", "app", "cat", "temp", "st", "al"})
# Languages that write "3." for "third".
ORDINALS = frozenset({"de", "da", "no", "nb", "nn", "fi", "cs", "sk", "pl", "hu", "sl", "hr", "lv", "et", "is", "tr"})
# Words after the number of a date or of an ordinal, whatever the language of the text is taken
# for.
AFTER_ORDINALS = frozenset({
    "januar", "jänner", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november",
    "dezember", "jahrhundert", "jahrhunderts", "auflage", "marts", "maj", "december", "mars", "desember",
})  # fmt: skip
# Words that begin sentences and no name: what stands in front of them, if anything does, has ended.
STARTERS = frozenset({
    "A", "After", "All", "An", "And", "As", "At", "Because", "But", "By", "For", "From", "He", "Her", "His", "How", "I",
    "If", "In", "It", "Its", "Many", "Most", "My", "No", "Not", "On", "One", "Our", "She", "Since", "So", "Some",
    "That", "The", "Their", "Then", "There", "These", "They", "This", "Those", "To", "We", "What", "When", "Where",
    "While", "Who", "Why", "With", "You", "Your", "Der", "Die", "Das", "Er", "Sie", "Es", "Ein", "Eine", "Dann", "Wir",
    "Ich", "Im", "Und", "Aber", "Dies", "Diese", "Dieser", "Doch", "Bei", "Nach", "Wenn", "Mit", "Il", "Elle", "Le",
    "La", "Les", "El", "Los", "Am", "Auf", "Alle", "Beim", "Für", "Man", "Seit", "Vom", "Von", "Vor", "Wer", "Was",
    "Zum", "Zur",
})  # fmt: skip


def guess_language(text: str) -> str:
    """Return the language that a text is most likely written in, by its script and its frequent words.

    Args:
        text: The text; its beginning is looked at.

    Returns:
        An ISO 639 code among those whose abbreviations the sentence library knows; "en" if there is
        no sign.
    """
    beginning = text[:_LOOKED_AT]
    if " the " in beginning:
        return "en"
    if _NOT_LATIN.search(beginning):
        for language, letters in _SCRIPTS:
            if len(letters.findall(beginning)) > _LETTERS_OF_A_NAME:
                return language
    # One word more than English has is not enough: names and titles have words of other languages
    # in them.
    counts = {language: sum(map(beginning.count, words)) for language, words in _FREQUENT.items()}
    language = max(counts, key=counts.__getitem__)
    return language if counts[language] > counts["en"] + 1 else "en"

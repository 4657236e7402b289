"""Turn questions into what people type into a search box, so that a model learns from that too.

Labelled questions are whole sentences, while search boxes and agents send key words, which a model
that has only seen sentences understands a little less well.
"""

import re

# Words that searchers leave out. What changes the meaning stays: "not", "without", "before", "many".
_LEFT_OUT = frozenset(
    re.findall(
        r"\S+",
        "a about am an and any are as at be been being by can could did do does for from had has have he her him his "
        "how i if in into is it its me my of on or our please shall she should so some such that the their them then "
        "there these they this those to us was we were what what's when where which who whom whose why will with would "
        "you your",
    )
)

# A word without the marks around it: "(40%)," is searched for as "40%".
_MARKS = re.compile(r"^[^\w#$€£]+|[^\w%#+]+$")

# One word alone says too little.
_LEAST_WORDS = 2


def to_search_words(question: str) -> str:
    """Return the key words of a question in lower case and in their order.

    A question that has fewer than two of them is returned as it is.
    """
    words = [_MARKS.sub("", word) for word in question.lower().split()]
    kept = [word for word in words if word and word not in _LEFT_OUT]
    return " ".join(kept) if len(kept) >= _LEAST_WORDS else question

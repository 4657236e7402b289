"""Make control characters visible, so that a text from outside cannot steer a terminal or forge lines of a log."""

# Escape sequences start with ESC or with a C1 control character. Bidirectional overrides and
# isolates, of which a text that is shown line by line has no need, let a name read as another one
# ("gpj.exe" as "exe.jpg").
_BIDIRECTIONAL = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_VISIBLE_CONTROLS = (
    {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys((*range(0x80, 0xA0), *_BIDIRECTIONAL), "\N{REPLACEMENT CHARACTER}")
)

_VISIBLE_SPACING = {0x09: "\N{SYMBOL FOR HORIZONTAL TABULATION}", 0x0A: "\N{SYMBOL FOR LINE FEED}"}


def show_controls(text: str) -> str:
    """Replace control characters by visible signs; line ends and tabs stay."""
    return text.replace("\r\n", "\n").translate(_VISIBLE_CONTROLS)


def show_on_one_line(text: str) -> str:
    """Replace control characters by visible signs, and every run of white space by one space."""
    return show_controls(" ".join(text.split()))


def show_name(name: str) -> str:
    """Replace control characters by visible signs, line ends and tabs among them; spaces stay as they are."""
    return name.translate(_VISIBLE_CONTROLS | _VISIBLE_SPACING)

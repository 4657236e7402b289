"""One wording for every warning about an old name."""

import warnings


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that a name is deprecated and tell the new one.

    Args:
        old: The deprecated name.
        new: The name that replaces it.
        stacklevel: Number of frames up to the code that used the old name; 3 is the caller of the
            function that warns.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in the next version. Use {new}.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )

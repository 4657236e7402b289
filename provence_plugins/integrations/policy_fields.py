"""Fields of a policy as adapters take them: as their own fields, and as dictionaries of changes.

All of them are checked by `PruningPolicy` as they were given, so that a value is accepted or refused
wherever it stands. Lists stand for tuples, which JSON and YAML do not have.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.errors import InvalidInputError

POLICY_FIELDS = tuple(field.name for field in fields(PruningPolicy))
"""Names of the fields that adapters share with `PruningPolicy`."""


# Any: whatever a caller gave or put into a configuration.
def change_policy(policy: PruningPolicy, changes: Mapping[str, Any]) -> PruningPolicy:
    """Return a policy with other values for some of its fields.

    Raises:
        InvalidInputError: A name is not that of a field of `PruningPolicy`, or a value is invalid.
    """
    unknown = sorted(set(changes).difference(POLICY_FIELDS))
    if unknown:
        allowed = ", ".join(POLICY_FIELDS)
        raise InvalidInputError(f"Only fields of the policy can be changed here; got {unknown}. Allowed: {allowed}.")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
    }
    return replace(policy, **values)

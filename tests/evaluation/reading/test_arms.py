from provence_plugins import Pruner, PruningPolicy
from provence_plugins.evaluation.methods.baselines import lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.reading.arms import method_arms, ordered_arms, pruned_arms


def test_methods_get_the_size_of_the_first_pruned_arm_unless_every_size_is_wanted(pruner: Pruner) -> None:
    pruned = pruned_arms(pruner, ["balanced"], [20])
    assert [arm.name for arm in pruned] == ["pruned at balanced", "pruned to 20 tokens"]
    methods = {"lead": LoadedMethod(lead())}
    first = {arm.name: arm.like for arm in method_arms(methods, pruned)}
    every = {arm.name: arm.like for arm in method_arms(methods, pruned, every_size=True)}
    assert first == {"lead": "pruned at balanced"}
    assert every == {**first, "lead, as long as pruned to 20 tokens": "pruned to 20 tokens"}


def test_without_thresholds_and_budgets_the_default_policy_decides(pruner: Pruner) -> None:
    [arm] = pruned_arms(pruner, [], [])
    assert (arm.name, arm.policy) == (f"pruned at {pruner.default_threshold:g}", PruningPolicy())


def test_a_system_with_fixed_outputs_has_one_arm_and_its_own_size(pruner: Pruner) -> None:
    fixed = LoadedMethod(lead(), output=lambda passage: FixedOutput([]))
    arms = method_arms({"theirs": fixed}, pruned_arms(pruner, [0.1, 0.5], []), every_size=True)
    assert [(arm.name, arm.like) for arm in arms] == [("theirs", None)]


def test_an_order_keeps_what_is_kept(pruner: Pruner) -> None:
    pruned = pruned_arms(pruner, [0.3], [])
    [full, ordered] = ordered_arms(pruned, ["best-last"])
    assert (full.name, full.policy.threshold) == ("full, best last", 0.0)
    assert (ordered.policy.threshold, ordered.policy.order, ordered.is_reversed) == (0.3, "relevance", True)

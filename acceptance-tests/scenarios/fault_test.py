"""A fault at every single request: for n = 1, 2, 3, ... the n-th request of a command goes wrong, until a run gets by
without meeting it. After each, state is true, the next apply converges, and nothing is left behind."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from entries import make_namespace
from harness import hcl, proxy
from harness.clusters import Cluster, Names
from harness.stack import Stack
from lifecycle_test import expect_gone, expect_state_is_true, present

# How long a request may hang; all other faults take no time.
PATIENCE = {"create": "4s", "read": "2s"}

FAULTS = {
    "500": proxy.Answer(500, message="etcdserver: injected by the test"),
    "503": proxy.Answer(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
    "dropped after it was done": proxy.Drop(acted=True),
    "hangs": proxy.Hang(acted=True),
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """One resource before and after a change, and the objects that each makes."""

    type: str
    first: Callable[[Names], dict[str, Any]]
    second: Callable[[Names], dict[str, Any]]
    objects: Callable[[Names, bool], list]  # of the second if true

    def __str__(self) -> str:
        return self.type

    def text(self, names: Names, second: bool, **more: Any) -> str:
        return hcl.resource(self.type, "x", (self.second if second else self.first)(names) | more)

    def expect(self, cluster: Cluster, names: Names, second: bool) -> None:
        objects, others = self.objects(names, second), self.objects(names, not second)
        assert present(cluster, objects) == objects
        expect_gone(cluster, [ref for ref in others if ref not in objects])


def _config_map(names: Names, **data: str) -> dict[str, Any]:
    return {"manifest": json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": "x", "namespace": names("work")},
    })}


SUBJECTS = [
    Subject(
        "charon_kubernetes_manifest",
        lambda names: _config_map(names, a="1", b="2") | {"initial": json.dumps({"data": {"counter": "0"}})},
        lambda names: _config_map(names, a="2"),
        lambda names, second: [("ConfigMap", names("work"), "x")],
    ),
    Subject(
        "charon_tier_namespace",
        lambda names: {"name": names("n"), "tier": "edge", "delete_contents": True},
        lambda names: {"name": names("n"), "tier": "aux", "default_deny": True, "limit_range": {}, "delete_contents": True},
        lambda names, second: [("Namespace", None, names("n")), ("ResourceQuota", names("n"), "tier-quota"),
                               ("NetworkPolicy" if second else "LimitRange", names("n"),
                                "default-deny" if second else "tier-defaults")],
    ),
    Subject(
        "charon_secret",
        lambda names: {"name": "x", "namespace": names("work"), "generate": {"key": {"kind": "hex"}},
                       "data_wo": {"a": "one"}, "data_wo_version": "1", "replicate_to": [names("copy")]},
        lambda names: {"name": "x", "namespace": names("work"), "generate": {"key": {"kind": "hex"}},
                       "data_wo": {"a": "two"}, "data_wo_version": "2"},
        lambda names, second: [("Secret", names("work"), "x")] + ([] if second else [("Secret", names("copy"), "x")]),
    ),
]


@pytest.fixture
def front(cluster, names):
    for name in ("work", "copy"):
        make_namespace(cluster, names(name))
    return cluster.proxy()


def each_fault(front, stack: Stack, fault, finish: Callable[[], None], again: Callable[[], None], *command: str) -> None:
    """Runs the command for each number of a request that goes wrong. `finish` looks at how things have to be in the
    end, `again` brings them back to the start."""
    for number in range(1, 100):
        front.reset()
        rule = front.on(proxy.request(number), fault)
        result = stack.run(*command, "-json", "-input=false", "-auto-approve", codes=(0, 1))
        missed = bool(rule.left)
        front.heal()
        if result.code:
            assert result.errors, result
            expect_state_is_true(stack)
            stack.run(*command, "-json", "-input=false", "-auto-approve")
        finish()
        if missed:
            assert result.code == 0 and number > 3, f"only {number - 1} requests: {result}"
            return
        again()
    raise AssertionError("a hundred requests?")


@pytest.fixture
def stack(new_stack, front):
    return new_stack("stack", kubeconfig=front.kubeconfig, trace=False)


pytestmark = pytest.mark.one_cli("what goes wrong is between provider and server")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_create(subject, fault, stack, cluster, front, names):
    stack.write(subject.text(names, False, **({"timeouts": PATIENCE} if fault == "hangs" else {})))

    def finish():
        stack.expect_empty()
        subject.expect(cluster, names, False)

    def again():
        stack.destroy("-refresh=false")
        expect_gone(cluster, subject.objects(names, False))

    each_fault(front, stack, FAULTS[fault], finish, again, "apply")


@pytest.mark.parametrize("fault", ["500", "dropped after it was done"])
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_update(subject, fault, stack, cluster, front, names):
    stack.write(subject.text(names, False))
    stack.apply()
    stack.write(subject.text(names, True))

    def finish():
        stack.expect_empty()
        subject.expect(cluster, names, True)

    def again():
        stack.write(subject.text(names, False))
        stack.run("apply", "-json", "-input=false", "-auto-approve")
        stack.write(subject.text(names, True))

    each_fault(front, stack, FAULTS[fault], finish, again, "apply")


@pytest.mark.parametrize("fault", ["500", "dropped after it was done"])
@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.type != "charon_tier_namespace"], ids=str)
def test_destroy(subject, fault, stack, cluster, front, names):
    destroy_with_each_fault(subject, fault, stack, cluster, front, names)


@pytest.mark.sandbox_only("a real namespace takes seconds to go, each time")
@pytest.mark.parametrize("fault", ["500", "dropped after it was done"])
def test_destroy_of_a_namespace(fault, stack, cluster, front, names):
    destroy_with_each_fault(SUBJECTS[1], fault, stack, cluster, front, names)


def destroy_with_each_fault(subject, fault, stack, cluster, front, names):
    stack.write(subject.text(names, False))
    stack.apply()

    def finish():
        assert stack.state().resources == {}
        expect_gone(cluster, subject.objects(names, False))

    def again():
        stack.run("apply", "-json", "-input=false", "-auto-approve")

    each_fault(front, stack, FAULTS[fault], finish, again, "destroy")


def test_a_namespace_is_not_deleted_unseen(stack, cluster, front, names):
    """Looking for what it holds fails: nothing is deleted on the strength of half a look."""
    name = names("n")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "tier": "edge"}))
    stack.apply()
    for path in (f"/api/v1/namespaces/{name}/configmaps", f"/apis/apps/v1/namespaces/{name}/deployments"):
        front.on(proxy.matching("GET", path), FAULTS["500"], None)
        result = stack.destroy(fails=True)
        front.heal()
        assert result.says(name, "injected by the test"), result
        assert cluster.get("Namespace", None, name)["status"]["phase"] == "Active"
        assert present(cluster, [("LimitRange", name, "tier-defaults"), ("ResourceQuota", name, "tier-quota")])
        stack.expect_empty()
    stack.destroy()

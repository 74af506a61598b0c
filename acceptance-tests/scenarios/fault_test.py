"""A fault at every single request of a command. After each, state is true, the next apply converges, and nothing is left
behind. The requests of one resource go wrong in many instances at once, each at another; those that instances share
(discovery, lists of everything) in a run each."""

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
        return hcl.resource(self.type, names("x"), (self.second if second else self.first)(names) | more)

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
def front(cluster):
    return cluster.proxy()


@pytest.fixture
def stack(new_stack, front):
    made = new_stack("stack", kubeconfig=front.kubeconfig, trace=False)
    made.environment |= {f"TF_CLI_ARGS_{command}": "-parallelism=64" for command in ("plan", "apply", "destroy")}
    return made


pytestmark = [
    pytest.mark.one_cli("what goes wrong is between provider and server"),
    pytest.mark.thorough("each write, request or tool in turn"),
]


class Trial:
    """One subject, one command, one kind of fault."""

    def __init__(self, subject: Subject, command: str, fault: str, stack: Stack, cluster: Cluster, front):
        self.subject, self.command, self.fault = subject, command, fault
        self.stack, self.cluster, self.front = stack, cluster, front
        self.more = {"timeouts": PATIENCE} if fault == "hangs" else {}

    def lane(self) -> Names:
        names = Names()
        for name in ("work", "copy"):
            make_namespace(self.cluster, names(name))
        return names

    def run(self, command: str, lanes: list[Names], second: bool):
        self.stack.write("".join(self.subject.text(names, second, **self.more) for names in lanes))
        return self.stack.run(command, "-json", "-input=false", "-auto-approve", codes=(0, 1))

    def begin(self, lanes: list[Names]) -> None:
        """To where the command starts from."""
        if self.command != "create":
            assert self.run("apply", lanes, False).code == 0
        self.front.reset()

    def act(self, lanes: list[Names]):
        return self.run("destroy" if self.command == "destroy" else "apply", lanes, self.command == "update")

    def finish(self, result, lanes: list[Names]) -> None:
        """Whatever became of the command: what state claims is true, the next one converges, and nothing is left."""
        self.front.heal()
        if result.code:
            assert result.errors, result
            expect_state_is_true(self.stack)
            assert self.act(lanes).code == 0
        for names in lanes:
            if self.command == "destroy":
                expect_gone(self.cluster, self.subject.objects(names, False))
            else:
                self.subject.expect(self.cluster, names, self.command == "update")
        if self.command == "destroy":
            assert self.stack.state().resources == {}
            return
        self.stack.expect_empty()
        self.stack.destroy("-refresh=false")
        for names in lanes:
            expect_gone(self.cluster, self.subject.objects(names, self.command == "update"))

    def all(self) -> None:
        undisturbed = self.lane()
        self.begin([undisturbed])
        assert self.act([undisturbed]).code == 0
        its_own = sum(map(proxy.is_about(undisturbed.mark), self.front.log()))
        shared = len(self.front.log()) - its_own
        assert its_own > 2 and shared > 0, self.front.log()
        self.finish(self.act([undisturbed]), [undisturbed])

        lanes = {number: self.lane() for number in range(1, its_own + 1)}
        self.begin(list(lanes.values()))
        rules = {number: self.front.on(proxy.nth(proxy.is_about(names.mark), number), FAULTS[self.fault])
                 for number, names in lanes.items()}
        result = self.act(list(lanes.values()))
        missed = [number for number, rule in rules.items() if rule.left]
        assert len(missed) < len(lanes)
        self.finish(result, list(lanes.values()))

        # What many instances ask for together, one of them asks alone: it has all of its requests, and the shared ones,
        # which are much the same for all subjects.
        if self.subject is not SUBJECTS[0] and self.fault != "500":
            shared = 0
        for own, number in [(True, number) for number in missed] + [(False, number) for number in range(1, shared + 1)]:
            names = self.lane()
            self.begin([names])
            about = proxy.is_about(names.mark)
            rule = self.front.on(proxy.nth(lambda e: about(e) == own, number), FAULTS[self.fault])
            result = self.act([names])
            # A wait may have needed fewer looks than the undisturbed one did: then there was no such request.
            asked = sum(about(e) == own for e in self.front.log())
            assert not rule.left or asked < number, f"request {number} of {asked}, of its {own=}"
            self.finish(result, [names])


CASES = [("create", fault) for fault in FAULTS] + [
    (command, fault) for command in ("update", "destroy") for fault in ("500", "dropped after it was done")
]


@pytest.mark.parametrize("command,fault", CASES)
@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.type != "charon_tier_namespace"], ids=str)
def test_each_request(subject, command, fault, stack, cluster, front):
    Trial(subject, command, fault, stack, cluster, front).all()


@pytest.mark.parametrize("command,fault", [
    pytest.param(*case, marks=[] if case in (("create", "500"), ("update", "dropped after it was done"), ("destroy", "500")) else
                 [pytest.mark.sandbox_only("a real namespace takes seconds to go, each time")]) for case in CASES
])
def test_each_request_of_a_namespace(command, fault, stack, cluster, front):
    Trial(SUBJECTS[1], command, fault, stack, cluster, front).all()


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

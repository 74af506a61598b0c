"""Kill -9 and faults at each write of VPN users and nodes: the next apply ends it, and nothing is there twice. A lane is a user
or a node of its own; all lanes of a step go wrong in one run. Keys are in vpn_key_test.py, the policy in vpn_policy_test.py."""

import dataclasses
import re

import pytest

from crash_test import apply_and_kill
from harness import hcl, proxy
from harness.clusters import Names
from harness.headscale import Headscale, Machine
from vpn_node_test import tags  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.one_cli("what goes wrong is between provider and server"),
    pytest.mark.thorough("each write in turn"),
]
STEPS = ("create", "update", "destroy")


@dataclasses.dataclass
class Lane:
    """A user, or the node of a machine."""

    headscale: Headscale
    machine: Machine | None = None
    number: int = 1
    acted: bool = False
    fault: proxy.Action | None = None
    more: dict = dataclasses.field(default_factory=dict)
    names: Names = dataclasses.field(default_factory=Names)

    @property
    def title(self) -> str:
        return f"{'node' if self.machine else 'user'}, write {self.number}, acted={self.acted}, {self.fault}"

    def name(self, step: str) -> str:
        return self.names("second" if step == "update" else "first")

    def about(self) -> proxy.Matches:
        """What names it, or its id."""
        known = [self.machine.id] if self.machine else [u["id"] for u in self.headscale.users() if self.names.are_in(u["name"])]
        path = re.compile("|".join(rf"/{'node' if self.machine else 'user'}/{id_}(/|\?|$)" for id_ in known) or "$.")

        def matches(exchange):
            return self.names.are_in(exchange.target) or self.names.mark.encode() in exchange.body or bool(path.search(exchange.target))

        return matches

    def text(self, step: str) -> str:
        if not self.machine:
            return hcl.resource("charon_vpn_user", self.names("u"), {"name": self.name(step)} | self.more)
        wanted = {"hostname": self.machine.hostname, "given_name": self.name(step), "tags": ["tag:more" if step == "update" else "tag:infra"]}
        return hcl.resource("charon_vpn_node", self.names("n"), wanted | self.more)

    def expect(self, step: str) -> None:
        if not self.machine:
            found = [u["name"] for u in self.headscale.users() if self.names.are_in(u["name"])]
            assert found == ([] if step == "destroy" else [self.name(step)]), f"{step}: {self.title}"
        elif step == "destroy":
            assert self.machine.node is None, f"{step}: {self.title}"
        else:
            assert (self.machine.node["givenName"], self.headscale.tags(self.machine.id)) == (
                self.name(step), ["tag:more" if step == "update" else "tag:infra"]), f"{step}: {self.title}"


@pytest.fixture
def front(headscale, vpn_stack, folder):
    made = proxy.Proxy(headscale.endpoint, None, folder / "front").start()
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = made.url
    yield made
    made.stop()


@pytest.fixture
def new_machine(headscale, names, tags):  # noqa: F811
    """Machines of one user, already there. Real ones take their time: those scenarios are about users only."""
    if headscale.kind == "real":
        return None
    key = headscale.new_key(headscale.new_user(names("owner")))

    def make() -> Machine:
        machine = headscale.machine(Names()("host"))
        machine.register(key)
        return machine

    return make


def write(stack, lanes: list[Lane], step: str) -> None:
    stack.write("".join(lane.text("update" if step == "destroy" else step) for lane in lanes))


def finish(stack, lanes: list[Lane], step: str) -> None:
    if step == "destroy":
        stack.destroy("-parallelism=64")
        assert stack.state().resources == {}
    else:
        stack.apply("-parallelism=64")
    for lane in lanes:
        lane.expect(step)


def test_killed_at_each_write(vpn_stack, headscale, front, new_machine):
    lanes = [Lane(headscale, acted=acted) for acted in (False, True)]
    if new_machine:
        lanes += [Lane(headscale, new_machine(), number, acted) for number in (1, 2) for acted in (False, True)]
    # An undisturbed one tells how many writes there are.
    counted = Lane(headscale, new_machine()) if new_machine else None
    victims = {"create": "terraform", "update": "provider", "destroy": "terraform"}
    for step in STEPS:
        writes = 1
        if counted:
            write(vpn_stack, [counted, *(lanes if step != "create" else [])], "create" if step == "create" else "update")
            about = counted.about()
            front.reset()
            if step == "create":
                vpn_stack.apply(checked=False)
            else:
                target = f"-target=charon_vpn_node.{counted.names('n')}"
                vpn_stack.destroy(target) if step == "destroy" else vpn_stack.apply(target, checked=False)
            writes = sum(map(about, front.writes()))
            assert writes >= (1 if step == "destroy" else 2), [str(e) for e in front.writes()]
        present = [*lanes, *([counted] if counted and step != "destroy" else [])]
        write(vpn_stack, present, step)
        apply_and_kill(vpn_stack, front, victims[step],
                       [(lane.about(), min(lane.number, writes if lane.machine else 1), lane.acted) for lane in lanes],
                       "destroy" if step == "destroy" else "apply")
        finish(vpn_stack, present, step)


def test_each_write_goes_wrong(vpn_stack, headscale, front, new_machine):
    faults = [proxy.Drop(acted=False), proxy.Drop(acted=True), proxy.Hang(acted=False), proxy.Hang(acted=True), proxy.busy(1),
              proxy.Answer(503, body=b"upstream is away"), proxy.Answer(500, body=b'{"code": 2, "message": "injected by the test", "details": []}')]
    patience = {"timeouts": {"create": "4s", "update": "4s", "delete": "4s"}}
    lanes = [Lane(headscale, new_machine() if of_node else None, fault=fault, more=patience if isinstance(fault, proxy.Hang) else {})
             for of_node in (False, True)[:2 if new_machine else 1] for fault in faults]
    for step in STEPS:
        write(vpn_stack, lanes, step)
        front.reset()
        for lane in lanes:
            front.on(proxy.write_about(lane.about(), 1), lane.fault)
        command = "destroy" if step == "destroy" else "apply"
        result = vpn_stack.run(command, "-json", "-input=false", "-auto-approve", "-parallelism=64", codes=(0, 1))
        assert len([e for e in front.log() if e.fault]) == len(lanes), [str(e) for e in front.log()]
        said = "".join(error.address + error.text for error in result.errors)
        for lane in lanes:
            if lane.fault in (proxy.busy(1), proxy.Drop(acted=True)):
                assert not lane.names.are_in(said), f"{step}: {lane.title}: {result}"
        front.heal()
        finish(vpn_stack, lanes, step)

"""Kill -9 and faults at each write of VPN users and nodes: the next apply ends it, and nothing is there twice. A lane is a user
or a node of its own. Keys are in vpn_key_test.py, the policy in vpn_policy_test.py, routes of 0.23 in vpn_node_test.py."""

import concurrent.futures
import dataclasses
import re
import time

import pytest

import lanes
from harness import hcl, proxy
from harness.clusters import Names
from harness.headscale import Headscale, Machine
from vpn_node_test import tags  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.one_cli("what goes wrong is between provider and server"),
    pytest.mark.thorough("each write in turn"),
]


@dataclasses.dataclass(kw_only=True)
class User(lanes.Lane):
    headscale: Headscale

    def __str__(self):
        return f"user, {super().__str__()}"

    def writes(self, step):
        return 1

    def about(self):
        return about(self.names, "user", [user["id"] for user in self.headscale.users() if self.names.are_in(user["name"])])

    def text(self, step):
        return hcl.resource("charon_vpn_user", self.names("u"), {"name": self.names(step)} | self.more)

    def found(self):
        return [user["name"] for user in self.headscale.users() if self.names.are_in(user["name"])]

    def expected(self, step):
        return [] if step == "destroy" else [self.names(step)]


@dataclasses.dataclass(kw_only=True)
class Node(lanes.Lane):
    """A machine that is there already, with everything that can be written about one."""

    headscale: Headscale
    owner: str

    def __post_init__(self):
        self.twin, self.machine = (self.headscale.enter(self.names("host"), self.owner) for _ in range(2))

    def __str__(self):
        return f"node, {super().__str__()}"

    def writes(self, step):
        if step == "destroy":
            return 2  # expired, deleted
        # Name and tags; the twin that its host left behind; routes, which 0.23 takes from the machine only; from 0.27 on expiry.
        return 2 + (step == "create") + (not self.headscale.is_old) + (self.headscale.version == "0.29")

    def about(self):
        return about(self.names, "node", [self.machine.id, self.twin.id])

    def wanted(self, step):
        wish = {"given_name": self.names(step), "tags": ["tag:more" if step == "update" else "tag:infra"]}
        if not self.headscale.is_old:
            wish["routes"] = ["10.2.0.0/16" if step == "update" else "10.1.0.0/16"]
        if self.headscale.version == "0.29":
            wish["expiry"] = "2098-01-01T00:00:00Z" if step == "update" else "2099-01-01T00:00:00Z"
        return wish

    def text(self, step):
        which = {"node_id": self.machine.id, "purge_stale_after": "1s"}
        return hcl.resource("charon_vpn_node", self.names("n"), which | self.wanted(step) | self.more)

    def found(self):
        nodes = {node["id"]: node for node in self.headscale.nodes()}
        if not (node := nodes.get(self.machine.id)):
            return None
        has = {"given_name": node["givenName"], "tags": node["tags"] if "tags" in node else node["forcedTags"],
               "routes": node.get("approvedRoutes"), "expiry": node["expiry"]}
        return {name: has[name] for name in self.wanted("create")} | {"twin": nodes.get(self.twin.id)}

    def expected(self, step):
        return None if step == "destroy" else self.wanted(step) | {"twin": None}


def about(names: Names, kind: str, ids: list[str]) -> proxy.Matches:
    """What names it, or its id."""
    path = re.compile("|".join(rf"/{kind}/{id_}(/|\?|$)" for id_ in ids) or "$.")

    def matches(exchange):
        return names.are_in(exchange.target) or names.mark.encode() in exchange.body or bool(path.search(exchange.target))

    return matches


@pytest.fixture
def front(headscale, vpn_stack, folder):
    made = proxy.Proxy(headscale.endpoint, None, folder / "front").start()
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = made.url
    yield made
    made.stop()


@pytest.fixture
def new_nodes(headscale, names, tags):  # noqa: F811
    """Lanes of one user, whose twins are old enough to be purged."""
    owner = headscale.new_user(names("owner"))

    def make(each: list[dict]) -> list[Node]:
        with concurrent.futures.ThreadPoolExecutor(4) as several:
            made = list(several.map(lambda options: Node(headscale=headscale, owner=owner, **options), each))
        time.sleep(1.1)
        return made

    return make


WRITES = 5  # that a step of a node has at most


def test_killed_at_each_write(vpn_stack, headscale, front, new_nodes):
    # Before a write is after the one in front of it.
    users = [User(acted=acted, headscale=headscale) for acted in (False, True)]
    nodes = new_nodes([{"number": 1}, *({"number": number, "acted": True} for number in range(1, WRITES + 1))])
    lanes.kill(vpn_stack, front, [*users, *nodes], ["terraform", "provider", "terraform"])


FAULTS = [
    (proxy.Drop(acted=False), None), (proxy.Drop(acted=True), True), (proxy.busy(1), True), (proxy.Answer(503, body=b"upstream is away"), None),
    (proxy.Answer(500, body=b'{"code": 2, "message": "injected by the test", "details": []}'), None),
]
HANGS = [(proxy.Hang(acted=False), None), (proxy.Hang(acted=True), None)]


def test_each_write_goes_wrong(vpn_stack, headscale, front, new_nodes):
    users = [User(fault=fault, same_run=same_run, headscale=headscale) for fault, same_run in FAULTS + HANGS]
    # A real server takes 0.1 s for each request, so there each write meets another fault, and another one in each step.
    moments = ([(fault, number) for number in range(1, WRITES + 1) for fault in FAULTS] + [(HANGS[0], 2), (HANGS[1], 3)]
               if headscale.kind == "sandbox" else [(fault, 1 + place % WRITES) for place, fault in enumerate(HANGS + FAULTS)])
    nodes = new_nodes([{"fault": fault, "same_run": same_run, "number": number} for (fault, same_run), number in moments])
    lanes.strike(vpn_stack, front, [*users, *nodes])

"""Kill -9 and faults at each write of record sets and zones, at every DNS service: nothing is orphaned, nothing is in the next
apply's way, nothing is written twice. A lane is a zone of its own; all lanes of a step go wrong in one run, each in its way."""

import dataclasses

import pytest

from crash_test import apply_and_kill
from harness import hcl, proxy
from harness.clusters import Names
from harness.nameservers import KINDS
from lifecycle_test import expect_state_is_true

pytestmark = [
    pytest.mark.one_cli("what goes wrong is between provider and service"),
    pytest.mark.thorough("each write in turn"),
]
STEPS = ("create", "update", "destroy")


@dataclasses.dataclass
class Lane:
    dns: object
    makes_zone: bool  # The zone is a resource too, and the first thing that is written.
    number: int = 1  # of the write
    acted: bool = False  # whether the service has done it
    fault: proxy.Action | None = None
    more: dict = dataclasses.field(default_factory=dict)
    names: Names = dataclasses.field(default_factory=Names)

    @property
    def zone(self) -> str:
        return f"{self.names('z')}.example"

    @property
    def mark(self) -> str:
        return f"{'zone and records' if self.makes_zone else 'records'}, write {self.number}, acted={self.acted}, {self.fault}"

    def writes(self, step: str) -> int:
        """How many there are: of the zone and of its records. Route 53 has something of a zone that can be changed."""
        return 1 + (self.makes_zone and (step != "update" or self.dns.backend == "route53"))

    def has_id(self) -> proxy.Matches:
        """Of what is about the zone: requests name it, its records or its id."""
        id_ = self.dns.zone_id(self.zone) if self.dns.can_make_zones else None

        def matches(exchange):
            return any(text in exchange.target or text.encode() in exchange.body for text in (self.zone, id_) if text)

        return matches

    def text(self, step: str) -> str:
        later = step == "update"
        a, b, c, d = (f"{name}.{self.zone}" for name in "abcd")
        records = {
            "a": {"name": a, "type": "A", "values": ["198.51.100.1" if later else "192.0.2.1"], "ownership": {"owner_id": "home"}},
            "c": {"name": c, "type": "CNAME", "values": ["target.example.net"]},
        } | ({"d": {"name": d, "type": "A", "values": ["192.0.2.4"]}} if later else
             {"b": {"name": b, "type": "TXT", "values": ['"one"', '"two"']}})
        zone, text = self.zone, ""
        if self.makes_zone:
            attributes = {"name": self.zone} | self.more
            if self.dns.backend == "route53":
                attributes["comment"] = step
            if self.dns.backend == "powerdns":
                attributes["own_name_servers"] = ["ns1.example.net"]
            text = hcl.resource("charon_dns_zone", self.names("z"), attributes)
            zone = hcl.Expression(f"charon_dns_zone.{self.names('z')}.name")
        return text + "".join(hcl.resource("charon_dns_record", self.names(key), {"zone": zone, **of} | self.more)
                              for key, of in records.items())

    def expected(self, step: str) -> dict:
        mark = ['"heritage=external-dns,external-dns/owner=home,external-dns/resource=charon_dns_record"']
        return {
            (f"a.{self.zone}", "A"): ["198.51.100.1" if step == "update" else "192.0.2.1"],
            (f"a-a.{self.zone}", "TXT"): mark,
            (f"c.{self.zone}", "CNAME"): ["target.example.net"],
        } | ({(f"d.{self.zone}", "A"): ["192.0.2.4"]} if step == "update" else {(f"b.{self.zone}", "TXT"): ['"one"', '"two"']})

    def expect(self, step: str) -> None:
        if step != "destroy":
            assert self.dns.sets(self.zone) == self.expected(step), f"{step}: {self.mark}"
        elif self.makes_zone:
            assert self.dns.zone_id(self.zone) is None, f"{step}: {self.mark}"
        else:
            assert self.dns.sets(self.zone) == {}, f"{step}: {self.mark}"


def prepare(lanes: list[Lane]) -> None:
    for lane in lanes:
        if not lane.makes_zone:
            lane.dns.new_zone(lane.zone)


def write(stack, lanes: list[Lane], step: str) -> None:
    stack.write("".join(lane.text("update" if step == "destroy" else step) for lane in lanes))


def finish(stack, lanes: list[Lane], step: str) -> None:
    """What was made is in the state or found, and the same command again ends it."""
    if step == "create":
        expect_state_is_true(stack)
    if step == "destroy":
        stack.destroy("-parallelism=64")
        assert stack.state().resources == {}
    else:
        stack.apply("-parallelism=64")
    for lane in lanes:
        lane.expect(step)


def test_killed_at_each_write(dns, dns_stack, dns_front, request):
    lanes = [Lane(dns, makes_zone, number, acted) for makes_zone in (False, True)[:1 + dns.can_make_zones]
             for number in range(1, 2 + makes_zone) for acted in (False, True)]
    prepare(lanes)
    # Either victim, at half of the services the one and at half the other.
    victims = ["provider", "terraform"] * 2
    first = KINDS.index(request.node.callspec.params["dns"]) % 2
    for step, victim in zip(STEPS, victims[first:first + 3]):
        if step == "create" and dns_stack.cli.name == "tofu":
            victim = "provider"  # OpenTofu writes its state now and then: a killed one forgets the zone, which has records by then
        write(dns_stack, lanes, step)
        apply_and_kill(dns_stack, dns_front, victim,
                       [(lane.has_id(), min(lane.number, lane.writes(step)), lane.acted) for lane in lanes],
                       "destroy" if step == "destroy" else "apply")
        finish(dns_stack, lanes, step)


def faults(backend: str) -> list[tuple[proxy.Action, bool | None]]:
    """What can go wrong with a write, and whether the same run gets over it; None: that depends on the time that is left."""
    lost = [(proxy.Drop(acted=False), True), (proxy.Drop(acted=True), True), (proxy.Hang(acted=False), None), (proxy.Hang(acted=True), None)]
    if backend == "rfc2136":  # SERVFAIL and REFUSED, by somebody who does not know the key
        return [*lost, (proxy.Answer(2), True), (proxy.Answer(5), False)]
    return [*lost, (proxy.busy(1), True), (proxy.Answer(503), True), (proxy.Answer(500), True)]


def test_each_write_goes_wrong(dns, dns_stack, dns_front):
    patience = {"timeouts": {"create": "5s", "update": "5s", "delete": "5s"}}
    got_over = {}
    lanes = []
    for makes_zone in (False, True)[:1 + dns.can_make_zones]:
        for fault, same_run in faults(dns.backend):
            lanes.append(Lane(dns, makes_zone, 1, fault=fault, more=patience if isinstance(fault, proxy.Hang) else {}))
            got_over[lanes[-1].zone] = same_run
    prepare(lanes)
    for step in STEPS:
        write(dns_stack, lanes, step)
        dns_front.reset()
        for lane in lanes:
            dns_front.on(proxy.write_about(lane.has_id(), 1), lane.fault)
        command = "destroy" if step == "destroy" else "apply"
        result = dns_stack.run(command, "-json", "-input=false", "-auto-approve", "-parallelism=64", codes=(0, 1))
        assert len([e for e in dns_front.log() if e.fault]) == len(lanes), dns_front.log()
        said = "".join(error.address + error.text for error in result.errors)
        for lane in lanes:
            same_run = got_over[lane.zone]
            if same_run is not None:
                assert lane.names.are_in(said) != same_run, f"{step}: {lane.mark}: {result}"
        dns_front.heal()
        finish(dns_stack, lanes, step)

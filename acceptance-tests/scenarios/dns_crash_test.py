"""Kill -9 and faults at each write of record sets and zones, at every DNS service: nothing is orphaned, nothing is in the next
apply's way, nothing is written twice. A lane is a zone of its own; all lanes of a step go wrong in one run, each in its way."""

import dataclasses

import pytest

import lanes
from harness import hcl, proxy
from harness.nameservers import KINDS

pytestmark = [
    pytest.mark.one_cli("what goes wrong is between provider and service"),
    pytest.mark.thorough("each write in turn"),
]


@dataclasses.dataclass(kw_only=True)
class Lane(lanes.Lane):
    dns: object
    makes_zone: bool  # The zone is a resource too, and the first thing that is written.
    state_is_true = True

    def __post_init__(self):
        self.zone = f"{self.names('z')}.example"
        if not self.makes_zone:
            self.dns.new_zone(self.zone)

    def __str__(self):
        return f"{'zone and records' if self.makes_zone else 'records'}, {super().__str__()}"

    def writes(self, step):
        """Of the zone and of its records. Route 53 has something of a zone that can be changed."""
        return 1 + (self.makes_zone and (step != "update" or self.dns.backend == "route53"))

    def about(self):
        """Requests name the zone, its records or its id."""
        id_ = self.dns.zone_id(self.zone) if self.dns.can_make_zones else None

        def matches(exchange):
            return any(text in exchange.target or text.encode() in exchange.body for text in (self.zone, id_) if text)

        return matches

    def text(self, step):
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

    def found(self):
        return self.dns.sets(self.zone) if not self.makes_zone or self.dns.zone_id(self.zone) else None

    def expected(self, step):
        if step == "destroy":
            return None if self.makes_zone else {}
        mark = ['"heritage=external-dns,external-dns/owner=home,external-dns/resource=charon_dns_record"']
        return {
            (f"a.{self.zone}", "A"): ["198.51.100.1" if step == "update" else "192.0.2.1"],
            (f"a-a.{self.zone}", "TXT"): mark,
            (f"c.{self.zone}", "CNAME"): ["target.example.net"],
        } | ({(f"d.{self.zone}", "A"): ["192.0.2.4"]} if step == "update" else {(f"b.{self.zone}", "TXT"): ['"one"', '"two"']})


def test_killed_at_each_write(dns, dns_stack, dns_front, request):
    # Either victim, at half of the services the one and at half the other.
    first = KINDS.index(request.node.callspec.params["dns"]) % 2
    victims = ["provider", "terraform"] * 2
    if dns_stack.cli.name == "tofu":
        victims[first] = "provider"  # OpenTofu writes its state now and then: a killed one forgets the zone, which has records by then
    lanes.kill(dns_stack, dns_front, [
        Lane(number, acted, dns=dns, makes_zone=makes_zone) for makes_zone in (False, True)[:1 + dns.can_make_zones]
        for number in range(1, 2 + makes_zone) for acted in (False, True)], victims[first:])


def faults(backend: str) -> list[tuple[proxy.Action, bool | None]]:
    """What can go wrong with a write, and whether the same run gets over it."""
    lost = [(proxy.Drop(acted=False), True), (proxy.Drop(acted=True), True), (proxy.Hang(acted=False), None), (proxy.Hang(acted=True), None)]
    if backend == "rfc2136":  # SERVFAIL and REFUSED, by somebody who does not know the key; of several that are refused the bad one is sought
        return [*lost, (proxy.Answer(2), True), (proxy.Answer(5), None)]
    return [*lost, (proxy.busy(1), True), (proxy.Answer(503), True), (proxy.Answer(500), True)]


def test_each_write_goes_wrong(dns, dns_stack, dns_front):
    lanes.strike(dns_stack, dns_front, [
        Lane(fault=fault, same_run=same_run, dns=dns, makes_zone=makes_zone)
        for makes_zone in (False, True)[:1 + dns.can_make_zones] for fault, same_run in faults(dns.backend)])

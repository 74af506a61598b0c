"""external-dns itself in the zone, with its own registry and planner: both sides agree on who holds what. It reads and writes by
RFC 2136; we do so too, or by PowerDNS' API."""

import json
import subprocess

import pytest

from conftest import missing
from dns_record_test import config, zone  # noqa: F401  a fixture
from harness.cli import built
from harness.errors import HarnessError

pytestmark = pytest.mark.one_cli("about the provider and external-dns")
RESOURCE = "ingress/default/site"


@pytest.fixture
def one_round(dns, zone):  # noqa: F811
    """Lets it do one round for what its cluster has: {(name, type): values}. Returns whom it sees as owner of each set, and what it
    wanted to change."""
    try:
        program = built("external-dns") / "external-dns"
    except HarnessError as error:
        missing(str(error))
    host, port = dns.server.split(":")
    key = {"KeyName": dns.record["tsig_name"], "Secret": dns.record["tsig_secret"], "Algorithm": dns.record["tsig_algorithm"]}

    def round_of(owner, cluster, **names):
        desired = [{"dnsName": name, "recordType": type_, "targets": values, "labels": {"resource": RESOURCE}}
                   for (name, type_), values in cluster.items()]
        asked = {"Host": host, "Port": int(port), "Zone": zone, **key, "Owner": owner, "Desired": desired, **names}
        ran = subprocess.run([program], input=json.dumps(asked), capture_output=True, text=True, timeout=30)
        assert ran.returncode == 0, ran.stderr
        report = json.loads(ran.stdout)
        changes = {verb.lower(): sorted((e["dnsName"], e["recordType"]) for e in report[verb] or [])
                   for verb in ("Create", "Update", "Delete") if report[verb]}
        return {(e["dnsName"], e["recordType"]): e.get("labels", {}).get("owner") for e in report["Seen"]}, changes

    return round_of


def without_marks(sets):
    return {key: values for key, values in sets.items() if "heritage=" not in values[0]}


@pytest.mark.parametrize("dns", ["bind", "powerdns"], indirect=True)
def test_each_leaves_the_others_alone_and_hands_over(dns, dns_stack, zone, one_round):  # noqa: F811
    def named(sets):
        return {(f"{name}.{zone}", type_): values for (name, type_), values in sets.items()}

    # PowerDNS' API takes no mark with an asterisk in it.
    star = "any" if dns.backend == "powerdns" else None
    mine = {"owner_id": "home"}
    mine_star = mine | ({"wildcard_replacement": star} if star else {})

    def external_dns(owner, cluster):
        return one_round(owner, cluster, Wildcard=star or "")

    # What it holds is refused, with a mark of ours and without, and the plan says so.
    theirs = named({("site", "A"): ["198.51.100.1"], ("site", "AAAA"): ["2001:db8::1"], ("alias", "CNAME"): [f"site.{zone}"],
                    ("*.wild", "A"): ["198.51.100.2"]})
    assert external_dns("k8s", theirs)[1] == {"create": sorted(theirs)}
    at_first = dns.sets(zone)
    wanted = {
        "site": {"name": "site", "type": "A", "values": ["192.0.2.1"], "on_conflict": "adopt"},
        "six": {"name": "site", "type": "AAAA", "values": ["2001:db8::2"], "on_conflict": "replace", "ownership": mine},
        "alias": {"name": "alias", "type": "CNAME", "values": ["www.example.net"], "on_conflict": "replace"},
        "wild": {"name": "*.wild", "type": "A", "values": ["192.0.2.1"], "on_conflict": "adopt", "ownership": mine_star},
        "same": {"name": "Site", "type": "TXT", "values": ['"not held"']},
    }
    bare = {"name": "*.bare", "type": "A", "values": ["192.0.2.1"], "ownership": mine}
    dns_stack.write(config(zone, wanted | ({"bare": bare} if star else {})))
    plan = dns_stack.plan(fails=bool(star))
    assert [e.address for e in plan.errors if "wildcard_replacement" in e.text] == (["charon_dns_record.bare"] if star else [])
    dns_stack.write(config(zone, wanted))
    for said in (plan.warnings, dns_stack.apply(fails=True).errors):
        assert {d.address.rpartition(".")[2] for d in said} == {"site", "six", "alias", "wild"}, said
        assert all(f'is held by the owner "k8s" ({RESOURCE})' in d.text for d in said), said
    assert dns.sets(zone) == at_first | named({("site", "TXT"): ['"not held"']})

    # What we hold is not changed, deleted or added to by another owner, nor is what nobody has marked.
    ours = {
        "www": {"name": "www", "type": "A", "values": ["192.0.2.1", "192.0.2.2"], "ownership": mine},
        "six": {"name": "www", "type": "AAAA", "values": ["2001:db8::3"], "ownership": mine},
        "four": {"name": "four", "type": "A", "values": ["192.0.2.4"], "ownership": mine},
        "gone": {"name": "gone", "type": "CNAME", "values": ["www.example.net"], "ownership": mine},
        "star": {"name": "*.apps", "type": "A", "values": ["192.0.2.5"], "ownership": mine_star},
        "umlaut": {"name": "bücher", "type": "A", "values": ["192.0.2.6"], "ownership": mine},
        "plain": {"name": "plain", "type": "A", "values": ["192.0.2.7"]},
    }
    held = named({("www", "A"): ["192.0.2.1", "192.0.2.2"], ("www", "AAAA"): ["2001:db8::3"], ("four", "A"): ["192.0.2.4"],
                  ("gone", "CNAME"): ["www.example.net"], ("*.apps", "A"): ["192.0.2.5"], ("xn--bcher-kva", "A"): ["192.0.2.6"]})
    plain = named({("plain", "A"): ["192.0.2.7"]})
    dns_stack.write(config(zone, ours))
    dns_stack.apply()
    after_us = dns.sets(zone)
    elsewhere = {key: ["198.51.100.9"] if key[1] == "A" else ["2001:db8::9"] if key[1] == "AAAA" else ["elsewhere.example.net"]
                 for key in [*held, *plain, (f"four.{zone}", "AAAA")]}
    owners, changes = external_dns("k8s", elsewhere)
    assert changes == {"delete": sorted(theirs)}
    assert dns.sets(zone) == {key: values for key, values in after_us.items() if key not in at_first}
    assert {key: owners[key] for key in held} == dict.fromkeys(held, "home") and owners[f"plain.{zone}", "A"] is None

    # With our id it knows them as its own: what its cluster has otherwise it changes, what its cluster lacks it deletes, marks included.
    cluster = {key: values for key, values in held.items() if key[1] != "CNAME"} | {(f"www.{zone}", "A"): ["198.51.100.8"]}
    owners, changes = external_dns("home", cluster)
    assert changes == {"update": [(f"www.{zone}", "A")], "delete": [(f"gone.{zone}", "CNAME")]}
    assert without_marks(dns.sets(zone)) == cluster | plain
    assert dns.sets(zone)[f"a-www.{zone}", "TXT"] == [f'"heritage=external-dns,external-dns/owner=home,external-dns/resource={RESOURCE}"']
    assert (f"cname-gone.{zone}", "TXT") not in dns.sets(zone)
    assert dns_stack.apply().actions == {"charon_dns_record.www": "update", "charon_dns_record.gone": "create"}
    assert external_dns("home", held)[1] == {}
    dns_stack.expect_empty()

    # Handed over to it and back: by the same id, nobody has to be told to adopt anything.
    dns_stack.run("state", "rm", "charon_dns_record.www")
    assert external_dns("home", held | {(f"www.{zone}", "A"): ["198.51.100.8"]})[1] == {"update": [(f"www.{zone}", "A")]}
    plan = dns_stack.apply()
    assert plan.actions == {"charon_dns_record.www": "create"} and ["will be adopted" in w.summary for w in plan.warnings] == [True]
    assert external_dns("home", held)[1] == {}
    # To another owner, by the name of that one.
    dns_stack.write(config(zone, {key: of | ({"ownership": of["ownership"] | {"owner_id": "k8s"}} if "ownership" in of else {}) for key, of in ours.items()}))
    dns_stack.apply()
    assert external_dns("home", {})[1] == {}
    owners, changes = external_dns("k8s", held)
    assert changes == {} and {key: owners[key] for key in held} == dict.fromkeys(held, "k8s")
    dns_stack.destroy()
    assert dns.sets(zone) == {}


@pytest.mark.parametrize("dns", ["bind"], indirect=True)
def test_marks_stand_where_external_dns_looks_for_them(dns, dns_stack, zone, one_round):  # noqa: F811
    """With each of its ways to name them, in both directions."""
    affixes = {"dotted": {"prefix": "%{record_type}-owner."}, "upper": {"prefix": "X-"}, "behind": {"suffix": "-Own"},
               "typed": {"suffix": "-%{record_type}"}}
    flags = {key: {name.title(): text for name, text in affix.items()} for key, affix in affixes.items()}

    def records(prefix, ours):
        names = {f"{prefix}-{key}": affix for key, affix in affixes.items()} | ({"": affixes["dotted"]} if ours else {})
        return {f"r{i}": {"name": name, "type": "A", "values": ["192.0.2.1"], "on_conflict": "adopt", "ownership": {"owner_id": "home"} | affix}
                for i, (name, affix) in enumerate(names.items())}

    dns_stack.write(config(zone, records("ours", True)))
    dns_stack.apply()
    for key, affix in flags.items():
        name = f"ours-{key}.{zone}"
        expected = {(name, "A"): "home"} | ({(zone, "A"): "home"} if key == "dotted" else {})
        owners, changes = one_round("home", {(f"theirs-{key}.{zone}", "A"): ["198.51.100.1"], **dict.fromkeys(expected, ["192.0.2.1"])},
                                       **affix)
        assert {of: owners[of] for of in expected} == expected and changes == {"create": [(f"theirs-{key}.{zone}", "A")]}
        one_round("k8s", {(f"k8s-{key}.{zone}", "A"): ["198.51.100.1"]}, **affix)
    dns_stack.write(config(zone, records("k8s", False)))
    errors = dns_stack.apply(fails=True).errors
    assert len(errors) == 4 and all(f'is held by the owner "k8s" ({RESOURCE})' in e.text for e in errors), errors

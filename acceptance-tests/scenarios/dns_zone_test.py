"""Zones, what services have beyond records, and the data sources."""

import pytest

from conftest import shared_folder
from harness import hcl, nameservers
from harness.hcl import Expression

pytestmark = [
    pytest.mark.one_cli("about the provider and the service; the examples meet the other program"),
    pytest.mark.thorough("goes deep where others go broad"),
]


def record(key, /, **attributes):
    return hcl.resource("charon_dns_record", key, attributes)


@pytest.mark.each_cli("what a user meets first")
def test_a_zone_and_its_records_in_one_apply(dns, dns_stack, names):
    if not dns.can_make_zones:
        pytest.skip("dynamic updates make no zones")
    zone = f"{names('made')}.example"
    attributes = {"name": zone, "timeouts": {"create": "2m", "delete": "2m"}}
    if dns.backend == "route53":
        attributes["comment"] = "made by a test"
    if dns.backend == "powerdns":
        attributes["own_name_servers"] = ["ns1.example.net", "ns2.example.net"]
    www = record("www", zone=Expression("charon_dns_zone.z.name"), name=f"www.{zone}", type="A", values=["192.0.2.1"])
    data = f"""
data "charon_dns_zone" "z" {{
  name = charon_dns_zone.z.name
}}
data "charon_dns_records" "all" {{
  zone       = charon_dns_zone.z.name
  type       = "A"
  depends_on = [charon_dns_record.www]
}}
output "same" {{
  value = data.charon_dns_zone.z.name_servers == charon_dns_zone.z.name_servers && length(charon_dns_zone.z.name_servers) > 1
}}
output "records" {{
  value = [for r in data.charon_dns_records.all.records : "${{r.name}} ${{r.values[0]}}"]
}}
"""
    dns_stack.write(hcl.resource("charon_dns_zone", "z", attributes) + www + data)
    dns_stack.apply()
    assert dns.sets(zone)[f"www.{zone}", "A"] == ["192.0.2.1"]
    if dns.backend != "cloudflare" or dns.sandbox.zone(zone).get("name_servers"):
        assert dns_stack.state().outputs["same"] is True
    assert dns_stack.state().outputs["records"] == [f"www.{zone} 192.0.2.1"]

    # Imported it is the same.
    dns_stack.run("state", "rm", "charon_dns_zone.z")
    dns_stack.import_("charon_dns_zone.z", f"{dns.backend}/{zone}")
    not_imported = {"timeouts", "own_name_servers"} & attributes.keys()
    dns_stack.write(hcl.resource("charon_dns_zone", "z", {k: v for k, v in attributes.items() if k not in not_imported}) + www + data)
    dns_stack.expect_empty()

    # Made anew without its resource, an existing zone with records is not taken unless asked.
    dns_stack.run("state", "rm", "charon_dns_zone.z")
    failed = dns_stack.apply(fails=True)
    assert "already" in failed.errors[0].text and "on_conflict" in failed.errors[0].text
    adopted = {"name": zone, "on_conflict": "adopt", "force_destroy": False, "check_delegation": False}
    dns_stack.write(hcl.resource("charon_dns_zone", "z", adopted) + www + data)
    dns_stack.apply()

    # Records of others keep the zone.
    dns.put(zone, f"foreign.{zone}", "A", ["198.51.100.1"])
    refused = dns_stack.destroy(fails=True)
    assert f"foreign.{zone}" in refused.errors[0].text and "force_destroy" in refused.errors[0].text
    dns_stack.write(hcl.resource("charon_dns_zone", "z", adopted | {"force_destroy": True}))
    dns_stack.apply()
    dns_stack.destroy()
    assert dns_stack.plan().actions == {"charon_dns_zone.z": "create"}


@pytest.mark.each_cli("what a user meets first")
def test_what_an_interrupted_apply_left_is_taken_and_nothing_else(dns, dns_stack, names):
    """Of zones that are there already: one is empty and new, one holds a record, one is not new, one is not to be taken."""
    if not dns.can_make_zones:
        pytest.skip("dynamic updates make no zones")
    zones = {label: f"{names(label)}.example" for label in ("left", "used", "old", "refused", "adopted")}
    own = {"own_name_servers": ["ns1.example.net"]} if dns.backend == "powerdns" else {}

    def config(**more):
        return "".join(hcl.resource("charon_dns_zone", label, {"name": zone} | own | more.get(label, {})) for label, zone in zones.items())

    # As a killed apply leaves them: made by us, and not in the state.
    made = [label for label in zones if label != "old"]
    dns_stack.write(config())
    dns_stack.apply(*[f"-target=charon_dns_zone.{label}" for label in made], checked=False)
    dns_stack.run("state", "rm", *[f"charon_dns_zone.{label}" for label in made])
    dns.put(zones["used"], f"www.{zones['used']}", "A", ["198.51.100.1"])
    dns.old_zone(zones["old"])
    ids = {label: dns.zone_id(zone) for label, zone in zones.items()}

    dns_stack.write(config(refused={"on_conflict": "fail"}, adopted={"on_conflict": "adopt"}))
    plan = dns_stack.plan()
    told = {w.address.rpartition(".")[2] for w in plan.warnings if "unable to create" in w.summary}
    # Only PowerDNS tells already in the plan that something was changed since: by the zone's serial.
    assert told - {"used"} == {"old", "refused"}, plan.warnings
    result = dns_stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert {e.address.rpartition(".")[2] for e in result.errors} == {"old", "refused", "used"}, result
    assert [w for w in result.warnings if "interrupted apply" in w.text and w.address == "charon_dns_zone.left"], result
    assert {label: dns_stack.state()[f"charon_dns_zone.{label}"]["zone_id"] for label in ("left", "adopted")} == {
        label: ids[label] for label in ("left", "adopted")}
    # What is in the way stops no destroy, and stays.
    dns_stack.destroy()
    assert {label for label, zone in zones.items() if dns.zone_id(zone)} == {"used", "old", "refused"}
    dns_stack.write(config(**{label: {"on_conflict": "adopt", "force_destroy": True} for label in zones}))
    dns_stack.apply()
    dns_stack.destroy()
    assert not [zone for zone in zones.values() if dns.zone_id(zone)]


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_cloudflare_has_more(dns, dns_stack, names):
    zone = f"{names('more')}.example"
    dns.sandbox.new_zone(zone, plan="pro")
    base = {"zone": zone, "name": f"www.{zone}", "type": "A", "values": ["192.0.2.1", "192.0.2.2"]}

    def live():
        records = [r for r in dns.sandbox.records(zone) if r["type"] == "A"]
        return {(r.get("proxied"), r.get("comment") or None, tuple(r.get("tags") or ())) for r in records}

    dns_stack.write(record("r", **base, proxied=True, comment="site", tags=["team:web", "env:prod"]))
    dns_stack.apply()
    assert live() == {(True, "site", ("env:prod", "team:web"))}
    dns_stack.write(record("r", **base, proxied=False, comment="shop", tags=["team:shop"], ttl=120))
    dns_stack.apply()
    assert live() == {(False, "shop", ("team:shop",))}
    # What is written no more is taken back.
    dns_stack.write(record("r", **base))
    dns_stack.apply()
    assert live() == {(False, None, ())}
    errors = "".join(e.text for e in _plan_of(dns_stack, record("r", **base, proxied=True, ttl=120)))
    assert "automatic ttl" in errors
    errors = "".join(e.text for e in _plan_of(dns_stack, record("r", **base, set_id="a", weight=1)))
    assert "feature of Route 53" in errors


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_each_record_of_a_set_has_a_comment_of_its_own(dns, dns_stack, names):
    """Somebody's, as long as the configuration has none."""
    zone = f"{names('notes')}.example"
    dns.sandbox.new_zone(zone, plan="pro")
    base = {"zone": zone, "name": f"www.{zone}", "type": "A", "values": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}

    def notes():
        return sorted((r["content"], r.get("comment") or "", *(r.get("tags") or ())) for r in dns.sandbox.records(zone) if r["type"] == "A")

    dns_stack.write(record("r", **base))
    dns_stack.apply()
    dns.note(zone, "192.0.2.1", comment="first")
    dns.note(zone, "192.0.2.2", comment="theirs", tags=["team:theirs"])
    assert dns_stack.plan().actions == {}
    theirs = [("192.0.2.1", "first"), ("192.0.2.2", "theirs", "team:theirs"), ("192.0.2.3", "")]
    dns_stack.write(record("r", **base, ttl=120))
    dns_stack.apply()
    assert notes() == theirs
    dns_stack.write(record("r", **base, ttl=120, comment="ours", tags=["team:ours"]))
    dns_stack.apply()
    ours = [(value, "ours", "team:ours") for value in base["values"]]
    assert notes() == ours
    for field in ({"comment": "theirs"}, {"tags": []}):
        dns.note(zone, "192.0.2.3", **field)
        assert dns_stack.apply().actions == {"charon_dns_record.r": "update"} and notes() == ours
    dns_stack.expect_empty()


def _plan_of(stack, text):
    stack.write(text)
    return stack.plan(fails=True).errors


@pytest.mark.parametrize("dns", ["route53"], indirect=True)
def test_route53_has_more(dns, dns_stack, names):
    zone = f"{names('more')}.example"
    dns.new_zone(zone)

    def stack(weight, target, failover, check):
        sets = {
            "blue": {"set_id": "blue", "weight": weight, "name": f"w.{zone}", "values": ["192.0.2.1"], "ttl": 60},
            "green": {"set_id": "green", "weight": 100 - weight, "name": f"w.{zone}", "values": ["192.0.2.2"], "ttl": 60},
            "first": {"set_id": "first", "failover": failover, "name": f"f.{zone}", "values": ["192.0.2.1"], "ttl": 60,
                      "health_check_id": check, "wait_until_live": True},
            "target": {"name": f"t1.{zone}", "values": ["192.0.2.9"]},
            "other": {"name": f"t2.{zone}", "values": ["192.0.2.8"]},
        }
        text = "".join(record(key, zone=zone, type="A", **of) for key, of in sets.items())
        return text + record("alias", zone=zone, name=zone, type="A", depends_on=[Expression("charon_dns_record.target"), Expression("charon_dns_record.other")],
                             alias={"name": f"{target}.{zone}", "zone_id": dns.zone_id(zone), "evaluate_target_health": True})

    def live():
        found = dns.call("GET", f"/2013-04-01/hostedzone/{dns.zone_id(zone)}/rrset", "maxitems=300").iter("ResourceRecordSet")
        return {(s.findtext("Name").split(".")[0], s.findtext("SetIdentifier")): s for s in found if s.findtext("Type") == "A"}

    check = "0a1b2c3d-0000-4000-8000-000000000001"
    dns_stack.write(stack(10, "t1", "primary", check))
    dns_stack.apply()
    sets = live()
    assert sets["w", "blue"].findtext("Weight") == "10" and sets["w", "green"].findtext("Weight") == "90"
    assert sets["f", "first"].findtext("Failover") == "PRIMARY" and sets["f", "first"].findtext("HealthCheckId") == check
    apex = zone.split(".")[0]
    assert sets[apex, None].find("AliasTarget").findtext("DNSName").rstrip(".") == f"t1.{zone}"
    dns_stack.write(stack(30, "t2", "primary", None))
    plan = dns_stack.apply()
    assert set(plan.actions.values()) == {"update"}, plan.actions
    sets = live()
    assert sets["w", "blue"].findtext("Weight") == "30"
    assert sets["f", "first"].find("HealthCheckId") is None
    assert sets[apex, None].find("AliasTarget").findtext("DNSName").rstrip(".") == f"t2.{zone}"
    # A set alone of its name may get another policy, with its other values.
    alone = {"zone": zone, "name": f"p.{zone}", "type": "A", "set_id": "one"}
    for policy, values in (({"weight": 5}, ["192.0.2.1"]), ({"failover": "secondary"}, ["192.0.2.2"]), ({"weight": 7}, ["192.0.2.2"])):
        dns_stack.write(stack(30, "t2", "primary", None) + record("alone", **alone, **policy, values=values))
        dns_stack.apply()
        one = live()["p", "one"]
        assert (one.findtext("Weight"), one.findtext("Failover")) == (
            str(policy["weight"]) if "weight" in policy else None, "SECONDARY" if "failover" in policy else None)
        assert [v.text for v in one.iter("Value")] == values
    dns_stack.write(stack(30, "t2", "primary", None))
    dns_stack.apply()
    dns_stack.run("state", "rm", "charon_dns_record.blue", "charon_dns_record.alias")
    dns_stack.import_("charon_dns_record.blue", f"route53/{zone}/w.{zone}/A/blue")
    dns_stack.import_("charon_dns_record.alias", f"route53/{dns.zone_id(zone)}/{zone}/A")
    dns_stack.write(stack(30, "t2", "primary", None).replace(f'zone = "{zone}"', f'zone = "{zone}"'))
    dns_stack.run("state", "rm", "charon_dns_record.alias")
    dns_stack.import_("charon_dns_record.alias", f"route53/{zone}/{zone}/A")
    dns_stack.expect_empty()
    dns_stack.destroy()
    assert live() == {}
    errors = "".join(e.text for e in _plan_of(dns_stack, record("r", zone=zone, name=f"x.{zone}", type="A", values=["192.0.2.1"], proxied=True)))
    assert "feature of Cloudflare" in errors


def test_delegation_is_asked_of_a_resolver(dns, dns_stack, names):
    """A real server plays the resolver: it says of its own zone what it is asked."""
    if not dns.server:
        pytest.skip("needs a server that answers questions")
    zone = f"{names('del')}.example"
    dns.new_zone(zone)
    dns_stack.write(f"""
data "charon_dns_zone" "z" {{
  backend          = "{dns.backend}"
  name             = "{zone}"
  check_delegation = true
  resolver         = "{dns.server}"
}}
output "delegated" {{
  value = [data.charon_dns_zone.z.delegated, data.charon_dns_zone.z.delegated_to]
}}
""")
    dns_stack.apply()
    assert dns_stack.state().outputs["delegated"] == [True, [f"ns1.{zone}"]]


def test_data_sources_tell_who_holds_what(dns, dns_stack, names):
    zone = f"{names('data')}.example"
    dns.new_zone(zone)
    dns.put(zone, f"www.{zone}", "A", ["192.0.2.1"])
    dns.put(zone, f"a-www.{zone}", "TXT", ['"heritage=external-dns,external-dns/owner=k8s,external-dns/resource=ingress/web/site"'])
    dns_stack.write(f"""
data "charon_dns_records" "www" {{
  zone = "{zone}"
  name = "WWW.{zone}."
}}
output "owner" {{
  value = [for r in data.charon_dns_records.www.records : [r.type, r.owner, r.values]]
}}
data "charon_dns_zone" "z" {{
  name = "{zone}"
}}
""")
    if getattr(dns, "transfer", True) is False:
        errors = dns_stack.plan(fails=True).errors
        assert "zone transfer" in errors[0].text
        return
    dns_stack.apply()
    assert dns_stack.state().outputs["owner"] == [["A", "k8s", ["192.0.2.1"]]]


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_a_type_that_no_record_has(dns, dns_stack, names):
    """An empty list looks like an answer."""
    zone = f"{names('type')}.example"
    dns.new_zone(zone)
    dns.put(zone, f"www.{zone}", "A", ["192.0.2.1"])

    def of(kind):
        return hcl.block('data "charon_dns_records" "r"', {"zone": zone, "type": kind})

    for kind in ("a", ""):
        dns_stack.write(of(kind))
        (error,) = dns_stack.validate(fails=True)
        assert "Must be a type in capital letters" in error.text and error.code.startswith("type"), error
    for kind, known in (("A", True), ("MX", True), ("SOA", True), ("TXTT", False)):
        dns_stack.write(of(kind))
        warnings = dns_stack.plan().warnings
        assert [("No record set has the type TXTT" in w.text, w.code.split()[0]) for w in warnings] == (
            [] if known else [(True, "type")]), warnings


@pytest.mark.parametrize("dns", ["cloudflare", "route53"], indirect=True)
def test_a_zone_that_is_not_there(dns, dns_stack, names):
    dns_stack.write(f'data "charon_dns_zone" "z" {{\n  name = "{names("no")}.example"\n}}\n')
    errors = dns_stack.plan(fails=True).errors
    assert "no zone" in errors[0].text


@pytest.mark.parametrize("dns", ["cloudflare", "route53", "moto", "powerdns", "bind"], indirect=True)
def test_a_zone_that_is_not_seen_is_not_gone(request, dns, dns_stack, names, new_sandbox, tmp_path_factory):
    """Another account, or another server: nothing leaves the state, and nothing that lives on is forgotten by a destroy."""
    kind = request.node.callspec.params["dns"]
    played = kind in nameservers.PLAYED
    zone = f"{names('seen')}.example"
    dns.new_zone(zone)
    dns_stack.write(record("www", zone=zone, name=f"www.{zone}", type="A", values=["192.0.2.1"])
                    + (hcl.resource("charon_dns_zone", "z", {"name": zone, "on_conflict": "adopt"}) if dns.can_make_zones else ""))
    dns_stack.apply()
    objects = {"charon_dns_record.www"} | ({"charon_dns_zone.z"} if dns.can_make_zones else set())

    own = dict(dns_stack.environment)
    other = nameservers.service(kind if played else f"{kind}+60", shared_folder(tmp_path_factory), lambda: new_sandbox("other"))
    dns_stack.environment |= other.environment
    for refused in (dns_stack.plan(fails=True), dns_stack.destroy(fails=True)):
        assert {e.address for e in refused.errors} == objects, refused.errors
        assert all("last seen at" in e.text and "credentials" in e.text for e in refused.errors), refused.errors
    # Nor without having looked before.
    assert len(dns_stack.destroy("-refresh=false", fails=True).errors) == len(objects)
    assert set(dns_stack.state().resources) == objects
    assert dns.sets(zone)[f"www.{zone}", "A"] == ["192.0.2.1"]
    dns_stack.environment |= own
    dns_stack.expect_empty()
    if not dns.can_make_zones:
        dns_stack.destroy()
        assert dns.sets(zone) == {}
        return
    # Deleted by somebody, it is made again.
    dns.delete_zone(zone)
    plan = dns_stack.plan()
    assert plan.actions == dict.fromkeys(objects, "create") and any("counts as gone" in w.text for w in plan.warnings), plan.warnings


def test_zones_have_features_of_their_service(bare_stack):
    """At the plan, with the attribute."""
    for attributes, says in (
        ({"backend": "rfc2136", "name": "example.org"}, "cannot make"),
        ({"backend": "cloudflare", "name": "example.org", "comment": "x"}, "`comment` is for route53"),
        ({"backend": "route53", "name": "example.org", "account_id": "x"}, "`account_id` is for cloudflare"),
        ({"backend": "cloudflare", "name": "home"}, "no zone of one label"),
        ({"backend": "route53", "name": "10.0.0.0/8"}, "only reverse zones"),
        ({"name": "example.org"}, "no DNS service is configured"),
    ):
        errors = "".join(e.text for e in _plan_of(bare_stack, hcl.resource("charon_dns_zone", "z", attributes)))
        assert says in errors.replace("No DNS", "no DNS"), errors

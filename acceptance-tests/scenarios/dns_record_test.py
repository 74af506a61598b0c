"""Record sets at every DNS service: the same scenarios on all of them, read back from the service itself."""

import json
import re

import pytest

from harness import hcl, leaks, proxy
from harness.cli import REGISTRY

pytestmark = pytest.mark.one_cli("about the provider and the service; the examples meet the other program")


@pytest.fixture
def zone(dns, names):
    name = f"{names('z')}.example"
    dns.new_zone(name)
    return name


@pytest.fixture
def troubled(dns):
    if dns.sandbox is None:
        pytest.skip("faults are the sandbox's")
    return dns.sandbox


def config(zone: str, records: dict[str, dict]) -> str:
    """A record set for each name; the key is the resource's name, `name` the part in front of the zone."""
    return "\n".join(hcl.resource("charon_dns_record", key, {
        "zone": zone, **{k: v for k, v in of.items() if k != "name"}, "name": f"{of['name']}.{zone}" if of["name"] else zone,
    }) for key, of in records.items())


def everything(values: int) -> dict[str, dict]:
    """Types and spellings of all sorts; another number makes other values."""
    text = "v=spf1 " + "ip4:192.0.2.1 " * 20 + f"v{values}"
    return {
        "a": {"name": "www", "type": "A", "values": [f"192.0.2.{values}", "192.0.2.200"], "ttl": 120},
        "aaaa": {"name": "www", "type": "AAAA", "values": [f"2001:DB8:0:0::{values}"]},
        "star": {"name": "*.apps", "type": "A", "values": [f"192.0.2.{values}"]},
        "cname": {"name": "Alias", "type": "CNAME", "values": [f"Target{values}.example.net."]},
        "mx": {"name": "", "type": "MX", "values": [f"{values} mail.example.net", "20 backup.example.net."]},
        "txt": {"name": "", "type": "TXT", "values": [f"site-verification={values}", hcl.Expression(f'provider::charon::txt_record("{text}")')]},
        "srv": {"name": "_sip._udp", "type": "SRV", "values": [f"10 {values} 5060 sip.example.net"]},
        "caa": {"name": "", "type": "CAA", "values": [f'0 issue "ca{values}.example.net"']},
        "owned": {"name": "owned", "type": "A", "values": [f"192.0.2.{values}"], "ownership": {"owner_id": "home"}},
        "umlaut": {"name": "bücher", "type": "A", "values": [f"192.0.2.{values}"]},
    }


def expected(zone: str, values: int) -> dict[tuple[str, str], list[str]]:
    text = "v=spf1 " + "ip4:192.0.2.1 " * 20 + f"v{values}"
    return {
        (f"www.{zone}", "A"): sorted([f"192.0.2.{values}", "192.0.2.200"]),
        (f"www.{zone}", "AAAA"): [f"2001:db8::{values}"],
        (f"*.apps.{zone}", "A"): [f"192.0.2.{values}"],
        (f"alias.{zone}", "CNAME"): [f"target{values}.example.net"],
        (zone, "MX"): sorted([f"{values} mail.example.net", "20 backup.example.net"]),
        (zone, "TXT"): sorted([f'"site-verification={values}"', f'"{text}"']),
        (f"owned.{zone}", "A"): [f"192.0.2.{values}"],
        (f"a-owned.{zone}", "TXT"): ['"heritage=external-dns,external-dns/owner=home,external-dns/resource=charon_dns_record"'],
        (f"xn--bcher-kva.{zone}", "A"): [f"192.0.2.{values}"],
    }


def seen(dns, zone):
    """Of what is there: the types whose text is the same everywhere."""
    return {key: values for key, values in dns.sets(zone).items() if key[1] not in ("SRV", "CAA")}


@pytest.mark.each_cli("what a user meets first")
def test_records_live(dns, dns_stack, zone):
    """Made, unchanged, changed, drifted, gone, imported, removed."""
    dns_stack.write(config(zone, everything(1)))
    dns_stack.apply()
    assert seen(dns, zone) == expected(zone, 1)
    if dns.server:
        assert dns.dig(f"www.{zone}", "A") == ["192.0.2.1", "192.0.2.200"]
        assert dns.dig(f"_sip._udp.{zone}", "SRV") == ["10 1 5060 sip.example.net."]
        assert dns.dig(zone, "CAA") == ['0 issue "ca1.example.net"']

    dns_stack.write(config(zone, everything(2)))
    plan = dns_stack.apply()
    assert set(plan.actions.values()) == {"update"} and len(plan.actions) == 10, plan.actions
    assert seen(dns, zone) == expected(zone, 2)

    # Somebody else changes one and deletes another: exactly these two come back.
    dns.put(zone, f"www.{zone}", "A", ["198.51.100.1"])
    dns.put(zone, f"xn--bcher-kva.{zone}", "A", [])
    plan = dns_stack.apply()
    assert plan.actions == {"charon_dns_record.a": "update", "charon_dns_record.umlaut": "create"}
    assert seen(dns, zone) == expected(zone, 2)

    dns_stack.run("state", "rm", "charon_dns_record.a", "charon_dns_record.txt")
    dns_stack.import_("charon_dns_record.a", f"{dns.backend}/{zone}/www.{zone}/A")
    dns_stack.import_("charon_dns_record.txt", f"{dns.backend}/{zone}/{zone}/TXT")
    dns_stack.expect_empty()

    # What is not ours stays.
    dns.put(zone, f"foreign.{zone}", "A", ["198.51.100.9"])
    dns_stack.destroy()
    assert dns.sets(zone) == {(f"foreign.{zone}", "A"): ["198.51.100.9"]}


@pytest.mark.each_cli("what a user meets first")
def test_what_is_there_already(dns, dns_stack, zone):
    for name in ("fail", "adopt", "replace", "same"):
        dns.put(zone, f"{name}.{zone}", "A", ["198.51.100.1"])
    dns.put(zone, f"held.{zone}", "A", ["198.51.100.1"])
    dns.put(zone, f"a-held.{zone}", "TXT", ['"heritage=external-dns,external-dns/owner=k8s,external-dns/resource=ingress/web/site"'])
    wanted = {"type": "A", "values": ["192.0.2.1"]}
    records = {
        "fail": {"name": "fail", **wanted},
        "held": {"name": "held", **wanted, "on_conflict": "adopt"},
        "adopt": {"name": "adopt", **wanted, "on_conflict": "adopt"},
        "replace": {"name": "replace", **wanted, "on_conflict": "replace"},
    }
    # The plan says it, the apply fails; a destroy, which plans the whole configuration first, does not.
    dns_stack.write(config(zone, {"fail": records["fail"], "held": records["held"], "own": {"name": "own", **wanted}}))
    failed = dns_stack.apply(fails=True)
    assert {error.address for error in failed.errors} == {"charon_dns_record.fail", "charon_dns_record.held"}
    for result in (dns_stack.plan().warnings, failed.errors):
        said = "\n".join(d.text for d in result)
        assert "exists already (198.51.100.1)" in said and "on_conflict" in said and 'held by the owner "k8s"' in said, said
    assert (f"own.{zone}", "A") in dns.sets(zone)
    dns_stack.destroy()
    assert (f"own.{zone}", "A") not in dns.sets(zone)
    del records["fail"], records["held"]
    # The default ttl is another one at each service, and part of being the same.
    live = 1 if dns.backend == "cloudflare" else 300
    records["same"] = {"name": "same", "type": "A", "values": ["198.51.100.1"], "ttl": live}
    dns_stack.write(config(zone, records))
    plan = dns_stack.apply()
    said = " ".join(warning.text for warning in plan.warnings)
    assert "will be adopted" in said and "will be replaced" in said and "will be taken over" in said
    assert {k: v for k, v in seen(dns, zone).items() if k[0].split(".")[0] in records} == {
        (f"adopt.{zone}", "A"): ["192.0.2.1"], (f"replace.{zone}", "A"): ["192.0.2.1"], (f"same.{zone}", "A"): ["198.51.100.1"]}


def test_one_bad_record_fails_alone(dns, dns_stack, zone, request):
    """The service refuses one of many: the others are made, and the next apply has nothing to do for them."""
    if request.node.callspec.params["dns"] == "moto":
        pytest.skip("moto refuses nothing")
    records = {f"r{i}": {"name": f"r{i}", "type": "A", "values": [f"192.0.2.{i}"]} for i in range(8)}
    # A CNAME beside another record is what every service refuses.
    dns.put(zone, f"taken.{zone}", "A", ["198.51.100.1"])
    records["bad"] = {"name": "taken", "type": "CNAME", "values": ["www.example.net"]}
    dns_stack.write(config(zone, records))
    failed = dns_stack.apply(fails=True)
    assert [error.address for error in failed.errors] == ["charon_dns_record.bad"]
    assert f"taken.{zone}" in failed.errors[0].text
    assert [key for key in seen(dns, zone) if key[0].startswith("r")] != []
    assert len(dns.sets(zone)) == 9
    del records["bad"]
    dns_stack.write(config(zone, records))
    assert dns_stack.apply().actions == {}


HOSTS = {f"r{i}": {"name": f"r{i}", "type": "A", "values": [f"192.0.2.{i}"]} for i in range(8)}
NO_HOST = {"name": "_srv._tcp", "type": "A", "values": ["192.0.2.99"]}


@pytest.mark.parametrize("dns", ["bind"], indirect=True)
@pytest.mark.parametrize("updates, bad", [
    ("", NO_HOST),  # check-names
    ("update-policy {{ grant {key} zonesub A; }};", {"name": "text", "type": "TXT", "values": ["x"]}),
], ids=["check-names", "update-policy"])
def test_a_record_that_is_refused_fails_alone(dns, dns_stack, dns_front, names, updates, bad):
    """REFUSED names no record, and is what a key without any rights gets too."""
    zone = f"{names('z')}.example"
    dns.new_zone(zone, updates.format(key=dns.record["tsig_name"]))
    dns_stack.write(config(zone, HOSTS | {"bad": bad}))
    failed = dns_stack.apply(fails=True)
    assert [error.address for error in failed.errors] == ["charon_dns_record.bad"]
    said = failed.errors[0].text
    assert [word for word in ("REFUSED", "Allow the key", "update-policy", "check-names") if word not in said] == [], said
    assert {name for name, _ in dns.sets(zone)} == {f"r{i}.{zone}" for i in range(8)}
    # However the nine met: halves are at most two for each, and one tells that the key may.
    assert len(dns_front.writes()) <= 2 * 9 + 1, dns_front.writes()
    dns_stack.write(config(zone, HOSTS))
    assert dns_stack.apply().actions == {}


@pytest.mark.parametrize("dns", ["bind"], indirect=True)
def test_a_key_without_rights_is_not_tried_for_each_record(dns, dns_stack, dns_front, names):
    zone = f"{names('z')}.example"
    dns.new_zone(zone, "allow-update { none; };")
    dns_front.on(proxy.everything, proxy.Delay(0.03), None)
    dns_stack.write(config(zone, HOSTS))
    failed = dns_stack.apply(fails=True)
    assert len(failed.errors) == len(HOSTS) and all("Allow the key" in error.text for error in failed.errors)
    assert len(dns_front.writes()) <= len(HOSTS), dns_front.writes()


def test_parameters_are_taken_in_every_spelling(dns, dns_stack, zone):
    """Each service has one of its own for what is in quotes here and not there."""
    records = {
        "plain": {"name": "plain", "type": "HTTPS", "values": ["1 . alpn=h2,h3 ipv4hint=192.0.2.1"]},
        "quoted": {"name": "quoted", "type": "HTTPS", "values": ['1 . port="8443" alpn="h2"', "2 other.example.net. alpn=h3"]},
        "keys": {"name": "keys", "type": "SVCB", "values": ["1 svc.example.net ipv6hint=2001:DB8:0::1 port=053 mandatory=port,alpn alpn=dot"]},
        "text": {"name": "text", "type": "SVCB", "values": [r'1 svc.example.net key667="a b,c\"d" ech=AEn+DQ==']},
        "bare": {"name": "bare", "type": "SVCB", "values": [r"1 svc.example.net key667=a\032b key668 no-default-alpn alpn=h2"]},
    }
    dns_stack.write(config(zone, records))
    dns_stack.apply()
    dns_stack.expect_empty()
    if dns.server:
        assert dns.dig(f"plain.{zone}", "HTTPS") == ['1 . alpn="h2,h3" ipv4hint=192.0.2.1']
        assert dns.dig(f"quoted.{zone}", "HTTPS") == ['1 . alpn="h2" port=8443', '2 other.example.net. alpn="h3"']
        assert dns.dig(f"keys.{zone}", "SVCB") == ['1 svc.example.net. mandatory=alpn,port alpn="dot" port=53 ipv6hint=2001:db8::1']
        assert dns.dig(f"text.{zone}", "SVCB") == [r'1 svc.example.net. ech=AEn+DQ== key667="a b,c\"d"']
        assert dns.dig(f"bare.{zone}", "SVCB") == ['1 svc.example.net. alpn="h2" no-default-alpn key667="a b" key668']
    # Another spelling of the same is no change, another value is.
    records["plain"]["values"] = ['1 . ipv4hint="192.0.2.1" alpn="h2,h3"']
    records["quoted"]["values"] = ["1 . alpn=h2 port=8444"]
    dns_stack.write(config(zone, records))
    assert dns_stack.apply().actions == {"charon_dns_record.quoted": "update"}
    dns_stack.run("state", "rm", "charon_dns_record.plain")
    dns_stack.import_("charon_dns_record.plain", f"{dns.backend}/{zone}/plain.{zone}/HTTPS")
    dns_stack.expect_empty()
    dns_stack.destroy()
    assert dns.sets(zone) == {}


@pytest.mark.each_cli("what a user meets first")
def test_an_unknown_value_is_found_during_apply(dns, dns_stack, zone):
    """As the address of a node that registers in the same apply; a new value moves the record in one apply."""
    def stack(address):
        return f'resource "terraform_data" "node" {{\n  input = "{address}"\n}}\n' + config(zone, {
            "node": {"name": "node", "type": "A", "values": hcl.Expression("[terraform_data.node.output]")}})
    dns_stack.write(stack("100.64.0.7"))
    dns_stack.apply()
    assert dns.sets(zone)[f"node.{zone}", "A"] == ["100.64.0.7"]
    dns_stack.write(stack("100.64.0.8"))
    dns_stack.apply()
    assert dns.sets(zone)[f"node.{zone}", "A"] == ["100.64.0.8"]


@pytest.mark.parametrize("dns", ["cloudflare", "route53"], indirect=True)
def test_a_replaced_record_is_there_afterwards(dns, dns_stack, zone):
    """In either order: the create half is about the same set as the delete half."""
    records = {"a": {"name": "www", "type": "A", "values": ["192.0.2.1"], "ownership": {"owner_id": "home"}}}
    text = config(zone, records)
    dns_stack.write(text)
    dns_stack.apply()
    plan = dns_stack.apply("-replace=charon_dns_record.a")
    assert plan.actions == {"charon_dns_record.a": "replace"} and not plan.warnings, plan.warnings
    assert dns.sets(zone)[f"www.{zone}", "A"] == ["192.0.2.1"]
    dns_stack.write(text.rstrip().removesuffix("}") + "  lifecycle {\n    create_before_destroy = true\n  }\n}\n")
    dns_stack.apply()
    dns_stack.apply("-replace=charon_dns_record.a")
    assert dns.sets(zone)[f"www.{zone}", "A"] == ["192.0.2.1"]
    assert len(dns.sets(zone)) == 2


@pytest.mark.parametrize("dns, says", [
    ("route53", ("Signature expired", "(the server's is ", "from ours)", "Set the clock")),
    ("bind+3930", ("its clock is 1h5m", " ahead", "that of this machine", "BADTIME", "Set the clock that is wrong")),
    # It tells of every fault of a signature alike.
    ("powerdns-updates+3930", ("refused the TSIG key", "NOTAUTH", "So have the clocks")),
], indirect=["dns"])
def test_a_wrong_clock_is_told(dns, dns_stack, zone, says):
    dns_stack.write(config(zone, {"a": {"name": "www", "type": "A", "values": ["192.0.2.1"]}}))
    if dns.sandbox is not None:
        dns.sandbox.sandbox.api.send("POST", "/_sandbox/time", {"advance": "30m"})
    errors = dns_stack.plan(fails=True).errors
    assert len(errors) == 1 and [text for text in says if text not in errors[0].text] == [], errors


WRONG = {
    "cloudflare": ({"CLOUDFLARE_API_TOKEN": "wrong-token-of-this-test"}, "api_token"),
    "route53": ({"AWS_SECRET_ACCESS_KEY": "wrong-secret-of-this-test"}, "credentials"),
    "powerdns": ({"PDNS_API_KEY": "wrong-key-of-this-test"}, "api_key"),
    "rfc2136": ({"DNS_UPDATE_KEYSECRET": "d3Jvbmcta2V5LW9mLXRoaXMtdGVzdA=="}, "tsig_secret"),
}


def test_wrong_credentials_are_told_and_no_secret_is(dns, dns_stack, zone, request):
    dns_stack.write(config(zone, {"a": {"name": "www", "type": "A", "values": ["192.0.2.1"]}}))
    wrong, says = WRONG[dns.backend]
    if request.node.callspec.params["dns"] != "moto":  # which verifies nothing
        errors = dns_stack.plan(fails=True, environment=wrong).errors
        assert len(errors) == 1 and says in errors[0].text, errors
    with dns_stack.watching_arguments():
        dns_stack.apply()
    secrets = [*wrong.values(), *(dns.environment[name] for name in wrong)]
    assert leaks.find(secrets, dns_stack.logs, dns_stack.plans, dns_stack.config, dns_stack.process_arguments()) == []


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_a_server_that_is_not_there_stops_no_plan(dns, dns_stack, zone):
    dns_stack.write(config(zone, {"a": {"name": "www", "type": "A", "values": ["192.0.2.1"]}}))
    away = {"CLOUDFLARE_BASE_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_ROUTE_53": "http://127.0.0.1:1", "PDNS_SERVER_URL": "http://127.0.0.1:1",
            "DNS_UPDATE_SERVER": "127.0.0.1", "DNS_UPDATE_PORT": "1"}
    environment = {name: value for name, value in away.items() if name in dns.environment}
    assert dns_stack.plan(environment=environment).actions == {"charon_dns_record.a": "create"}


# What other providers' resources have in their state: their source, its type, its attributes.
MOVES = {
    "cloudflare": [
        ("cloudflare/cloudflare", "cloudflare_record", lambda zone, id_: {
            "id": "0123456789abcdef0123456789abcdef", "zone_id": id_, "name": "www", "hostname": f"www.{zone}", "type": "A",
            "content": "198.51.100.1", "value": "198.51.100.1", "ttl": 1, "proxied": False}),
        ("cloudflare/cloudflare", "cloudflare_dns_record", lambda zone, id_: {
            "id": "0123456789abcdef0123456789abcdef", "zone_id": id_, "name": f"www.{zone}", "type": "A",
            "content": "198.51.100.1", "ttl": 1, "proxied": False}),
    ],
    "route53": [
        ("hashicorp/aws", "aws_route53_record", lambda zone, id_: {
            "id": f"{id_}_www.{zone}_A", "zone_id": id_, "name": "www", "fqdn": f"www.{zone}", "type": "A", "ttl": 300,
            "records": ["198.51.100.1"], "set_identifier": ""}),
    ],
    "powerdns": [
        ("pan-net/powerdns", "powerdns_record", lambda zone, id_: {
            "id": f"www.{zone}.:::A", "zone": id_, "name": f"www.{zone}.", "type": "A", "ttl": 300, "records": ["198.51.100.1"]}),
    ],
}


@pytest.mark.each_cli("what a user meets first")
def test_a_move_from_another_provider_plans_nothing(dns, dns_stack, zone):
    """`moved {}`, with the state file that there would be, and the record that the other provider made."""
    if dns.backend not in MOVES:
        pytest.skip("no other provider's resource of this service is taken over")
    id_ = dns.zone_id(zone)
    if dns.backend == "route53" and not id_.startswith("Z"):
        pytest.skip("moto's ids of zones are not as Route 53's")
    dns.put(zone, f"www.{zone}", "A", ["198.51.100.1"])
    host = REGISTRY[dns_stack.cli.name]
    for source, type_, attributes in MOVES[dns.backend]:
        dns_stack.write_file("terraform.tfstate", json.dumps({
            "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "11111111-2222-3333-4444-555555555555",
            "outputs": {}, "check_results": None,
            "resources": [{
                "mode": "managed", "type": type_, "name": "old", "provider": f'provider["{host}/{source}"]',
                "instances": [{"schema_version": 0, "attributes": attributes(zone, id_), "sensitive_attributes": []}],
            }],
        }))
        dns_stack.write(hcl.resource("charon_dns_record", "new", {
            "backend": dns.backend, "zone": id_, "name": f"www.{zone}", "type": "A", "values": ["198.51.100.1"]})
            + f"moved {{\n  from = {type_}.old\n  to   = charon_dns_record.new\n}}\n")
        plan = dns_stack.plan()
        assert plan.actions in ({"charon_dns_record.new": "move"}, {}), dns_stack.show(plan)
        assert plan.summary["change"] == plan.summary["add"] == plan.summary["remove"] == 0
        dns_stack.apply()
        assert dns.sets(zone) == {(f"www.{zone}", "A"): ["198.51.100.1"]}
    dns_stack.destroy()
    assert dns.sets(zone) == {}


# --- Limits: kills, faults and lost replies are in dns_crash_test.py ------------------------------------


@pytest.mark.parametrize("dns", ["cloudflare", "route53"], indirect=True)
def test_rate_limits_are_waited_for(dns, dns_stack, zone, troubled):
    records = {f"r{i}": {"name": f"r{i}", "type": "A", "values": [f"192.0.2.{i}"]} for i in range(3)}
    dns_stack.write(config(zone, records))
    if dns.backend == "cloudflare":
        troubled.fault(action="status", code=429, retry_after=1, method="POST", path="batch", nth=1)
    else:
        troubled.fault(action="status", code=400, message="Throttling: Rate exceeded", method="POST", path="rrset", nth=1)
        troubled.fault(action="status", code=400, message="PriorRequestNotComplete: still at it", method="POST", path="rrset", nth=2)
    dns_stack.apply()
    assert len(dns.sets(zone)) == 3


def test_two_hundred_records_of_a_real_server_are_few_requests(dns, dns_stack, zone, dns_front):
    if dns.sandbox is not None or dns.backend == "route53":
        pytest.skip("said of the sandbox below")
    dns_stack.trace = False
    dns_front.on(proxy.everything, proxy.Delay(0.03), None)
    dns_stack.write(many(zone, 200))
    plan = dns_stack.plan()
    dns_stack.run("apply", "-json", "-input=false", "-parallelism=100", str(plan.file))
    assert len(dns_front.writes()) <= 6, dns_front.writes()
    assert len(dns.sets(zone)) == 200
    before = len(dns_front.log())
    dns_stack.expect_empty()
    # Without a transfer it is one question a set; the zone, the transfer that is refused and the wildcard are asked for once.
    assert len(dns_front.log()) - before <= (4 if getattr(dns, "transfer", True) else 203)


# --- What the catalogue says about cost --------------------------------------------------------------


def many(zone: str, count: int) -> str:
    return hcl.resource("charon_dns_record", "r", {
        "count": count, "zone": zone, "name": hcl.Expression(f'"r${{count.index}}.{zone}"'), "type": "A", "values": hcl.Expression('["192.0.2.${count.index % 250 + 1}"]')})


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
@pytest.mark.parametrize("parallelism, writes", [(10, 25), (100, 4)])
def test_two_hundred_records_are_few_requests(dns, dns_stack, zone, troubled, parallelism, writes):
    troubled.fault(action="delay", delay_ms=30, percent=100)
    dns_stack.trace = False
    dns_stack.write(many(zone, 200))
    mark = troubled.mark()
    plan = dns_stack.plan()
    dns_stack.run("apply", "-json", "-input=false", f"-parallelism={parallelism}", str(plan.file))
    assert len(troubled.writes(mark)) <= writes, [str(r) for r in troubled.writes(mark)]
    assert len(dns.sets(zone)) == 200
    mark = troubled.mark()
    dns_stack.expect_empty()
    assert len(troubled.requests(mark)) <= 4, [str(r) for r in troubled.requests(mark)]


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_the_limit_of_a_zone_is_a_warning_and_then_an_error(dns, dns_stack, names, troubled):
    zone = f"{names('small')}.example"
    troubled.new_zone(zone, plan="free")
    # 200 fit. The plan says it, and the apply stops before the write.
    dns_stack.trace = False
    dns_stack.write(many(zone, 203))
    plan = dns_stack.plan()
    said = [w.text for w in plan.warnings]
    assert any("0 records" in text and "may have 200" in text for text in said), said
    result = dns_stack.run("apply", "-json", "-input=false", "-parallelism=100", str(plan.file), codes=(1,))
    assert len(result.errors) == 3 and all("may have 200" in error.text for error in result.errors)
    assert len(dns.sets(zone)) == 200


# --- Mistakes ------------------------------------------------------------------------------------------


@pytest.mark.each_cli("what a user meets first")
def test_bad_input_is_told_before_anything_is_asked(bare_stack):
    """One command says it all: each resource has its error at its attribute."""
    zone = "example.org"
    bad = {
        "outside": ({"name": "www.example.net", "type": "A", "values": ["192.0.2.1"]}, "outside the zone example.org"),
        "short": ({"name": "www", "type": "A", "values": ["192.0.2.1"]}, "www.example.org"),
        "apex": ({"backend": "rfc2136", "name": zone, "type": "CNAME", "values": ["a.example.net"]}, "apex"),
        "never": ({"name": f"a.{zone}", "type": "A", "values": ["192.0.2.1"], "ttl": 0}, "at least 1 second"),
        "text": ({"name": f"a.{zone}", "type": "TXT", "values": ['"' + "x" * 256 + '"']}, "txt_record"),
        "address": ({"name": f"a.{zone}", "type": "A", "values": ["300.1.1.1"]}, "IPv4 address"),
        "label": ({"name": f"{'x' * 64}.{zone}", "type": "A", "values": ["192.0.2.1"]}, "at most 63"),
        "mail": ({"name": f"a.{zone}", "type": "MX", "values": ["mail.example.org"]}, "10 mail.example.org"),
        "set": ({"name": f"a.{zone}", "type": "A", "values": ["192.0.2.1"], "set_id": "blue"}, '"set_id" needs "weight" or "failover"'),
        "health": ({"name": f"a.{zone}", "type": "A", "values": ["192.0.2.1"], "set_id": "blue", "weight": 1, "health_check_id": " "},
                   "none is a blank"),
        "network": ({"name": f"a.{zone}", "type": "A", "alias": {"name": "192.0.2.0/24", "zone_id": "Z1"}}, "only reverse zones"),
        "id": ({"name": f"a.{zone}", "type": "A", "alias": {"name": f"b.{zone}", "zone_id": ""}}, "1 to 32 characters"),
    }
    bare_stack.write("\n".join(hcl.resource("charon_dns_record", key, {"zone": zone, **of}) for key, (of, _) in bad.items()))
    found = {d.address.rpartition(".")[2]: d.text for d in bare_stack.validate(fails=True)}
    for key, (_, says) in bad.items():
        assert says in found.get(key, ""), (key, found)
    # And all that is wrong with one.
    bare_stack.write(hcl.resource("charon_dns_record", "r", {
        "zone": zone, "name": "www.example.net", "type": "A", "values": ["300.1.1.1", "192.0.2.1"], "ttl": 0}))
    found = {d.code.split("=")[0].strip(): d.text for d in bare_stack.validate(fails=True)}
    assert found.keys() == {"name", "values", "ttl"}, found
    for attribute, says in (("name", "outside the zone example.org"), ("values", "300.1.1.1"), ("ttl", "at least 1 second")):
        assert says in found[attribute], found


def test_a_mark_beyond_ascii_is_found_again(dns, dns_stack, zone):
    """Services store punycode; the plan, the change and the removal look for the same name."""
    def of(address):
        return config(zone, {"a": {"name": "f1", "type": "A", "values": [address], "ownership": {"owner_id": "home", "prefix": "Größe-"}}})

    mark = f"{'größe-a-f1'.encode('idna').decode()}.{zone}"
    dns_stack.write(of("192.0.2.1"))
    dns_stack.apply()
    dns_stack.expect_empty()
    assert dns.sets(zone).keys() == {(f"f1.{zone}", "A"), (mark, "TXT")}
    dns_stack.write(of("192.0.2.2"))
    assert dns_stack.apply().actions == {"charon_dns_record.a": "update"}
    assert dns.sets(zone).keys() == {(f"f1.{zone}", "A"), (mark, "TXT")}
    dns_stack.destroy()
    assert dns.sets(zone) == {}


def test_a_mark_whose_record_somebody_deleted(dns, dns_stack, zone):
    """It is still the resource's: made again beside it, given to another owner, removed."""
    def write(owner, *names):
        dns_stack.write(config(zone, {name: {"name": name, "type": "A", "values": ["192.0.2.1"], "ownership": {"owner_id": owner}} for name in names}))

    def expected(owner, *names):
        return {(f"{name}.{zone}", "A"): ["192.0.2.1"] for name in names} | {
            (f"a-{name}.{zone}", "TXT"): [f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource=charon_dns_record"'] for name in names}

    write("home", "stays", "goes")
    dns_stack.apply()
    for owner in ("home", "other"):
        dns.put(zone, f"stays.{zone}", "A", [])
        write(owner, "stays", "goes")
        assert dns_stack.apply().actions["charon_dns_record.stays"] == "update"
        assert dns.sets(zone) == expected(owner, "stays", "goes")
        dns_stack.expect_empty()
    dns.put(zone, f"goes.{zone}", "A", [])
    write("other", "stays")
    assert dns_stack.apply().actions == {"charon_dns_record.goes": "delete"}
    assert dns.sets(zone) == expected("other", "stays")
    dns.put(zone, f"stays.{zone}", "A", [])
    dns_stack.destroy()
    assert dns.sets(zone) == {}


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_the_prefix_of_an_apex_can_be_copied_from_the_error(dns, dns_stack, zone):
    """As it stands there: HCL takes "%{" for the start of a directive."""
    def of(**more):
        return hcl.resource("charon_dns_record", "a", {"zone": zone, "name": zone, "type": "A", "values": ["192.0.2.1"],
                                                       "ownership": {"owner_id": "home"} | more})

    dns_stack.write(of())
    errors = dns_stack.plan(fails=True).errors
    assert len(errors) == 1 and errors[0].code.startswith("ownership"), errors
    prefix = re.search(r'prefix = ("[^"]*")', errors[0].text).group(1)
    dns_stack.write(of(prefix=hcl.Expression(prefix)))
    dns_stack.apply()
    assert dns.sets(zone).keys() == {(zone, "A"), (f"a-owner.{zone}", "TXT")}


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_two_resources_for_one_set(dns, dns_stack, zone):
    dns_stack.write(config(zone, {
        "one": {"name": "www", "type": "A", "values": ["192.0.2.1"]},
        "two": {"name": "WWW", "type": "A", "values": ["192.0.2.2"]},
    }))
    errors = dns_stack.plan(fails=True).errors
    assert len(errors) == 1 and "nother resource of this configuration" in errors[0].text


@pytest.mark.parametrize("dns", ["cloudflare"], indirect=True)
def test_what_the_service_cannot_do_is_told_by_the_plan(dns, dns_stack, zone):
    """A type that it has in another form; a zone that neither is there nor comes (a warning, one for all of its records)."""
    made = hcl.resource("charon_dns_zone", "made", {"name": f"made.{zone}"})
    nowhere = "".join(hcl.resource("charon_dns_record", f"n{i}", {"zone": "nozone.example", "name": f"n{i}.nozone.example", "type": "A",
                                                                 "values": ["192.0.2.1"]}) for i in range(2))
    there = hcl.resource("charon_dns_record", "there", {"zone": hcl.Expression("charon_dns_zone.made.name"), "name": f"www.made.{zone}",
                                                        "type": "A", "values": ["192.0.2.1"]})
    dns_stack.write(made + nowhere + there)
    warnings = dns_stack.plan().warnings
    assert [("nozone.example" in w.text, w.code.split()[0]) for w in warnings] == [(True, "zone")], warnings
    dns_stack.write(config(zone, {"loc": {"name": "loc", "type": "LOC", "values": ["52 22 23.000 N 4 53 32.000 E -2.00m"]}}))
    errors = dns_stack.plan(fails=True).errors
    assert len(errors) == 1 and "takes LOC records in a form of its own" in errors[0].text and errors[0].code.startswith("type"), errors

"""`import {}` blocks for names and the VPN: what others made is taken over, with configuration of ours or written by the program."""

import re

import pytest

from harness import hcl
from harness.hcl import Expression
from harness.nameservers import Cloudflare


def import_(to, id_, **more):
    return hcl.block("import", {**more, "to": Expression(to), "id": id_})


@pytest.mark.sandbox_only("about the program")
@pytest.mark.versions("0.29")
def test_import_blocks_of_everything_at_once(vpn_stack, headscale, cloudflare, sandbox, names):
    zone, owner = f"{names('z')}.example", headscale.new_user(names("owner"))
    dns = Cloudflare(sandbox)
    dns.new_zone(zone)
    dns.put(zone, zone, "TXT", ['"v=spf1 -all"'])
    for number in range(3):
        dns.put(zone, f"r{number}.{zone}", "A", [f"192.0.2.{number}"])
    machine = headscale.machine(names("host"))
    machine.register(headscale.new_key(owner), routes=("10.1.0.0/16",))
    headscale.approve(machine.id, "10.1.0.0/16")
    headscale.set_policy('{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}')
    headscale.new_key(owner)
    keys = headscale.keys(owner)
    before = dns.sets(zone)
    vpn_stack.environment |= cloudflare.environment
    vpn_stack.write(
        # Ours are three records and the node; the rest has no configuration yet.
        hcl.resource("charon_dns_record", "r", {
            "for_each": Expression('toset(["0", "1", "2"])'), "zone": zone, "name": Expression(f'"r${{each.key}}.{zone}"'), "type": "A",
            "values": Expression('["192.0.2.${each.key}"]')})
        + hcl.resource("charon_vpn_node", "host", {"hostname": machine.hostname, "user": owner, "routes": ["10.1.0.0/16"]})
        + import_("charon_dns_record.r[each.key]", Expression(f'"cloudflare/{zone}/r${{each.key}}.{zone}/A"'),
                  for_each=Expression('toset(["0", "1", "2"])'))
        + import_("charon_vpn_node.host", machine.id) + import_("charon_vpn_user.owner", owner) + import_("charon_vpn_policy.all", "policy")
        + import_("charon_vpn_preauth_key.k", keys[-1]["id"])
        + import_("charon_dns_zone.z", f"cloudflare/{zone}") + import_("charon_dns_record.txt", f"cloudflare/{zone}/{zone}/TXT"))
    plan = vpn_stack.plan("-generate-config-out=generated.tf")
    counts = {key: plan.summary[key] for key in ("import", "add", "change", "remove")}
    assert counts == {"import": 9, "add": 0, "change": 0, "remove": 0}, vpn_stack.show(plan)
    vpn_stack.run("apply", "-json", "-input=false", str(plan.file))
    vpn_stack.expect_empty()
    assert vpn_stack.state()["charon_vpn_node.host"]["id"] == machine.id and dns.sets(zone) == before
    assert headscale.keys(owner) == keys


@pytest.mark.one_cli("what is said is the provider's")
def test_a_plan_says_what_an_imported_namespace_keeps(stack, cluster, names):
    """It is shown as removed, since the configuration lacks it; others own it, so it stays."""
    name = names("n")
    labels = {"team": "x", "pod-security.kubernetes.io/enforce": "baseline", "both": "1"}
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace",
                        "metadata": {"name": name, "labels": labels, "annotations": {"example.com/a": "b"}}})
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "labels": {"both": "1"}})
                + hcl.block("import", {"to": hcl.Expression("charon_tier_namespace.x"), "id": name}))
    (warning,) = stack.plan().warnings
    assert warning.summary == f"Namespace {name} keeps what others wrote" and warning.code.startswith("name"), warning
    assert re.findall(r'metadata\.\w+\["[^"]+"\]', warning.detail) == [
        'metadata.labels["pod-security.kubernetes.io/enforce"]', 'metadata.labels["team"]', 'metadata.annotations["example.com/a"]']
    stack.apply()
    live = cluster.get("Namespace", None, name)["metadata"]
    assert labels.items() <= live["labels"].items() and live["annotations"]["example.com/a"] == "b"
    # What others have not written goes, and is no news.
    more = {"both": "1", "ours": "1"}
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name, "labels": more}))
    stack.apply()
    stack.run("state", "rm", "charon_tier_namespace.x")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": name})
                + hcl.block("import", {"to": hcl.Expression("charon_tier_namespace.x"), "id": name}))
    (warning,) = stack.plan().warnings
    assert '"both"' in warning.detail and '"ours"' not in warning.detail, warning
    stack.apply()
    assert more.keys() & cluster.get("Namespace", None, name)["metadata"]["labels"].keys() == {"both"}
    stack.expect_empty()
    stack.destroy()

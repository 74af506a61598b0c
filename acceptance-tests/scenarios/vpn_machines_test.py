"""Machines that come, go and come back as others, and the records that follow them: with real tailscaled where the server
is real."""

import datetime
from typing import Any

import pytest

STALE = 1.0  # seconds


def offline_for(node: dict[str, Any]) -> float:
    """Seconds since it was seen last; 0 for one that is online."""
    seen = datetime.datetime.fromisoformat(node["lastSeen"][:19] + "+00:00")
    # The server's time has fractions, which are cut off.
    return 0 if node["online"] else (datetime.datetime.now(datetime.UTC) - seen).total_seconds() - 1


@pytest.fixture
def machines_stack(vpn_stack, headscale, cloudflare, names):
    """A stack with two hosts, their nodes and their records."""
    vpn_stack.environment |= cloudflare.environment
    cloudflare.new_zone("example.org")
    vpn_stack.hosts = [names("web"), names("webb")]  # One name is the beginning of the other.
    vpn_stack.write("\n".join(f"""
resource "charon_vpn_node" "n{i}" {{
  hostname          = "{host}"
  purge_stale_after = "{STALE:.0f}s"
  timeouts          = {{ create = "90s" }}
}}
resource "charon_dns_record" "n{i}" {{
  zone   = "example.org"
  name   = "{host}.example.org"
  type   = "A"
  ttl    = 300
  values = [charon_vpn_node.n{i}.ipv4]
}}
""" for i, host in enumerate(vpn_stack.hosts)))
    return vpn_stack


@pytest.mark.one_cli("what the servers do does not depend on it")
def test_a_node_is_kept_followed_and_its_twin_removed(machines_stack, headscale, cloudflare, names):
    stack = machines_stack
    key = headscale.new_key(headscale.new_user(names("u")))
    machines = [headscale.machine(host) for host in stack.hosts]
    for machine in machines:
        machine.register(key)
    bystander = headscale.machine(f"{stack.hosts[0]}-other")
    bystander.register(key)
    bystander.offline()

    def address(i):
        return cloudflare.values("example.org", f"{stack.hosts[i]}.example.org", "A")

    stack.apply()
    first = [m.id for m in machines]
    assert [stack.state()[f"charon_vpn_node.n{i}"]["id"] for i in (0, 1)] == first
    assert [address(i) for i in (0, 1)] == [[m.ipv4] for m in machines]

    # A new pod with the old state: the same node, and nothing to do.
    machines[1].offline()
    machines[1].online()
    headscale.eventually(lambda: machines[1].node["online"], "the machine to be back")
    # A new pod without it: another node, and the old one stays behind.
    before = machines[0].ipv4
    machines[0].forget()
    machines[0].register(key)
    assert machines[0].id != first[0] and machines[0].ipv4 != before
    headscale.eventually(lambda: offline_for(headscale.node(first[0])) > STALE, "the old node to be stale")

    plan = stack.apply()
    assert set(plan.actions) == {"charon_vpn_node.n0", "charon_dns_record.n0"}
    assert stack.state()["charon_vpn_node.n0"]["id"] == machines[0].id
    assert stack.state()["charon_vpn_node.n1"]["id"] == first[1]
    assert address(0) == [machines[0].ipv4]
    assert [n["id"] for n in headscale.nodes_of_host(stack.hosts[0])] == [machines[0].id]
    # Hosts of similar names are others.
    assert bystander.node is not None and machines[1].node is not None

    stack.destroy()
    assert machines[0].node is None and machines[1].node is None and bystander.node is not None
    assert cloudflare.records("example.org") == []

"""Lists and actions of the VPN, which the Terraform at hand (1.11) does not have: the program is asked directly."""

import time

import pytest

from harness.plugin import UNKNOWN, Plugin, decode

pytestmark = pytest.mark.one_cli("the program under test is asked directly")


@pytest.fixture
def plugin(folder, headscale, vpn_stack):
    with Plugin(vpn_stack.provider, folder / "plugin", headscale.environment) as running:
        running.configure({})
        yield running


def said(events):
    kinds = [event.WhichOneof("type") for event in events]
    assert kinds[-1] == "completed" and set(kinds[:-1]) <= {"progress"}
    assert list(events[-1].completed.diagnostics) == []
    return [event.progress.message for event in events[:-1]]


def test_nodes_are_listed_expired_and_purged(plugin, headscale, names):
    owner = headscale.new_user(names("u"))
    key = headscale.new_key(owner)
    host, other, similar = headscale.machine(names("host")), headscale.machine(names("other")), headscale.machine(names("host") + "-1")
    for machine in (host, other, similar):
        machine.register(key)
    first = host.id

    events = list(plugin.list_resource("charon_vpn_node", {"user": owner}))
    assert {decode(e.identity.identity_data.msgpack)["id"] for e in events} == {host.id, other.id, similar.id}
    events = list(plugin.list_resource("charon_vpn_node", {"user": owner}, include=True, limit=1))
    (resource,) = [decode(e.resource_object.msgpack) for e in events]
    assert resource["user"] == owner and resource["ipv4"].startswith("100.64.")
    assert list(plugin.list_resource("charon_vpn_node", {"tag": f"tag:{names('none')}"})) == []

    similar.offline()
    host.forget()
    for machine_id in (first, similar.id):
        headscale.eventually(lambda: not headscale.node(machine_id)["online"], "the machines to be offline", 60)
    host.register(key)
    time.sleep(1.1)
    assert said(plugin.invoke_action("charon_vpn_purge_stale", {"older_than": "1h", "user": owner})) == ["No node is stale"]
    lines = said(plugin.invoke_action("charon_vpn_purge_stale", {"older_than": "1s", "user": owner}))
    assert len(lines) == 2 and f"(id {first})" in lines[0] and lines[1] == "Removed 1 node"
    assert headscale.node(first) is None and host.node and similar.node and other.node

    (line,) = said(plugin.invoke_action("charon_vpn_node_expire", {"node_id": other.id}))
    assert f"(id {other.id}) is logged out" in line
    assert other.node["expiry"] not in (None, "0001-01-01T00:00:00Z")
    events = plugin.invoke_action("charon_vpn_node_expire", {"node_id": "999999"})
    (diagnostic,) = events[-1].completed.diagnostics
    assert "no node with id 999999" in diagnostic.detail.lower().replace("there is ", "")


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.versions("0.29")
def test_actions_plan_with_unknown_configuration(plugin):
    for action, config in (("charon_vpn_node_expire", {"node_id": UNKNOWN}), ("charon_vpn_purge_stale", {"older_than": UNKNOWN})):
        block = plugin.schema.action_schemas[action].schema.block
        value = plugin.value(block, config)
        plugin.ask("ValidateActionConfig", type_name=action, config=value)
        plugin.ask("PlanAction", action_type=action, config=value)

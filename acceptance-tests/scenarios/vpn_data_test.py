"""What is asked about the VPN, and what is said about wrong configurations of it."""

import http.server
import threading

import pytest

from harness import hcl
from harness.hcl import Expression

pytestmark = pytest.mark.one_cli("about the provider and the server")


@pytest.mark.each_cli("what a user meets first")
def test_what_there_is(vpn_stack, headscale, names):
    owner, idle, route = headscale.new_user(names("u")), headscale.new_user(names("idle")), names.network
    machine, off = headscale.machine(names("host")), headscale.machine(names("off"))
    key = headscale.new_key(owner)
    machine.register(key, routes=(route,))
    off.register(key)
    headscale.wait_for_routes(machine.id, route)
    headscale.approve(machine.id, route)
    off.offline()
    headscale.eventually(lambda: not off.node["online"], "the machine to be offline", 60)
    mark = headscale.mark()
    vpn_stack.write(
        hcl.block('data "charon_vpn_server" "this"', {})
        + hcl.block('data "charon_vpn_node" "one"', {"hostname": machine.hostname})
        + hcl.block('data "charon_vpn_nodes" "offline"', {"online": False, "user": owner})
        + hcl.block('data "charon_vpn_users" "all"', {})
        + "".join(hcl.block(f'output "{name}"', {"value": Expression(value)}) for name, value in {
            "server": "data.charon_vpn_server.this",
            # A node is seen again between two plans.
            "node": '{ for name, value in data.charon_vpn_node.one : name => value if name != "last_seen" }',
            "offline": "keys(data.charon_vpn_nodes.offline.nodes)",
            "users": f'[for n in ["{owner}", "{idle}"] : data.charon_vpn_users.all.users[n].nodes]'}.items()))
    vpn_stack.apply()
    outputs = vpn_stack.state().outputs
    assert outputs["server"]["dialect"] == (headscale.version if not headscale.is_old else "0.23")
    assert outputs["server"]["endpoint"] == headscale.endpoint
    assert len(outputs["server"]["next_changes"]) >= 2 and outputs["server"]["next_version"] == f"0.{int(headscale.version[2:]) + 1}"
    assert outputs["node"]["online"] and outputs["node"]["ipv4"] == machine.ipv4 and outputs["node"]["user"] == owner
    assert outputs["node"]["approved_routes"] == outputs["node"]["served_routes"] == [route]
    assert outputs["offline"] == [off.node["givenName"]]
    assert outputs["users"] == [sorted([machine.id, off.id]), []]
    if headscale.counts_requests:
        lists = [r.path for r in headscale.requests(mark) if r.path in ("/api/v1/node", "/api/v1/user")]
        assert len(lists) <= 2 * 4, "one list of nodes and one of users for each command"


def test_wrong_servers_and_keys_are_told_apart(vpn_stack, headscale):
    vpn_stack.write(hcl.block('data "charon_vpn_users" "all"', {}))

    class Website(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *_):
            pass

    website = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Website)
    threading.Thread(target=website.serve_forever, daemon=True).start()
    wrong = "hskey-api-wrongwrong12-" + 64 * "x" if headscale.version == "0.29" else "abcdefg." + 43 * "x"
    for environment, said in (
        ({"HEADSCALE_API_KEY": wrong}, ("refused the API key (HTTP ", "headscale apikeys create")),
        ({"HEADSCALE_ENDPOINT": f"http://127.0.0.1:{website.server_port}"}, ("is not a Headscale server", "headscale.endpoint")),
        ({"HEADSCALE_ENDPOINT": ""}, ("does not know the URL of the Headscale server", "HEADSCALE_ENDPOINT")),
        ({"HEADSCALE_API_KEY": ""}, ("does not know the API key", "HEADSCALE_API_KEY")),
        ({"HEADSCALE_ENDPOINT": "vpn.example.org"}, ("headscale.endpoint", "https://vpn.example.org")),
    ):
        plan = vpn_stack.plan(fails=True, environment=environment)
        assert plan.says(*said), (environment, plan)
        assert wrong not in plan.stdout
    website.shutdown()
    website.server_close()


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.versions("0.29")
def test_bad_input_is_refused_where_it_is(vpn_stack, headscale):
    """All of it in one go, each at its attribute, and nothing is asked."""
    bad = {
        ("charon_vpn_user", "name"): ({"name": "9lives"}, "starts with a letter"),
        ("charon_vpn_user", "name "): ({"name": "group:ops"}, "would be read as a group"),
        ("charon_vpn_user", "display_name"): ({"name": "ok", "display_name": ""}, "Must have 1 to 255 characters"),
        ("charon_vpn_node", "tags"): ({"hostname": "h", "tags": ["infra"]}, 'Write "tag:infra"'),
        ("charon_vpn_node", "routes"): ({"hostname": "h", "routes": ["10.1.0.7/24"]}, 'Write "10.1.0.0/24"'),
        ("charon_vpn_node", "routes "): ({"hostname": "h", "routes": ["0.0.0.0/0"]}, "exit_node = true"),
        ("charon_vpn_node", "expiry"): ({"hostname": "h", "expiry": "in a week"}, "is no time such as"),
        ("charon_vpn_node", "given_name"): ({"hostname": "h", "given_name": "Not a label"}, "given_name"),
        ("charon_vpn_node", "hostname"): ({"tags": ["tag:infra"]}, "Set hostname, node_id or machine_key"),
        ("charon_vpn_node", "node_id"): ({"node_id": ""}, "Must have 1 to 20 characters"),
        ("charon_vpn_node", "machine_key"): ({"machine_key": "x"}, "Must have 5 to 100 characters"),
        ("charon_vpn_node", "on_missing"): ({"hostname": "h", "on_missing": "cry"}, "plan_reenrol"),
        ("charon_vpn_node", "purge_stale_after"): ({"hostname": "h", "purge_stale_after": "1d"}, "purge_stale_after"),
        ("charon_vpn_node", "wait"): ({"hostname": "h", "wait": "perhaps"}, "wait"),
        ("charon_vpn_preauth_key", "user"): ({"expose_key": True}, "Set user, or tags"),
        ("charon_vpn_preauth_key", "renew_before"): ({"user": "u", "expose_key": True, "renew_before": "2h"}, "shorter than expires_in"),
        ("charon_vpn_preauth_key", "expires_in"): ({"user": "u", "expose_key": True, "expires_in": "1 day"}, "expires_in"),
    }
    vpn_stack.write("".join(hcl.resource(kind, f"r{n}", attributes) for n, ((kind, _), (attributes, _)) in enumerate(bad.items())))
    found = vpn_stack.validate(fails=True)
    for n, ((kind, attribute), (_, said)) in enumerate(bad.items()):
        texts = [f"{d.code} {d.text}" for d in found if d.address in ("", f"{kind}.r{n}")]
        assert any(said in text for text in texts), f"{kind}.{attribute} of r{n}: {said!r} is not in {texts}"
    # An import block may bring it: only the plan of a new one can tell.
    vpn_stack.write(hcl.resource("charon_vpn_preauth_key", "lost", {"user": "u"}))
    assert vpn_stack.plan(fails=True).says("deliver_to", "the server shows it once")
    for argument, text, said in (("endpoint", "vpn.example.org", "must be a URL such as"), ("dialect", "0.22", "begins with 0.23"),
                                 ("dialect", "newest", "is no version of Headscale"), ("ca", "ca.pem", "be PEM text")):
        vpn_stack.write(hcl.block('provider "charon"', {"headscale": {argument: text}}) + hcl.block('data "charon_vpn_server" "this"', {}))
        plan = vpn_stack.plan(fails=True)
        assert plan.says(said), plan

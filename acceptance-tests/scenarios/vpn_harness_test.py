"""The VPN fixtures themselves: one interface over the sandbox and real servers, played machines and real ones."""

import http.client
import urllib.parse

import pytest


def test_a_machine_registers_moves_and_goes(headscale, names):
    user, host = headscale.new_user(names("u")), names("host")
    key = headscale.new_key(user)
    machine = headscale.machine(host)
    node = machine.register(key, routes=("10.1.0.0/16",))
    assert node["givenName"] == host
    assert machine.ipv4.startswith("100.64.")
    headscale.wait_for_routes(machine.id, "10.1.0.0/16")
    headscale.approve(machine.id, "10.1.0.0/16")
    assert headscale.approved_routes(machine.id) == ["10.1.0.0/16"]
    machine.logout()
    headscale.eventually(lambda: machine.node["expiry"] not in (None, "0001-01-01T00:00:00Z"), "the logout")
    # As curl -X POST sends it: neither a body nor its length.
    server = urllib.parse.urlsplit(headscale.endpoint)
    connection = http.client.HTTPConnection(server.hostname, server.port, timeout=10)
    connection.putrequest("POST", f"{server.path.rstrip('/')}/api/v1/node/{machine.id}/expire")
    connection.putheader("Authorization", f"Bearer {headscale.environment['HEADSCALE_API_KEY']}")
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()
    headscale.delete_node(machine.id)
    assert machine.node is None
    assert [k["reusable"] for k in headscale.keys(user)] == [True]


@pytest.mark.versions("0.29")
@pytest.mark.sandbox_only("the others have no log of requests")
def test_requests_are_told_apart(headscale, cluster, names):
    assert headscale.sandbox is cluster
    mark = headscale.mark()
    headscale.new_user(names("u"))
    assert headscale.requests(mark) == []  # The harness's own.
    headscale.fault(action="status", code=500, path="/user", times=1)
    assert headscale.send("GET", "user")[0] == 500
    assert cluster.api.send("GET", "/api/v1/namespaces")[0] == 200
    assert headscale.send("GET", "user")[0] == 200

"""The DNS fixtures themselves: what the sandbox's Cloudflare and Route 53 hold, and whose requests are whose."""

import json
import urllib.request


def ask(cloudflare, method, path, body=None):
    request = urllib.request.Request(
        cloudflare.record["base_url"] + path, method=method, data=body and json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {cloudflare.record['api_token']}"})
    return json.load(urllib.request.urlopen(request))["result"]


def test_zones_and_their_records_are_read_back(cloudflare, route53):
    zone = cloudflare.new_zone("example.org", plan="pro")
    mark = cloudflare.mark()
    ask(cloudflare, "POST", f"/zones/{zone}/dns_records", {"name": "www", "type": "A", "content": "192.0.2.1", "ttl": 60})
    assert cloudflare.values("example.org", "www.example.org", "A") == ["192.0.2.1"]
    assert [(r.method, r.code) for r in cloudflare.writes(mark)] == [("POST", 200)]
    route53.new_zone("example.org")
    assert [s["type"] for s in route53.sets("example.org")] == ["NS", "SOA"]
    assert route53.requests(mark) == []

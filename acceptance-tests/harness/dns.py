"""Cloudflare and Route 53 as the sandbox plays them, seen past the provider."""

import json
import pathlib
from typing import Any

from harness.clusters import Request, SandboxCluster
from harness.errors import HarnessError


class SandboxDns:
    """What both have in common: a control API, a request log, faults."""

    api: str
    file: str

    def __init__(self, sandbox: SandboxCluster):
        self.sandbox = sandbox
        self.record = json.loads((pathlib.Path(sandbox.folder) / self.file).read_text())

    def act(self, do: str, **more: Any) -> Any:
        """What the control API offers: see ../sandbox/README.md."""
        code, answer = self.sandbox.api.send("POST", f"/_sandbox/{self.api}", {"do": do, **more})
        if code != 200:
            raise HarnessError(f"{do}: {code} {answer}")
        return answer

    def new_zone(self, name: str, **more: Any) -> str:
        """A zone of somebody else's making; its id."""
        return self.act("zone", name=name, **more)["id"]

    def zones(self) -> list[dict[str, Any]]:
        code, answer = self.sandbox.api.send("GET", f"/_sandbox/{self.api}")
        if code != 200:
            raise HarnessError(f"{self.api}: {code} {answer}")
        return answer

    def zone(self, name: str) -> dict[str, Any] | None:
        return next((z for z in self.zones() if z["name"].rstrip(".") == name.rstrip(".")), None)

    def fault(self, **fault: Any) -> None:
        self.sandbox.fault(self.api, **fault)

    def mark(self) -> int:
        return self.sandbox.mark()

    def requests(self, since: int = 0) -> list[Request]:
        return self.sandbox.requests_of(self.api, since)

    def writes(self, since: int = 0) -> list[Request]:
        return [r for r in self.requests(since) if r.method != "GET"]


class SandboxCloudflare(SandboxDns):
    api = "cloudflare"
    file = "cloudflare.json"

    @property
    def environment(self) -> dict[str, str]:
        return {"CLOUDFLARE_API_TOKEN": self.record["api_token"], "CLOUDFLARE_BASE_URL": self.record["base_url"]}

    def records(self, zone: str) -> list[dict[str, Any]]:
        return self.zone(zone)["records"]

    def values(self, zone: str, name: str, type_: str) -> list[str]:
        """Contents by name and type, sorted."""
        return sorted(r["content"] for r in self.records(zone) if (r["name"], r["type"]) == (name, type_))


class SandboxRoute53(SandboxDns):
    api = "route53"
    file = "route53.json"

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_ROUTE_53": self.record["endpoint"], "AWS_ACCESS_KEY_ID": self.record["access_key"],
                "AWS_SECRET_ACCESS_KEY": self.record["secret_key"], "AWS_EC2_METADATA_DISABLED": "true"}

    def sets(self, zone: str) -> list[dict[str, Any]]:
        return self.zone(zone)["sets"]

    def values(self, zone: str, name: str, type_: str) -> list[str]:
        found = [s for s in self.sets(zone) if (s["name"], s["type"]) == (name.rstrip(".") + ".", type_)]
        return sorted(value for one in found for value in one["values"])

"""AWS credentials as every AWS tool finds them, from services that the test plays; the sandbox's Route 53 verifies each
signature."""

import http.server
import json
import threading
import urllib.parse

import pytest

from harness import hcl, leaks

pytestmark = pytest.mark.one_cli("about the provider and the service")
IDENTITY = "web-identity-token-of-this-test"
CONTAINER = "container-token-of-this-test"
INSTANCE = "instance-token-of-this-test"
SESSION = "session-token-of-this-test"
ROLE = "arn:aws:iam::123456789012:role/dns"
FOUND = "/latest/meta-data/iam/security-credentials/"


class Amazon(http.server.ThreadingHTTPServer):
    """STS, a container's endpoint and an instance's metadata service, with one key for everybody."""

    daemon_threads = True

    def __init__(self, access_key: str, secret_key: str):
        self.access_key, self.secret_key = access_key, secret_key
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Amazon)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str, headers, body: str) -> tuple[int, str]:
        document = json.dumps({"Code": "Success", "AccessKeyId": self.access_key, "SecretAccessKey": self.secret_key,
                               "Token": SESSION, "Expiration": "2099-01-01T00:00:00Z"})
        match method, path:
            case "POST", "/":
                form = dict(urllib.parse.parse_qsl(body))
                self.asked.append(form["Action"])
                known = form.get("WebIdentityToken") == IDENTITY or f"Credential={self.access_key}/" in headers.get("Authorization", "")
                if form["RoleArn"] != ROLE or not known:
                    return 403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no such role for you</Message></Error></ErrorResponse>"
                return 200, (f"<{form['Action']}Response><{form['Action']}Result><Credentials><AccessKeyId>{self.access_key}</AccessKeyId>"
                             f"<SecretAccessKey>{self.secret_key}</SecretAccessKey><SessionToken>{SESSION}</SessionToken>"
                             f"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{form['Action']}Result></{form['Action']}Response>")
            case "GET", "/container":
                self.asked.append("container")
                return (200, document) if headers.get("Authorization") == CONTAINER else (401, "")
            case "PUT", "/latest/api/token":
                return (200, INSTANCE) if headers.get("X-aws-ec2-metadata-token-ttl-seconds") else (400, "")
            case "GET", _ if path.startswith(FOUND) and headers.get("X-aws-ec2-metadata-token") == INSTANCE:
                self.asked.append("instance")
                return (200, document) if path == FOUND + "dns-role" else (200, "dns-role")
        return 404, ""


class _Amazon(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        code, text = self.server.answer(self.command, self.path, self.headers, body)
        self.send_response_only(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = handle_one


@pytest.mark.parametrize("dns", ["route53"], indirect=True)
def test_every_way_to_credentials(dns, dns_stack, names, folder):
    zone = f"{names('z')}.example"
    dns.new_zone(zone)
    amazon = Amazon(dns.access_key, dns.secret_key)
    (folder / "identity").write_text(IDENTITY + "\n")
    (folder / "container").write_text(CONTAINER)
    (folder / "config").write_text(
        f"[profile web]\nrole_arn = {ROLE}\nweb_identity_token_file = {folder / 'identity'}\n"
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\n"
        f"[profile base]\naws_access_key_id = {dns.access_key}\naws_secret_access_key = {dns.secret_key}\n"
        f"[profile wrong]\nrole_arn = {ROLE}-of-others\nweb_identity_token_file = {folder / 'identity'}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        del dns_stack.environment[name]
    nobody = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_STS": amazon.url,
              "AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    ways = {
        "AssumeRoleWithWebIdentity": {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "identity")},
        "AssumeRoleWithWebIdentity by profile": {"AWS_PROFILE": "web"},
        "AssumeRole": {"AWS_PROFILE": "role"},
        "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{amazon.url}/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER},
        "container by file": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{amazon.url}/container",
                              "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(folder / "container")},
        "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": amazon.url},
    }
    dns_stack.write(hcl.resource("charon_dns_record", "a", {
        "backend": "route53", "zone": zone, "name": f"www.{zone}", "type": "A", "values": ["192.0.2.1"]}))
    for number, (way, environment) in enumerate(ways.items()):
        amazon.asked.clear()
        if number == 0:
            dns_stack.apply(checked=False, environment=nobody | environment)
            assert dns.sets(zone) == {(f"www.{zone}", "A"): ["192.0.2.1"]}
        else:
            dns_stack.expect_empty(environment=nobody | environment)
        # Asked for, and once in a run.
        assert set(amazon.asked) == {way.partition(" ")[0]} and len(amazon.asked) <= 2, (way, amazon.asked)
    for environment, says in (({"AWS_PROFILE": "wrong"}, "AccessDenied no such role for you"),
                              ({"AWS_PROFILE": "nobody"}, 'there is no profile "nobody"'),
                              ({"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "none")}, "cannot be read"),
                              ({}, "an instance's metadata")):
        errors = dns_stack.plan(fails=True, environment=nobody | environment).errors
        assert len(errors) == 1 and says in errors[0].text, errors
    secrets = [dns.secret_key, IDENTITY, CONTAINER, INSTANCE, SESSION]
    assert leaks.find(secrets, dns_stack.logs, dns_stack.plans, dns_stack.config) == []
    amazon.shutdown()
    amazon.server_close()

import http.client
import http.server
import json
import socket
import ssl
import threading
import time

import pytest

from harness import certificates, proxy
from harness.proxy import Answer, Call, Cut, Delay, Drop, Hang, Proxy


class Server(http.server.ThreadingHTTPServer):
    """Keeps what it was asked; a GET with watch=1 gets an event whenever `events` has one."""

    daemon_threads = True

    def __init__(self, folder):
        authority = certificates.Authority()
        self.ca_file = folder / "server-ca.crt"
        self.ca_file.write_bytes(authority.pem)
        super().__init__(("127.0.0.1", 0), Handler)
        context = certificates.server_context(authority.issue(), folder, "server")
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.seen = []
        self.connections = set()
        self.events = []
        self.left = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, body, dict(self.headers)))
        self.server.connections.add(self.client_address)
        if "watch=1" in self.path:
            return self.watch()
        answer = json.dumps({"you sent": body.decode(), "padding": "x" * 1000}).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    def watch(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                while self.server.events:
                    event = self.server.events.pop(0)
                    if event is None:
                        self.wfile.write(b"0\r\n\r\n")
                        return
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                # The peer's end shows as readable without data.
                self.connection.settimeout(0.01)
                try:
                    if self.connection.recv(1) == b"":
                        raise OSError
                except (TimeoutError, ssl.SSLWantReadError):
                    pass
        except OSError:
            self.server.left.set()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def front(server, tmp_path):
    with Proxy(server.url, server.ca_file, tmp_path / "proxy") as running:
        yield running


class Client:
    """One connection that is not mended: what happened to it is the test."""

    def __init__(self, front):
        host, port = front.url.removeprefix("https://").split(":")
        context = ssl.create_default_context(cafile=str(front.ca_file))
        self.connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=5)

    def __call__(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def client(front):
    client = Client(front)
    yield client
    client.connection.close()


LOST = (http.client.HTTPException, ConnectionError, ssl.SSLError)


def test_passes_requests_on_unchanged(front, client, server):
    headers = {"Authorization": "Bearer t", "Content-Type": "application/json", "User-Agent": "me"}
    status, body = client("POST", "/api/v1/x?fieldManager=m&force=true", b'{"a": 1}', headers)
    assert status == 201 and json.loads(body)["you sent"] == '{"a": 1}'
    method, path, body, seen = server.seen[0]
    assert (method, path, body) == ("POST", "/api/v1/x?fieldManager=m&force=true", b'{"a": 1}')
    assert {k.lower(): v for k, v in seen.items()}.items() >= {k.lower(): v for k, v in headers.items()}.items()


def test_keeps_connections_on_both_sides(client, server, front):
    for _ in range(5):
        client("GET", "/")
    assert len(server.connections) == 1 and len(front.log()) == 5


def test_counts_writes_but_not_what_only_looks_like_one(client, front):
    client("GET", "/a")
    client("PATCH", "/b?dryRun=All", b"{}")
    client("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", b"{}")
    client("PATCH", "/c", b"{}")
    client("DELETE", "/d")
    assert [(e.write, e.path) for e in front.writes()] == [(1, "/c"), (2, "/d")]
    assert [e.number for e in front.log()] == [1, 2, 3, 4, 5]
    assert front.log()[1].is_dry_run


def test_answers_instead_of_the_server(client, front, server):
    front.on(proxy.write(2), proxy.busy(7))
    assert client("POST", "/1", b"")[0] == 201
    client.connection.request("POST", "/2", b"")
    response = client.connection.getresponse()
    assert response.status == 429 and response.getheader("Retry-After") == "7"
    assert json.loads(response.read())["reason"] == "TooManyRequests"
    assert client("POST", "/3", b"")[0] == 201  # once, and the connection lives on
    assert [path for _, path, *_ in server.seen] == ["/1", "/3"]
    assert [e.acted for e in front.log()] == [True, False, True]


@pytest.mark.parametrize("acted", [False, True])
def test_drops_before_or_after_the_server_acts(client, front, server, acted):
    front.on(proxy.everything, Drop(acted=acted))
    with pytest.raises(LOST):
        client("POST", "/1", b"")
    assert bool(server.seen) == acted
    assert [(e.acted, e.status, e.fault) for e in front.log()] == [(acted, 0, "Drop")]


def test_cuts_the_answer_in_the_middle(client, front, server):
    front.on(proxy.everything, Cut())
    with pytest.raises(http.client.IncompleteRead) as caught:
        client("GET", "/1")
    assert caught.value.partial and server.seen


@pytest.mark.parametrize("acted", [False, True])
def test_hangs_until_released(client, front, server, acted):
    front.on(proxy.everything, Hang(acted=acted))
    threading.Timer(0.3, front.release).start()
    began = time.monotonic()
    with pytest.raises(LOST):
        client("POST", "/1", b"")
    assert 0.25 < time.monotonic() - began < 3
    assert bool(server.seen) == acted


def test_a_hanging_exchange_ends_with_its_client(client, front):
    front.on(proxy.everything, Hang())
    client.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        client("GET", "/1")
    client.connection.close()
    deadline = time.monotonic() + 3
    while front._open:
        assert time.monotonic() < deadline, "the proxy keeps the connection of a client that left"
        time.sleep(0.01)


@pytest.mark.parametrize("when", ["before", "acted", "answered"])
def test_calls_at_each_moment(client, front, server, when):
    known = []
    front.on(proxy.write(1), Call(lambda e: known.append((len(server.seen), e.acted, e.status)), when))
    assert client("POST", "/1", b"")[0] == 201
    client("GET", "/2")  # on the same connection, so what came after the answer has been done
    assert known == [{"before": (0, False, 0), "acted": (1, True, 0), "answered": (1, True, 201)}[when]]


def test_what_is_prepared_is_done_before_the_client_knows(client, front):
    known, go_on = [], threading.Event()
    front.on(proxy.write(1), Call(lambda e: known.append(e.status), "answered", lambda e: (go_on.wait(5), known.append(e.status))))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client("POST", "/1", b"")[0]))
    asking.start()
    asking.join(0.1)
    assert answers == known == []
    go_on.set()
    asking.join()
    client("GET", "/2")
    assert answers == [201] and known == [0, 201]


def test_delays(client, front):
    front.on(proxy.everything, Delay(0.2))
    began = time.monotonic()
    assert client("GET", "/")[0] == 200
    assert time.monotonic() - began >= 0.2


def test_rules_by_pattern_and_how_often(client, front):
    front.on(proxy.matching("P.*", "/api/.*/secrets", fieldManager="charon"), Answer(500), times=2)
    codes = [client("PATCH", "/api/v1/secrets?fieldManager=charon", b"")[0] for _ in range(3)]
    assert codes == [500, 500, 200]
    assert client("GET", "/api/v1/secrets?fieldManager=charon")[0] == 200


def test_random_faults_come_at_their_rate_and_again_with_the_same_seed(front, server, tmp_path):
    def codes(seed):
        front.reset()
        front.at_random(0.3, seed, [Answer(500), Answer(503)])
        client = Client(front)
        return [client("GET", "/")[0] for _ in range(200)]

    first = codes(1)
    assert 30 < sum(code != 200 for code in first) < 90
    assert codes(1) == first and codes(2) != first
    front.heal()
    assert all(Client(front)("GET", "/")[0] == 200 for _ in range(5))


def test_watches_flow_event_by_event(client, front, server):
    client.connection.request("GET", "/w?watch=1")
    response = client.connection.getresponse()
    for event in (b'{"type":"ADDED"}\n', b'{"type":"DELETED"}\n'):
        server.events.append(event)
        assert response.readline() == event
    server.events.append(None)
    assert response.read() == b""
    assert front.log()[0].is_watch


def test_a_watch_ends_at_the_server_when_its_client_leaves(client, server):
    client.connection.request("GET", "/w?watch=1")
    response = client.connection.getresponse()
    server.events.append(b"x\n")
    response.readline()
    response.close()
    client.connection.close()
    assert server.left.wait(3)


def test_chunked_requests_and_expect(front, server):
    host, port = front.url.removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=str(front.ca_file))
    with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as raw:
        raw.sendall(b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        reader = raw.makefile("rb")
        assert reader.readline() == b"HTTP/1.1 100 Continue\r\n" and reader.readline() == b"\r\n"
        raw.sendall(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert b"201" in reader.readline()
    assert server.seen[0][2] == b"abcde"


def test_many_clients_at_once(front, server):
    def ask():
        client = Client(front)
        for _ in range(20):
            assert client("POST", "/x", b"y")[0] == 201

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e.write for e in front.writes()) == list(range(1, 201))


def test_after_stop_nobody_gets_through(server, tmp_path):
    front = Proxy(server.url, server.ca_file, tmp_path / "p").start()
    client = Client(front)
    assert client("GET", "/")[0] == 200
    front.stop()
    with pytest.raises(LOST):
        client("GET", "/")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", client.connection.port), 1)


def test_a_client_that_does_not_trust_the_authority_fails(front, server):
    host, port = front.url.removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)

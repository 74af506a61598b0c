"""A proxy in front of an API server that counts requests and makes chosen ones go wrong.

    with Proxy(server, ca_file, folder) as proxy:
        proxy.on(write(3), Drop(acted=True))   # the third write is done, but its answer is lost
        ...
        assert [e.path for e in proxy.writes()] == [...]

It ends the client's TLS with a certificate of its own authority (`proxy.ca`) and passes everything
else on, the bearer token included, so it works in front of the sandbox and of a real server alike.
A server that speaks plain HTTP has no `ca_file`; so does the proxy then.
Both sides speak HTTP/1.1: one connection of the client is one connection to the server, which makes
"the connection breaks here" mean the same on both. Watches are passed on event by event.
"""

import contextlib
import dataclasses
import http.client
import io
import json
import pathlib
import random
import re
import select
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from harness import certificates

# Requests that look like writes and change nothing.
REVIEWS = re.compile(r"/(selfsubject|subject|localsubject|token)\w*reviews(\?|$)|/token(\?|$)")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"}


@dataclasses.dataclass
class Exchange:
    """One request, and what became of it."""

    number: int  # 1 for the first request of all
    write: int  # 1 for the first write; 0 if it is none
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    target: str  # path and query as sent
    began: float  # time.monotonic()
    status: int = 0  # what the client was answered; 0: nothing
    acted: bool = False  # whether the server got it and answered
    fault: str = ""  # the action that was taken, if any

    @property
    def is_write(self) -> bool:
        return self.write > 0

    @property
    def is_dry_run(self) -> bool:
        return "dryRun" in self.query

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") in ("1", "true")

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def __str__(self) -> str:
        query = f"?{urllib.parse.urlencode(self.query)}" if self.query else ""
        return f"{self.method} {self.path}{query} -> {self.status or 'no answer'} {self.fault}".rstrip()


# --- What can go wrong --------------------------------------------------------------------------
# Actions are values; a rule's action is taken for each exchange that the rule matches.


@dataclasses.dataclass(frozen=True)
class Answer:
    """The server is not asked; this is the answer."""

    code: int
    reason: str = "InternalError"
    message: str = "injected by the test"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None  # instead of a Status object

    def text(self) -> bytes:
        if self.body is not None:
            return self.body
        return json.dumps({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        }).encode()


def busy(seconds: int = 1) -> Answer:
    """429 with Retry-After, as priority and fairness answers."""
    headers = (("Retry-After", str(seconds)),)
    return Answer(429, "TooManyRequests", "too many requests, please try again later", headers)


@dataclasses.dataclass(frozen=True)
class Drop:
    """The connection ends without an answer; with `acted` the server has done what was asked."""

    acted: bool = False


@dataclasses.dataclass(frozen=True)
class Cut:
    """The server has acted; its answer breaks off in the middle of the body."""


@dataclasses.dataclass(frozen=True)
class Hang:
    """Nothing comes back until the client leaves or `Proxy.release()` is called; then as Drop."""

    acted: bool = False


@dataclasses.dataclass(frozen=True)
class Delay:
    """The request is held that long, then passed on."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class Call:
    """Calls `function(exchange)`: "before" the server sees the request, when it has "acted" and the
    client does not know yet, or when the client has been "answered". The exchange goes on after it.

    A client that has its answer does not wait for `function`: `prepare(exchange)` is called before it is sent."""

    function: Callable[[Exchange], None]
    when: str = "acted"
    prepare: Callable[[Exchange], None] | None = None

    def __post_init__(self):
        assert self.when in ("before", "acted", "answered")
        assert self.prepare is None or self.when == "answered"


Action = Answer | Drop | Cut | Hang | Delay | Call
Matches = Callable[[Exchange], bool]


def write(number: int) -> Matches:
    """The n-th write; retries of one write count each."""
    return lambda exchange: exchange.write == number


def is_about(text: str) -> Matches:
    """Whether the target or the body has that text."""
    return lambda exchange: text in exchange.target or text.encode() in exchange.body


def write_about(what: str | Matches, number: int) -> Matches:
    """The n-th write about that text, or of those that match."""
    about = is_about(what) if isinstance(what, str) else what
    return nth(lambda exchange: exchange.is_write and about(exchange), number)


def nth(matches: Matches, number: int) -> Matches:
    """Only the n-th of those. For one rule: it counts."""
    seen = 0

    def is_it(exchange: Exchange) -> bool:
        nonlocal seen
        seen += matches(exchange)
        return seen == number and matches(exchange)

    return is_it


def request(number: int) -> Matches:
    return lambda exchange: exchange.number == number


def matching(method: str = ".*", path: str = ".*", **query: str) -> Matches:
    """By regular expressions over the whole method and path, and exact query values."""
    return lambda exchange: bool(
        re.fullmatch(method, exchange.method)
        and re.fullmatch(path, exchange.path)
        and all(exchange.query.get(k) == v for k, v in query.items())
    )


def any_write(exchange: Exchange) -> bool:
    return exchange.is_write


def everything(exchange: Exchange) -> bool:
    return True


@dataclasses.dataclass
class Rule:
    matches: Matches
    action: Action
    left: int | None  # how often it will still be applied; None: always


class _Gone(Exception):
    """The client's connection is to be closed without a further word."""


# --- The proxy ----------------------------------------------------------------------------------


class Steering:
    """Rules and the log. Safe to use from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._log: list[Exchange] = []
        self._writes = 0
        self._released = threading.Event()

    def on(self, matches: Matches, action: Action, times: int | None = 1) -> Rule:
        """From now on `action` is taken for what matches, that many times (None: always). Of several
        rules that match, the one made first counts."""
        rule = Rule(matches, action, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def at_random(self, rate: float, seed: int, actions: list[Action], matches: Matches = everything):
        """That part of all matching requests goes wrong, in an order that the seed decides."""
        dice = random.Random(seed)
        for action in actions:
            share = rate / len(actions)
            self.on(lambda e, p=share: matches(e) and dice.random() < p, action, None)

    def heal(self) -> None:
        """Forgets all rules and releases what hangs."""
        with self._lock:
            self._rules.clear()
        self.release()

    def release(self) -> None:
        """Ends all hanging exchanges."""
        self._released.set()
        self._released = threading.Event()

    def reset(self) -> None:
        """Forgets rules and log; the next request is number 1 again."""
        self.heal()
        with self._lock:
            self._log.clear()
            self._writes = 0

    def log(self) -> list[Exchange]:
        with self._lock:
            return list(self._log)

    def writes(self) -> list[Exchange]:
        return [exchange for exchange in self.log() if exchange.is_write]

    # --- For those who pass on ----------------------------------------------------------------

    def _note(self, is_write: bool, method: str, target: str, headers: dict[str, str], body: bytes) -> Exchange:
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        with self._lock:
            self._writes += is_write
            exchange = Exchange(
                len(self._log) + 1, self._writes if is_write else 0,
                method, parts.path, query, headers, body, target, time.monotonic(),
            )
            self._log.append(exchange)
        return exchange

    def _action(self, exchange: Exchange) -> Action | None:
        with self._lock:
            for rule in self._rules:
                if rule.left != 0 and rule.matches(exchange):
                    if rule.left is not None:
                        rule.left -= 1
                    exchange.fault = type(rule.action).__name__
                    return rule.action
        return None


class Proxy(Steering):
    """Listens on a free port of loopback from `start` to `stop`."""

    def __init__(self, server: str, ca_file: str | pathlib.Path | None, folder: pathlib.Path):
        super().__init__()
        address = urllib.parse.urlsplit(server)
        self._server = (address.hostname, address.port)
        self._server_context = self._client_context = None
        if ca_file is not None:
            self._server_context = ssl.create_default_context(cafile=str(ca_file))
            self._authority = certificates.Authority("charon-test-proxy")
            folder.mkdir(parents=True, exist_ok=True)
            self._client_context = certificates.server_context(
                self._authority.issue(addresses=("127.0.0.1", "::1")), folder, "proxy"
            )
            self.ca_file = folder / "proxy-ca.crt"
            self.ca_file.write_bytes(self._authority.pem)
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    @property
    def ca(self) -> bytes:
        return self._authority.pem

    @property
    def url(self) -> str:
        return f"{'https' if self._client_context else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    # --- Life ---------------------------------------------------------------------------------

    def start(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()
        return self

    def stop(self) -> None:
        """Ends all connections. Further connects are refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.heal()
        with self._lock:
            open_, self._open = self._open, set()
        for connection in open_:
            _break(connection)

    def __enter__(self) -> "Proxy":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _accept(self) -> None:
        listener = self._listener
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        """One connection of the client: a request after the other."""
        upstream = _Upstream(self._server, self._server_context, self)
        client = raw
        with self._lock:
            self._open.add(raw)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._client_context:
                client = self._client_context.wrap_socket(raw, server_side=True)
            with self._lock:
                self._open.discard(raw)
                self._open.add(client)
            reader = client.makefile("rb")
            while exchange := self._receive(client, reader):
                if not self._handle(client, upstream, exchange):
                    break
        except (_Gone, OSError, http.client.HTTPException, ValueError):
            pass  # Either side left; what was asked is in the log.
        finally:
            upstream.close()
            with self._lock:
                self._open.discard(client)
            _break(client)
            client.close()

    # --- One exchange -------------------------------------------------------------------------

    def _receive(self, client: socket.socket, reader: io.BufferedReader) -> Exchange | None:
        """The next request, None when the client has no more."""
        line = reader.readline(65536).decode("latin-1")
        if not line.strip():
            return None
        method, target, _ = line.split()
        headers = {k.lower(): v for k, v in http.client.parse_headers(reader).items()}
        if headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(reader, headers)
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        is_write = (
            method in ("POST", "PUT", "PATCH", "DELETE")
            and "dryRun" not in query
            and not REVIEWS.search(parts.path)
        )
        return self._note(is_write, method, target, headers, body)

    def _handle(self, client: socket.socket, upstream: "_Upstream", exchange: Exchange) -> bool:
        """Answers one request; False if the connection is to end after it."""
        released = self._released
        match self._action(exchange):
            case Answer() as answer:
                exchange.status = answer.code
                _send(client, answer.code, answer.headers, answer.text())
                return True
            case Drop(acted=False):
                raise _Gone
            case Hang(acted=False):
                _wait_for_end(client, released)
                raise _Gone
            case Delay(seconds=seconds):
                released.wait(seconds)
                return self._pass_on(client, upstream, exchange)
            case Call(when="before") as call:
                call.function(exchange)
                return self._pass_on(client, upstream, exchange)
            case action:
                return self._pass_on(client, upstream, exchange, action)

    def _pass_on(
        self, client: socket.socket, upstream: "_Upstream", exchange: Exchange,
        action: Action | None = None,
    ) -> bool:
        released = self._released
        response = upstream.request(exchange)
        headers = [(k, v) for k, v in response.getheaders() if k.lower() not in HOP_BY_HOP]
        if exchange.is_watch and action is None:
            exchange.acted = True
            exchange.status = response.status
            _stream(client, upstream, response, headers)
            return not response.will_close
        body = response.read()
        exchange.acted = True
        match action:
            case Drop():
                raise _Gone
            case Hang():
                _wait_for_end(client, released)
                raise _Gone
            case Cut():
                _send_head(client, response.status, [*headers, ("Content-Length", str(len(body) + 1))])
                client.sendall(body[: len(body) // 2])
                raise _Gone
            case Call(when="acted") as call:
                call.function(exchange)
            case Call(when="answered", prepare=prepare) if prepare is not None:
                prepare(exchange)
        exchange.status = response.status
        _send(client, response.status, headers, body, exchange.method == "HEAD")
        if isinstance(action, Call) and action.when == "answered":
            action.function(exchange)
        return True


class _Upstream:
    """The server's end of one client connection, opened with the first request."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None, proxy: Proxy):
        self._address = address
        self._context = context
        self._proxy = proxy
        self._connection: http.client.HTTPConnection | None = None

    def request(self, exchange: Exchange) -> http.client.HTTPResponse:
        for attempt in (1, 2):
            reused = self._connection is not None
            if not reused:
                self._connection = (
                    http.client.HTTPSConnection(*self._address, context=self._context) if self._context
                    else http.client.HTTPConnection(*self._address)
                )
                self._connection.connect()
                self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self._connection
            try:
                connection.putrequest(
                    exchange.method, exchange.target, skip_host=True, skip_accept_encoding=True
                )
                for name, value in exchange.headers.items():
                    if name not in HOP_BY_HOP and name not in ("expect", "accept-encoding"):
                        connection.putheader(name, value)
                if exchange.body or exchange.method in ("POST", "PUT", "PATCH"):
                    connection.putheader("Content-Length", str(len(exchange.body)))
                connection.endheaders(exchange.body or None)
                return connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The server closed an idle connection just now; it has not seen this request.
                self.close()
                if not reused or attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def socket(self) -> socket.socket | None:
        return self._connection.sock if self._connection else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# --- HTTP/1.1, as much of it as API clients and servers use -------------------------------------


def _read_body(reader: io.BufferedReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length", 0)))
    parts = []
    while size := int(reader.readline().split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline()
    while reader.readline().strip():
        pass  # trailers
    return b"".join(parts)


def _send_head(client: socket.socket, code: int, headers) -> None:
    reason = http.client.responses.get(code, "")
    lines = [f"HTTP/1.1 {code} {reason}", *(f"{name}: {value}" for name, value in headers)]
    client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _send(client: socket.socket, code: int, headers, body: bytes, head_only: bool = False) -> None:
    names = {name.lower() for name, _ in headers}
    extra = [] if "content-type" in names else [("Content-Type", "application/json")]
    reason = http.client.responses.get(code, "")
    lines = [
        f"HTTP/1.1 {code} {reason}",
        *(f"{name}: {value}" for name, value in (*headers, *extra, ("Content-Length", len(body)))),
    ]
    # One write, so that a client never sees a head whose body is still to be sent.
    client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head_only else body))


def _stream(client: socket.socket, upstream: _Upstream, response, headers) -> None:
    """Passes a body on as it comes, until either side ends it."""
    source = upstream.socket() or response.fp.raw._sock
    done = threading.Event()

    def end_with_client() -> None:
        # While it is being answered, an HTTP/1.1 client has nothing to say but goodbye.
        while not done.is_set():
            if select.select([client], [], [], 0.2)[0]:
                _break(source)
                return

    threading.Thread(target=end_with_client, daemon=True).start()
    try:
        _send_head(client, response.status, [*headers, ("Transfer-Encoding", "chunked")])
        while data := response.read1(65536):
            client.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        client.sendall(b"0\r\n\r\n")
    finally:
        done.set()


def _wait_for_end(client: socket.socket, released: threading.Event) -> None:
    while not released.wait(0.02):
        if select.select([client], [], [], 0)[0]:
            return


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

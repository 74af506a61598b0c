"""A client of the plugin protocol, for the calls that the terraform at hand does not make.

    with Plugin(binary, folder) as plugin:
        plugin.configure({"kubernetes": {"config_path": "..."}})
        for event in plugin.list_resource("charon_tier_namespace", {}):
            ...

It starts the provider as Terraform does: cookie, handshake line, mutual TLS with a P-521 client
certificate. Messages are compiled from `proto/` with the protoc of the distribution, and calls are made
without generated stubs, which the distribution has no compiler plugin for.
"""

import base64
import dataclasses
import functools
import importlib
import json
import os
import pathlib
import selectors
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import grpc
import msgpack

from harness import certificates
from harness.cli import ROOT
from harness.errors import HarnessError

COOKIE = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"
START_WITHIN = 20  # seconds
CALL_WITHIN = 120  # seconds
PROTOS = ("tfplugin6", "grpc_controller", "grpc_stdio", "grpc_broker", "grpc_health")


def messages(proto: str):
    """The compiled module of proto/NAME.proto."""
    return _compiled()[proto]


@functools.cache
def _compiled() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="charon-protos-") as folder:  # which nobody needs once they are imported
        files = [f"{name}.proto" for name in PROTOS]
        try:
            run = subprocess.run(
                ["protoc", f"-I{ROOT}/proto", f"--python_out={folder}", *files], capture_output=True, text=True
            )
        except FileNotFoundError:
            raise HarnessError("protoc is missing; install the package protobuf-compiler") from None
        if run.returncode:
            raise HarnessError(f"protoc: {run.stderr}")
        sys.path.append(folder)
        try:
            return {name: importlib.import_module(f"{name}_pb2") for name in PROTOS}
        finally:
            sys.path.remove(folder)


def call_table(service: Any) -> dict[str, Any]:
    """Method descriptors of a service by name, with client_streaming and server_streaming."""
    from google.protobuf import descriptor_pb2

    document = descriptor_pb2.ServiceDescriptorProto()
    service.CopyToProto(document)
    streams = {m.name: (m.client_streaming, m.server_streaming) for m in document.method}
    return {m.name: (m, *streams[m.name]) for m in service.methods}


# --- Values -------------------------------------------------------------------------------------


class Unknown:
    """A value that is known after apply only."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclasses.dataclass(frozen=True)
class Dynamic:
    """A value for an attribute of dynamic type, with its type as cty has it in JSON."""

    type: Any
    value: Any


def encode(value: Any) -> bytes:
    """As core sends values: msgpack."""
    return msgpack.packb(value, default=_special, use_bin_type=True)


def _special(value: Any) -> Any:
    if value is UNKNOWN:
        return msgpack.ExtType(0, b"\0")
    if isinstance(value, Dynamic):
        return [json.dumps(value.type).encode(), value.value]
    raise TypeError(f"no msgpack for {value!r}")


def decode(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=lambda code, payload: UNKNOWN, raw=False, strict_map_key=False)


def filled(block: Any, given: dict[str, Any] | None) -> dict[str, Any] | None:
    """An object with all attributes of a schema block (or nested object): what is not given is null."""
    if given is None or given is UNKNOWN:
        return given
    attributes = {a.name: a for a in block.attributes}
    blocks = {b.type_name for b in getattr(block, "block_types", ())}
    if unknown := given.keys() - attributes.keys() - blocks:
        raise KeyError(f"no attribute is called {', '.join(sorted(unknown))}")
    return {name: _filled(a, given.get(name)) for name, a in attributes.items()} | {
        name: given.get(name, []) for name in blocks
    }


def _filled(attribute: Any, value: Any) -> Any:
    if not attribute.HasField("nested_type") or value is None or value is UNKNOWN:
        return value
    nested = attribute.nested_type
    mode = messages("tfplugin6").Schema.Object.NestingMode.Name(nested.nesting)
    if mode == "SINGLE":
        return filled(nested, value)
    if mode == "MAP":
        return {key: filled(nested, one) for key, one in value.items()}
    return [filled(nested, one) for one in value]


# --- The process --------------------------------------------------------------------------------


class Plugin:
    """A provider process and the connection to it."""

    def __init__(self, binary: pathlib.Path | list[str], folder: pathlib.Path,
                 environment: dict[str, str] | None = None, tls: bool = True):
        self.command = [str(part) for part in (binary if isinstance(binary, list) else [binary])]
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "plugin.log"  # what it writes on standard error
        self._temporary = tempfile.TemporaryDirectory(prefix="charon-")
        self._client = certificates.plugin_client() if tls else None
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": self._temporary.name,
            "TF_PLUGIN_MAGIC_COOKIE": COOKIE,
            "PLUGIN_PROTOCOL_VERSIONS": "5,6",
            "PLUGIN_MIN_PORT": "10000",
            "PLUGIN_MAX_PORT": "25000",
            "TF_LOG": "TRACE",
        } | ({"PLUGIN_CLIENT_CERT": self._client.certificate.decode()} if tls else {}) | (environment or {})
        self.handshake: list[str] = []
        self._calls: dict[str, Any] = {}

    def __enter__(self) -> "Plugin":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )
        line = self._read_line()
        self.handshake = line.strip().split("|")
        core, protocol, network, address, kind = self.handshake[:5]
        if (core, protocol, kind) != ("1", "6", "grpc"):
            raise HarnessError(f"unexpected handshake: {line!r}")
        target = f"unix:{address}" if network == "unix" else address
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if self._client is None:
            self.channel = grpc.insecure_channel(target, options)
            return
        der = base64.b64decode(self.handshake[5] + "=" * (-len(self.handshake[5]) % 4))
        credentials = grpc.ssl_channel_credentials(
            ssl.DER_cert_to_PEM_cert(der).encode(), self._client.key, self._client.certificate
        )
        options.append(("grpc.ssl_target_name_override", "localhost"))
        self.channel = grpc.secure_channel(target, credentials, options)

    def _read_line(self) -> str:
        """The handshake line. What comes after it is left in the pipe."""
        output, line = self.process.stdout, b""
        deadline = time.monotonic() + START_WITHIN
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                ready = selector.select(max(0, deadline - time.monotonic()))
                byte = os.read(output.fileno(), 1) if ready else b""
                if not byte:
                    self.process.kill()
                    self.process.wait()
                    raise HarnessError(
                        f"no handshake line but {line!r}; exit code {self.process.returncode}; it said:\n"
                        f"{self.log.read_text(errors='replace')[-3000:]}"
                    )
                line += byte
        return line.decode()

    def shutdown(self, seconds: float = 2) -> int:
        """Asks it to end, as Terraform does, and returns its exit code. Terraform waits 2 s."""
        try:
            self.call("Shutdown", timeout=seconds, proto="grpc_controller", service="GRPCController")
        except grpc.RpcError:
            pass  # Terraform does not look at the answer either: the process may be gone already.
        return self.process.wait(seconds)

    def stop(self) -> None:
        try:
            if self.process.poll() is None:
                self.shutdown()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the provider did not end within 2 s of Shutdown") from None
        finally:
            self.channel.close()
            self.process.stdout.close()
            self._temporary.cleanup()

    # --- Calls --------------------------------------------------------------------------------

    def call(self, name: str, request: Any = None, *, proto: str = "tfplugin6",
             service: str = "Provider", timeout: float = CALL_WITHIN) -> Any:
        """Calls by name. The answer, or an iterator over answers where the call streams them."""
        module = messages(proto)
        descriptor = module.DESCRIPTOR.services_by_name[service]
        method, client_streams, server_streams = call_table(descriptor)[name]
        if client_streams:
            raise NotImplementedError(f"{name} streams requests")
        make = self.channel.unary_stream if server_streams else self.channel.unary_unary
        ask = _class(method.input_type)
        answer = _class(method.output_type)
        stub = make(
            f"/{descriptor.full_name}/{name}",
            request_serializer=ask.SerializeToString, response_deserializer=answer.FromString,
        )
        return stub(request if request is not None else ask(), timeout=timeout, wait_for_ready=True)

    def request(self, name: str, **fields: Any) -> Any:
        """The request message of a call of the provider's service."""
        method, *_ = call_table(messages("tfplugin6").DESCRIPTOR.services_by_name["Provider"])[name]
        return _class(method.input_type)(**fields)

    def ask(self, name: str, **fields: Any) -> Any:
        """Calls and expects no error diagnostics."""
        answer = self.call(name, self.request(name, **fields))
        expect_no_errors(getattr(answer, "diagnostics", ()))
        return answer

    # --- What scenarios need ------------------------------------------------------------------

    @functools.cached_property
    def schema(self) -> Any:
        return self.ask("GetProviderSchema")

    @functools.cached_property
    def identity_schemas(self) -> Any:
        return self.ask("GetResourceIdentitySchemas").identity_schemas

    def value(self, block: Any, given: dict[str, Any] | None) -> Any:
        """A DynamicValue of an object with that schema block."""
        return messages("tfplugin6").DynamicValue(msgpack=encode(filled(block, given)))

    def resource_value(self, type_: str, given: dict[str, Any] | None) -> Any:
        return self.value(self.schema.resource_schemas[type_].block, given)

    def configure(self, given: dict[str, Any], terraform_version: str = "1.14.0") -> Any:
        config = self.value(self.schema.provider.block, given)
        self.ask("ValidateProviderConfig", config=config)
        return self.ask("ConfigureProvider", terraform_version=terraform_version, config=config,
                        client_capabilities={"write_only_attributes_allowed": True})

    def list_resource(self, type_: str, config: dict[str, Any], include: bool = False,
                      limit: int = 100) -> Iterator[Any]:
        """The events of a query, as `terraform query` of 1.14 asks for them."""
        block = self.schema.list_resource_schemas[type_].block
        value = self.value(block, config)
        self.ask("ValidateListResourceConfig", type_name=type_, config=value)
        return self.call("ListResource", self.request(
            "ListResource", type_name=type_, config=value, include_resource_object=include, limit=limit
        ))

    def invoke_action(self, type_: str, config: dict[str, Any]) -> list[Any]:
        """Validates, plans and invokes an action; the events of the invocation."""
        value = self.value(self.schema.action_schemas[type_].schema.block, config)
        self.ask("ValidateActionConfig", type_name=type_, config=value)
        self.ask("PlanAction", action_type=type_, config=value)
        return list(self.call("InvokeAction", self.request("InvokeAction", action_type=type_, config=value)))


def _class(descriptor: Any) -> Any:
    """The message class of a descriptor, nested ones too."""
    from google.protobuf import message_factory

    return message_factory.MessageFactory().GetPrototype(descriptor)


def expect_no_errors(diagnostics: Any) -> None:
    errors = [f"{d.summary}: {d.detail}" for d in diagnostics if d.severity == 1]
    assert not errors, "\n".join(errors)

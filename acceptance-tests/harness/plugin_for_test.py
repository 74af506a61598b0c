"""A plugin of a few lines, to test the client with: python3 plugin_for_test.py [MODE]."""

import base64
import concurrent.futures
import os
import pathlib
import ssl
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import grpc  # noqa: E402

from harness import certificates, plugin  # noqa: E402


def main(mode: str) -> int:
    if os.environ.get("TF_PLUGIN_MAGIC_COOKIE") != plugin.COOKIE:
        print("this is a plugin", file=sys.stderr)
        return 1
    tf = plugin.messages("tfplugin6")
    done = threading.Event()
    service = tf.DESCRIPTOR.services_by_name["Provider"]
    table = plugin.call_table(service)

    def schema(request, context):
        string = tf.Schema.Attribute(name="name", type=b'"string"', optional=True)
        nested = tf.Schema.Attribute(
            name="inner", optional=True, nested_type=tf.Schema.Object(nesting="SINGLE", attributes=[string])
        )
        block = tf.Schema.Block(attributes=[string, nested])
        answer = tf.GetProviderSchema.Response(provider=tf.Schema(block=tf.Schema.Block()))
        answer.resource_schemas["dummy_thing"].block.CopyFrom(block)
        answer.list_resource_schemas["dummy_thing"].block.CopyFrom(tf.Schema.Block(attributes=[string]))
        return answer

    def plan(request, context):
        # The configuration comes back: the test sees what it sent.
        return tf.PlanResourceChange.Response(planned_state=request.config)

    def validate(request, context):
        answer = tf.ValidateListResourceConfig.Response()
        if plugin.decode(request.config.msgpack)["name"] == "bad":
            answer.diagnostics.add(severity="ERROR", summary="bad", detail="not that name")
        return answer

    def list_things(request, context):
        for number in range(request.limit):
            yield tf.ListResource.Event(display_name=f"thing {number}")

    def handler(name, function, streams=False):
        method, *_ = table[name]
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return make(function, plugin._class(method.input_type).FromString,
                    plugin._class(method.output_type).SerializeToString)

    controller = plugin.messages("grpc_controller")

    def shutdown(request, context):
        if mode != "stubborn":
            done.set()
        return controller.Empty()

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(service.full_name, {
            "GetProviderSchema": handler("GetProviderSchema", schema),
            "PlanResourceChange": handler("PlanResourceChange", plan),
            "ValidateListResourceConfig": handler("ValidateListResourceConfig", validate),
            "ListResource": handler("ListResource", list_things, streams=True),
        }),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {
            "Shutdown": grpc.unary_unary_rpc_method_handler(
                shutdown, controller.Empty.FromString, controller.Empty.SerializeToString
            ),
        }),
    ))
    address = f"{tempfile.mkdtemp()}/s.sock"
    field = ""
    if client := os.environ.get("PLUGIN_CLIENT_CERT"):
        own = certificates.plugin_client()
        server.add_secure_port(f"unix:{address}", grpc.ssl_server_credentials(
            [(own.key, own.certificate)], client.encode(), require_client_auth=True
        ))
        der = ssl.PEM_cert_to_DER_cert(own.certificate.decode())
        field = base64.b64encode(der).decode().rstrip("=")
    else:
        server.add_insecure_port(f"unix:{address}")
    if mode == "silent":
        print("cannot start", file=sys.stderr)
        return 3
    server.start()
    print(f"1|6|unix|{address}|grpc|{field}", flush=True)
    done.wait()
    server.stop(0.2).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))

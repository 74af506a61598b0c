import pathlib
import subprocess
import sys

import grpc
import pytest

from harness import certificates, plugin
from harness.errors import HarnessError
from harness.plugin import UNKNOWN, Plugin, decode, encode

DUMMY = [sys.executable, str(pathlib.Path(__file__).with_name("plugin_for_test.py"))]


@pytest.fixture
def dummy(tmp_path):
    with Plugin(DUMMY, tmp_path) as running:
        yield running


def test_calls_go_through_mutual_tls(dummy):
    assert dummy.handshake[:3] == ["1", "6", "unix"] and len(dummy.handshake[5]) > 50
    assert list(dummy.schema.resource_schemas) == ["dummy_thing"]


def test_a_stranger_is_turned_away(dummy):
    other = certificates.plugin_client()
    dummy._client = other
    own = [("grpc.ssl_target_name_override", "localhost")]
    channel = grpc.secure_channel(
        f"unix:{dummy.handshake[3]}",
        grpc.ssl_channel_credentials(other.certificate, other.key, other.certificate), own,
    )
    stub = channel.unary_unary("/tfplugin6.Provider/GetProviderSchema")
    with pytest.raises(grpc.RpcError):
        stub(b"", timeout=5)
    channel.close()


def test_without_tls(tmp_path):
    with Plugin(DUMMY, tmp_path, tls=False) as running:
        assert running.handshake[5] == ""
        assert "dummy_thing" in running.schema.resource_schemas


def test_values_have_every_attribute_and_arrive_as_sent(dummy):
    config = dummy.resource_value("dummy_thing", {"inner": {"name": UNKNOWN}})
    answer = dummy.ask("PlanResourceChange", type_name="dummy_thing", config=config)
    assert decode(answer.planned_state.msgpack) == {"name": None, "inner": {"name": UNKNOWN}}
    with pytest.raises(KeyError, match="nmae"):
        dummy.resource_value("dummy_thing", {"nmae": "x"})


def test_streams(dummy):
    events = list(dummy.list_resource("dummy_thing", {"name": "good"}, limit=3))
    assert [e.display_name for e in events] == ["thing 0", "thing 1", "thing 2"]


def test_error_diagnostics_fail_the_test(dummy):
    with pytest.raises(AssertionError, match="not that name"):
        dummy.list_resource("dummy_thing", {"name": "bad"})


def test_shutdown_ends_the_process(tmp_path):
    running = Plugin(DUMMY, tmp_path)
    running.start()
    assert running.shutdown() == 0
    running.stop()


def test_one_that_does_not_end_is_reported_and_killed(tmp_path):
    running = Plugin([*DUMMY, "stubborn"], tmp_path)
    running.start()
    with pytest.raises(AssertionError, match="did not end"):
        running.stop()
    assert running.process.poll() is not None


def test_one_that_does_not_start_is_quoted(tmp_path):
    with pytest.raises(HarnessError, match="(?s)exit code 3.*cannot start"):
        Plugin([*DUMMY, "silent"], tmp_path).start()


def test_the_dummy_wants_the_cookie():
    run = subprocess.run(DUMMY, env={}, capture_output=True, text=True)
    assert run.returncode == 1 and "this is a plugin" in run.stderr


def test_codec_keeps_what_terraform_sends():
    value = {"a": None, "b": True, "n": 5, "f": 1.5, "t": "0.1", "l": [UNKNOWN, "x"]}
    assert decode(encode(value)) == value
    assert encode(plugin.Dynamic("string", "x")) == b"\x92\xc4\x08\"string\"\xa1x"
    assert encode(UNKNOWN) == b"\xd4\x00\x00"

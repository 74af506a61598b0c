"""A create that fails while it waits: Terraform calls the object tainted and plans to replace it. The corrected apply
keeps it, and with it whatever holds data."""

import json

import pytest

from harness import hcl

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

ADDRESS = "charon_kubernetes_manifest.x"
SHORT = {"create": "3s", "update": "1m"}
TILL_PULLED = {"create": "10s", "update": "1m"}  # a busy machine too has got as far as the image by then


def manifest(object_, **more):
    return hcl.resource("charon_kubernetes_manifest", "x", {"manifest": json.dumps(object_)} | more)


def template(annotations=None, **spec):
    return {"metadata": {"labels": {"app": "db"}, "annotations": annotations or {}},
            "spec": {"containers": [{"name": "main", "image": "registry.example/db:1"} | spec.pop("container", {})]} | spec}


def workload(kind, work, annotations=None, **more):
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db", "namespace": work},
            "spec": {"selector": {"matchLabels": {"app": "db"}}, "template": template(annotations)} | more}


def database(work, annotations=None):
    """A StatefulSet with a claim. In parallel, since an ordered one does not replace a pod that never got ready."""
    return workload("StatefulSet", work, annotations, serviceName="db", podManagementPolicy="Parallel",
                    volumeClaimTemplates=[claim("data")])


def claim(name, work=None, storage_class="standard"):
    metadata = {"name": name} | ({"namespace": work} if work else {})
    head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"} if work else {}
    return head | {"metadata": metadata, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, "resources": {"requests": {"storage": "1Gi"}}}}


BROKEN = {"test/image-pull-error": "true"}


def fail(stack, text, *says):
    """An apply whose wait ends badly; the object is in state, and Terraform means to replace it."""
    stack.write(text)
    result = stack.apply(fails=True)
    assert result.says(*says) and result.error.address == ADDRESS, result
    assert stack.state().is_tainted(ADDRESS)
    return result


def uid(cluster, *ref):
    return cluster.get(*ref)["metadata"]["uid"]


def correct(stack, text):
    """The plan has to say "replace": that is Terraform's. The provider knows better."""
    stack.write(text)
    plan = stack.apply()
    assert plan.actions == {ADDRESS: "replace"} and plan.changes[ADDRESS]["reason"] == "tainted"
    assert not stack.state().is_tainted(ADDRESS)


def test_a_database_keeps_its_claim_and_its_volume(stack, cluster, work):
    """An image that cannot be pulled, with a claim that is bound: all of it is still the same after the correction."""
    fail(stack, manifest(database(work, BROKEN), wait={"rollout": True}, timeouts=TILL_PULLED), "db", "ImagePullBackOff")
    held = ("PersistentVolumeClaim", work, "data-db-0")
    cluster.api.eventually(lambda: cluster.get(*held)["status"].get("phase") == "Bound", "the claim to be bound")
    before = cluster.get(*held)
    database_uid = uid(cluster, "StatefulSet", work, "db")
    volume = uid(cluster, "PersistentVolume", None, before["spec"]["volumeName"])

    correct(stack, manifest(database(work), wait={"rollout": True}))
    after = cluster.get(*held)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"]["volumeName"] == before["spec"]["volumeName"]
    assert uid(cluster, "PersistentVolume", None, before["spec"]["volumeName"]) == volume
    assert uid(cluster, "StatefulSet", work, "db") == database_uid
    assert cluster.get("StatefulSet", work, "db")["status"]["readyReplicas"] == 1
    stack.destroy()


def test_a_wait_that_failed_in_an_update_is_not_forgotten(stack, cluster, work):
    """What was sent is in the state, and that nobody has seen it ready as well: the same apply again is no success."""
    stack.write(manifest(workload("Deployment", work), wait={"rollout": True}))
    stack.apply()
    broken = {"object_": workload("Deployment", work, BROKEN), "timeouts": {"update": TILL_PULLED["create"]}}
    stack.write(manifest(**broken, wait={"rollout": True}))
    for _ in range(2):
        result = stack.apply(fails=True)
        assert result.says("ImagePullBackOff") and result.error.address == ADDRESS, result
        assert not stack.state().is_tainted(ADDRESS) and stack.state()[ADDRESS]["wait"] is None
    plan = stack.plan()
    assert plan.actions == {ADDRESS: "update"} and plan.says("Not ready yet", "waits again"), plan
    # Nobody waits for what is not asked for any more.
    stack.write(manifest(**broken))
    stack.expect_empty()
    stack.write(manifest(workload("Deployment", work), wait={"rollout": True}))
    stack.apply()
    assert stack.state()[ADDRESS]["wait"]["rollout"] is True
    stack.destroy()


def test_a_deployment_that_never_got_ready(stack, cluster, work):
    fail(stack, manifest(workload("Deployment", work, BROKEN), wait={"rollout": True}, timeouts=TILL_PULLED),
         "db", "ImagePullBackOff")
    before = uid(cluster, "Deployment", work, "db")
    correct(stack, manifest(workload("Deployment", work), wait={"rollout": True}))
    assert uid(cluster, "Deployment", work, "db") == before
    stack.destroy()
    assert not cluster.has("Deployment", work, "db")


def test_a_claim_that_nobody_binds(stack, cluster, work):
    """A claim of its own, whose volume comes only with the first pod: the wait was the mistake, not the claim."""
    late = claim("files", work, "standard-wait")
    fail(stack, manifest(late, wait={"fields": {"status.phase": "Bound"}}, timeouts=SHORT), "files", "Pending")
    before = uid(cluster, "PersistentVolumeClaim", work, "files")
    correct(stack, manifest(late))
    assert uid(cluster, "PersistentVolumeClaim", work, "files") == before
    stack.destroy()


def test_a_claim_is_not_deleted_to_correct_it(stack, cluster, work):
    """What cannot be changed and may hold data stays; the error says what is in the way."""
    fail(stack, manifest(claim("files", work, "standard-wait"), wait={"fields": {"status.phase": "Bound"}}, timeouts=SHORT),
         "Pending")
    before = uid(cluster, "PersistentVolumeClaim", work, "files")
    # The plan's check finds it; without that, the apply must not get over it by deleting.
    for block in ("", 'provider "charon" {\n  plan_checks = "off"\n}\n'):
        stack.write(block + manifest(claim("files", work, "standard")))
        result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
        assert result.says("immutable") and result.error.address == ADDRESS, result
        assert uid(cluster, "PersistentVolumeClaim", work, "files") == before
    # Back to what it was: nothing has been lost.
    stack.write(manifest(claim("files", work, "standard-wait")))
    stack.apply()
    assert uid(cluster, "PersistentVolumeClaim", work, "files") == before
    stack.destroy()
    assert not cluster.has("PersistentVolumeClaim", work, "files")


def test_a_job_that_failed_runs_again(stack, cluster, work):
    """What has run to its end cannot be corrected: it is made anew, as the plan says, also if nothing has changed."""
    def job(annotations=None):
        return manifest({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "namespace": work},
                         "spec": {"backoffLimit": 0, "template": template(annotations, restartPolicy="Never")}},
                        wait={"rollout": True}, timeouts={"create": "1m"})

    fail(stack, job({"test/crash-loop": "true"}), "the job has failed")
    first = uid(cluster, "Job", work, "migrate")
    fail(stack, job({"test/crash-loop": "true"}), "the job has failed")
    assert uid(cluster, "Job", work, "migrate") != first
    correct(stack, job())
    stack.destroy()


def test_a_replacement_that_somebody_asked_for_is_one(stack, cluster, work):
    """Not tainted: -replace after all is well deletes and makes anew."""
    stack.write(manifest(workload("Deployment", work), wait={"rollout": True}))
    stack.apply()
    before = uid(cluster, "Deployment", work, "db")
    stack.apply(f"-replace={ADDRESS}")
    assert uid(cluster, "Deployment", work, "db") != before
    stack.destroy()


def test_the_corrected_apply_fails_too(stack, cluster, work):
    """Wrong twice, then right: still the same claim."""
    fail(stack, manifest(database(work, BROKEN), wait={"rollout": True}, timeouts=TILL_PULLED), "ImagePullBackOff")
    held = ("PersistentVolumeClaim", work, "data-db-0")
    before = uid(cluster, *held), uid(cluster, "StatefulSet", work, "db")
    fail(stack, manifest(database(work, {"test/crash-loop": "true"}), wait={"rollout": True}, timeouts=SHORT), "db-0")
    correct(stack, manifest(database(work), wait={"rollout": True}))
    assert (uid(cluster, *held), uid(cluster, "StatefulSet", work, "db")) == before
    stack.destroy()


def test_a_tainted_object_can_be_destroyed(stack, cluster, work):
    """Sparing it is for the correction only."""
    fail(stack, manifest(workload("Deployment", work, BROKEN), wait={"rollout": True}, timeouts=SHORT), "db")
    stack.destroy()
    assert not cluster.has("Deployment", work, "db") and stack.state().resources == {}

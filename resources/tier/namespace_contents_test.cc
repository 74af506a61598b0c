#include "resources/tier/namespace_contents.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/operations/apply_object.h"
#include "provider/operations/scripted_cluster_for_test.h"
#include "provider/testing/fake_clock.h"
#include "resources/tier/profile.h"

namespace charon::tier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr char kShopsOwner[] = "default/charon_tier_namespace/shop";

class NamespaceContents : public ::testing::Test {
 protected:
  // The server has an object of this kind; `more` is merged into it.
  void Hold(const char* api_version, const std::string& kind, const std::string& name,
            const Json& more = Json::object()) {
    Json object = {
        {"apiVersion", api_version},
        {"kind", kind},
        {"metadata",
         {{"name", name}, {"namespace", "shop"}, {"uid", absl::StrCat("uid-", ++objects_)}}}};
    object.update(more, /*merge_objects=*/true);
    Offer(api_version, kind);
    cluster_.lists[kind].push_back(std::move(object));
  }

  void Offer(const char* api_version, const std::string& kind, bool namespaced = true,
             std::vector<std::string> verbs = {"get", "list"}) {
    if (cluster_.lists.count(kind) != 0) return;
    cluster_.lists[kind] = {};
    cluster_.kinds.push_back({{api_version, kind}, "", namespaced, std::move(verbs)});
  }

  std::vector<std::string> Found() {
    const auto found = FindForeignContents(Call(), cluster_, "shop", kShopsOwner);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->all : std::vector<std::string>{"none, but an error"};
  }

 private:
  int objects_ = 0;
  FakeClock clock_;

 protected:
  operations::ScriptedCluster cluster_{clock_};
};

// Kinds of which every object is Kubernetes' own, as its controllers make them: without an owner.
TEST_F(NamespaceContents, OfControllersDoNotCount) {
  Hold("v1", "Event", "web.17f3a9");
  Hold("events.k8s.io/v1", "Event", "web.17f3aa");
  Hold("v1", "Endpoints", "web");
  Hold("discovery.k8s.io/v1", "EndpointSlice", "web-x7k2p");
  Hold("coordination.k8s.io/v1", "Lease", "operator-leader");
  Hold("apps/v1", "ControllerRevision", "db-6c8f9");
  Hold("metrics.k8s.io/v1beta1", "PodMetrics", "web-0");
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(NamespaceContents, OfEveryNamespaceDoNotCount) {
  Hold("v1", "ServiceAccount", "default");
  Hold("v1", "ConfigMap", "kube-root-ca.crt");
  Hold("v1", "Secret", "default-token-4mz7q", {{"type", "kubernetes.io/service-account-token"}});
  EXPECT_THAT(Found(), IsEmpty());
}

// The same kinds with another name or type, and the same names with another kind.
TEST_F(NamespaceContents, OfUsersCount) {
  Hold("v1", "ServiceAccount", "builder");
  Hold("v1", "ServiceAccount", "kube-root-ca.crt");
  Hold("v1", "ConfigMap", "settings");
  Hold("v1", "ConfigMap", "default");
  Hold("v1", "Secret", "database", {{"type", "Opaque"}});
  Hold("v1", "Secret", "default-token", {{"type", "kubernetes.io/tls"}});
  Hold("v1", "Service", "web");
  Hold("apps/v1", "Deployment", "web");
  EXPECT_THAT(Found(), ElementsAre("ServiceAccount/builder", "ServiceAccount/kube-root-ca.crt",
                                   "ConfigMap/settings", "ConfigMap/default", "Secret/database",
                                   "Secret/default-token", "Service/web", "Deployment/web"));
}

// What has an owner goes with it, and what is being deleted goes anyway.
TEST_F(NamespaceContents, ThatGoByThemselvesDoNotCount) {
  const Json owned = {{"metadata",
                       {{"ownerReferences",
                         {{{"apiVersion", "apps/v1"},
                           {"kind", "ReplicaSet"},
                           {"name", "web-5d"},
                           {"uid", "u"}}}}}}};
  Hold("v1", "Pod", "web-5d-9x", owned);
  Hold("v1", "Pod", "going", {{"metadata", {{"deletionTimestamp", "2026-11-21T12:00:00Z"}}}});
  Hold("v1", "Pod", "bare", {{"metadata", {{"ownerReferences", Json::array()}}}});
  EXPECT_THAT(Found(), ElementsAre("Pod/bare"));
}

TEST_F(NamespaceContents, OfTheResourceItselfDoNotCount) {
  const auto marked = [](const char* owner) {
    return Json{{"metadata", {{"annotations", {{operations::kOwnerAnnotation, owner}}}}}};
  };
  Hold("v1", "LimitRange", kLimitRangeName);
  Hold("v1", "ResourceQuota", kQuotaName);
  Hold("networking.k8s.io/v1", "NetworkPolicy", "default-deny", marked(kShopsOwner));
  EXPECT_THAT(Found(), IsEmpty());
  Hold("v1", "LimitRange", "own");
  Hold("v1", "ResourceQuota", "own");
  Hold("networking.k8s.io/v1", "NetworkPolicy", "other",
       marked("default/charon_tier_namespace/shoes"));
  EXPECT_THAT(Found(), ElementsAre("LimitRange/own", "ResourceQuota/own", "NetworkPolicy/other"));
}

TEST_F(NamespaceContents, AreLookedForInEachKindThatCanBe) {
  Offer("v1", "Node", /*namespaced=*/false);
  Offer("authorization.k8s.io/v1", "LocalSubjectAccessReview", /*namespaced=*/true, {"create"});
  Hold("example.org/v1", "Backup", "nightly");
  EXPECT_THAT(Found(), ElementsAre("Backup/nightly"));
  EXPECT_THAT(cluster_.asked, ElementsAre("LIST Backup shop "));
}

// Served by two groups, an object is one all the same.
TEST_F(NamespaceContents, AreToldOnce) {
  Hold("networking.k8s.io/v1", "Ingress", "web");
  cluster_.kinds.push_back({{"extensions/v1beta1", "Ingress"}, "", true, {"list"}});
  EXPECT_THAT(Found(), ElementsAre("Ingress/web"));
}

}  // namespace
}  // namespace charon::tier

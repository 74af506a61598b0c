#include "provider/clients/kubernetes/discovery.h"

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Shapes of v1.36.3.
constexpr char kGroups[] =
    R"({"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
  {"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":"Current","resources":[
    {"resource":"deployments","responseKind":{"group":"","version":"","kind":"Deployment"},"scope":"Namespaced",
     "verbs":["get","list"],"subresources":[{"subresource":"scale","responseKind":{"kind":"Scale"},"verbs":["get"]}]}]}]},
  {"metadata":{"name":"acme.test"},"versions":[{"version":"v1","freshness":"Current","resources":[
    {"resource":"bars","responseKind":{"group":"acme.test","version":"v1","kind":"Bar"},"scope":"Cluster","verbs":["get","list"]},
    {"resource":"foos","responseKind":{"group":"acme.test","version":"v1","kind":"Foo"},"scope":"Namespaced","verbs":["get","list"]}]}]},
  {"metadata":{"name":"reviews.test"},"versions":[{"version":"v1","resources":[
    {"resource":"accessreviews","responseKind":{"kind":"AccessReview"},"scope":"Cluster","verbs":["create"]}]}]},
  {"metadata":{"name":"metrics.test"},"versions":[{"version":"v1","freshness":"Stale","resources":[]}]}]})";

class DiscoveryTest : public ::testing::Test {
 protected:
  DiscoveryTest() { call_.clock = &clock_; }

  Discovery Make() {
    return Discovery([this](const Call&, const std::string& path, absl::string_view) {
      absl::MutexLock lock(&mutex_);
      asked_.push_back(path);
      const auto found = answers_.find(path);
      if (found != answers_.end()) return absl::StatusOr<std::string>(found->second);
      return absl::StatusOr<std::string>(answers_.empty() || down_.contains(path)
                                             ? absl::UnavailableError("down")
                                             : absl::NotFoundError("404 page not found"));
    });
  }

  FakeClock clock_;
  Call call_;
  absl::Mutex mutex_;
  std::map<std::string, std::string> answers_ = {{"/apis", kGroups}};
  std::set<std::string> down_;
  std::vector<std::string> asked_;
};

TEST_F(DiscoveryTest, KnowsBuiltInKindsWithoutAsking) {
  Discovery discovery = Make();
  const auto info = discovery.Resolve(call_, {"networking.k8s.io/v1", "Ingress"});
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->plural, "ingresses");
  EXPECT_TRUE(info->namespaced);
  EXPECT_FALSE(discovery.Resolve(call_, {"v1", "Namespace"})->namespaced);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(DiscoveryTest, AsksOnceForTheRest) {
  Discovery discovery = Make();
  const auto foo = discovery.Resolve(call_, {"acme.test/v1", "Foo"});
  ASSERT_THAT(foo, IsOk());
  EXPECT_EQ(foo->plural, "foos");
  EXPECT_TRUE(foo->namespaced);
  EXPECT_FALSE(discovery.Resolve(call_, {"acme.test/v1", "Bar"})->namespaced);
  EXPECT_THAT(asked_, ElementsAre("/apis"));
}

TEST_F(DiscoveryTest, ConcurrentCallersShareOneRequest) {
  Discovery discovery = Make();
  std::vector<std::jthread> threads;
  std::atomic<int> found = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      found += discovery.Resolve(call_, {"acme.test/v1", "Foo"}).ok() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(found, 8);
  EXPECT_THAT(asked_, ElementsAre("/apis"));
}

TEST_F(DiscoveryTest, NamesWhatThereIsInsteadOfAMissingKind) {
  answers_["/apis/acme.test/v1"] =
      R"({"kind":"APIResourceList","groupVersion":"acme.test/v1","resources":[
          {"name":"foos","namespaced":true,"kind":"Foo","verbs":["get"]},
          {"name":"bars","namespaced":false,"kind":"Bar","verbs":["get"]}]})";
  Discovery discovery = Make();
  const auto code = absl::StatusCode::kNotFound;
  EXPECT_THAT(discovery.Resolve(call_, {"acme.test/v2", "Foo"}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       "no kind \"Foo\" in acme.test/v2; the server has it in acme.test/v1"));
  EXPECT_THAT(discovery.Resolve(call_, {"acme.test/v1", "Quux"}),
              StatusIs(code,
                       "no kind \"Quux\" in acme.test/v1; is its CRD installed? The server has "
                       "there: Bar, Foo"));
  EXPECT_THAT(
      discovery.Resolve(call_, {"acme.test/v1", "foos"}),
      StatusIs(code,
               "no kind \"foos\" in acme.test/v1; is its CRD installed? Did you mean \"Foo\"?"));
  EXPECT_THAT(
      discovery.Resolve(call_, {"acme.test/v2", "Quux"}),
      StatusIs(code, HasSubstr("is its CRD installed? Of this group the server has acme.test/v1")));
  EXPECT_THAT(discovery.Resolve(call_, {"cert-manager.io/v1", "Certificate"}),
              StatusIs(code, HasSubstr("The server has no API group \"cert-manager.io\"")));
  EXPECT_THAT(
      discovery.Resolve(call_, {"extensions/v1beta1", "Deployment"}),
      StatusIs(absl::StatusCode::kUnimplemented,
               "no kind \"Deployment\" in extensions/v1beta1; the server has it in apps/v1"));
  EXPECT_THAT(discovery.Resolve(call_, {"reviews.test/v1", "AccessReview"}), StatusIs(code));
  // What the server itself brings, also from the part of its kinds that nobody asked for.
  answers_["/api"] = R"({"kind":"APIVersions","versions":["v1"]})";
  answers_["/api/v1"] = R"({"kind":"APIResourceList","groupVersion":"v1","resources":[
      {"name":"configmaps","namespaced":true,"kind":"ConfigMap","verbs":["get"]}]})";
  const std::pair<ObjectKind, std::string> wrong[] = {
      {{"v1", "Deployment"}, "no kind \"Deployment\" in v1; there is one in apps/v1"},
      {{"v1", "deployments"},
       "no kind \"deployments\" in v1. Did you mean \"Deployment\" of apps/v1?"},
      {{"v1", "configmap"}, "no kind \"configmap\" in v1. Did you mean \"ConfigMap\"?"},
      {{"v1", "ConfigMpa"}, "no kind \"ConfigMpa\" in v1. Did you mean \"ConfigMap\"?"},
      {{"apps/v1", "Pod"}, "no kind \"Pod\" in apps/v1; there is one in v1"},
  };
  for (const auto& [kind, message] : wrong) {
    const absl::Status missing = discovery.Resolve(call_, kind).status();
    EXPECT_THAT(missing, StatusIs(code, message));
    EXPECT_EQ(RemedyOf(missing), "Correct apiVersion and kind.");
  }
  EXPECT_TRUE(RemedyOf(discovery.Resolve(call_, {"acme.test/v2", "Foo"}).status()).has_value());
}

TEST_F(DiscoveryTest, MissesShareARequestForAWhile) {
  Discovery discovery = Make();
  for (int i = 0; i < 20; ++i) (void)discovery.Resolve(call_, {"late.test/v1", "Late"});
  EXPECT_THAT(asked_, ElementsAre("/apis", "/apis/late.test/v1"));
  // Somebody else installs it.
  answers_["/apis"] =
      R"({"items":[{"metadata":{"name":"late.test"},"versions":[{"version":"v1","resources":[
      {"resource":"lates","responseKind":{"kind":"Late"},"scope":"Cluster","verbs":["get"]}]}]}]})";
  clock_.Advance(absl::Seconds(6));
  EXPECT_THAT(discovery.Resolve(call_, {"late.test/v1", "Late"}), IsOk());
  EXPECT_THAT(asked_, ElementsAre("/apis", "/apis/late.test/v1", "/apis"));
}

// For the first half second of a server its list lacks what is defined by CRDs; the path of their
// version says so (503), or has it by then.
TEST_F(DiscoveryTest, AListThatLacksAKindIsNotBelievedAlone) {
  const ObjectKind late{"late.test/v1", "Late"};
  down_ = {"/apis/late.test/v1"};
  Discovery discovery = Make();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(discovery.Resolve(call_, late), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(discovery.Missing(call_, late), StatusIs(absl::StatusCode::kUnavailable));
  }
  answers_["/apis/late.test/v1"] =
      R"({"kind":"APIResourceList","groupVersion":"late.test/v1","resources":[
          {"name":"lates","namespaced":false,"kind":"Late","verbs":["get"]}]})";
  const auto found = discovery.Resolve(call_, late);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->plural, "lates");
}

// What an extension server that is down has is not gone, whichever of its versions is asked for.
TEST_F(DiscoveryTest, ASilentExtensionServerIsNoMissingKind) {
  Discovery discovery = Make();
  for (const char* version : {"metrics.test/v1", "metrics.test/v1beta1"}) {
    const absl::Status silent = discovery.Resolve(call_, {version, "PodMetrics"}).status();
    EXPECT_THAT(silent,
                StatusIs(absl::StatusCode::kUnavailable,
                         HasSubstr("the extension server behind metrics.test/v1 does not answer")));
    EXPECT_TRUE(IsHidden(silent));
  }
}

TEST_F(DiscoveryTest, KnowsAnotherVersionOfAKind) {
  Discovery discovery = Make();
  EXPECT_EQ(discovery.Served(call_, {"acme.test/v1beta1", "Foo"}),
            (ObjectKind{"acme.test/v1", "Foo"}));
  EXPECT_EQ(discovery.Served(call_, {"extensions/v1beta1", "Deployment"}),
            (ObjectKind{"apps/v1", "Deployment"}));
  EXPECT_EQ(discovery.Served(call_, {"acme.test/v1beta1", "Baz"}), std::nullopt);
  EXPECT_EQ(discovery.Served(call_, {"other.test/v1", "Foo"}), std::nullopt);
}

TEST_F(DiscoveryTest, OnlyAServerThatAnswersCanSayThatAKindIsMissing) {
  answers_.clear();
  Discovery discovery = Make();
  EXPECT_THAT(discovery.Missing(call_, {"acme.test/v1", "Foo"}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("which kinds it has")));
  answers_ = {{"/apis", kGroups}};
  EXPECT_THAT(discovery.Missing(call_, {"acme.test/v1", "Foo"}), IsOk());  // it is there
  EXPECT_THAT(discovery.Resolve(call_, {"acme.test/v1", "Foo"}), IsOk());
}

const Json kCrd =
    Json::parse(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
  "metadata":{"name":"nuts.own.test"},"spec":{"group":"own.test","scope":"Namespaced","names":{"plural":"nuts","kind":"Nut"},
  "versions":[{"name":"v1","served":true},{"name":"v0","served":false}]}})");

TEST_F(DiscoveryTest, KindsOfOurOwnDefinitionsAreKnownAtOnce) {
  Discovery discovery = Make();
  discovery.Wrote(kCrd, clock_.Now());
  const auto nut = discovery.Resolve(call_, {"own.test/v1", "Nut"});
  ASSERT_THAT(nut, IsOk());
  EXPECT_EQ(nut->plural, "nuts");
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(discovery.WrittenAt({"own.test/v1", "Nut"}), clock_.Now());
  EXPECT_EQ(discovery.WrittenAt({"own.test/v0", "Nut"}), std::nullopt);
  discovery.Deleted("nuts.own.test");
  EXPECT_THAT(discovery.Resolve(call_, {"own.test/v1", "Nut"}), Not(IsOk()));
}

TEST_F(DiscoveryTest, ADefinitionOfOursMakesTheAnswerOutOfDate) {
  Discovery discovery = Make();
  ASSERT_THAT(discovery.Resolve(call_, {"acme.test/v1", "Foo"}), IsOk());
  discovery.Wrote(kCrd, clock_.Now());
  ASSERT_THAT(discovery.Resolve(call_, {"acme.test/v1", "Bar"}), IsOk());
  EXPECT_THAT(asked_, ElementsAre("/apis", "/apis"));
}

TEST_F(DiscoveryTest, TheServerCorrectsTheTable) {
  Discovery discovery = Make();
  // A server without autoscaling/v2 answered 404.
  EXPECT_THAT(discovery.Missing(call_, {"autoscaling/v2", "HorizontalPodAutoscaler"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no kind")));
  EXPECT_THAT(discovery.Resolve(call_, {"autoscaling/v2", "HorizontalPodAutoscaler"}), Not(IsOk()));
}

TEST_F(DiscoveryTest, AsksGroupByGroupWhereThereIsNoAggregation) {
  // Before 1.26 the Accept header is passed over and the old lists come.
  answers_ = {
      {"/apis", R"({"kind":"APIGroupList","groups":[
                 {"name":"acme.test","versions":[{"groupVersion":"acme.test/v1","version":"v1"}]},
                 {"name":"dead.test","versions":[{"groupVersion":"dead.test/v1","version":"v1"}]}]})"},
      {"/apis/acme.test/v1",
       R"({"kind":"APIResourceList","groupVersion":"acme.test/v1","resources":[
                 {"name":"foos","namespaced":true,"kind":"Foo","verbs":["get"]},
                 {"name":"foos/status","namespaced":true,"kind":"Foo","verbs":["get"]}]})"},
      {"/api", R"({"kind":"APIVersions","versions":["v1"]})"},
      {"/api/v1",
       R"({"resources":[{"name":"pods","namespaced":true,"kind":"Pod","verbs":["get"]}]})"}};
  Discovery discovery = Make();
  const auto foo = discovery.Resolve(call_, {"acme.test/v1", "Foo"});
  ASSERT_THAT(foo, IsOk());
  EXPECT_EQ(foo->plural, "foos");
  EXPECT_THAT(asked_, ElementsAre("/apis", "/apis/acme.test/v1"));
  const auto kinds = discovery.Kinds(call_);
  ASSERT_THAT(kinds, IsOk());
  std::vector<std::string> names;
  for (const ResourceInfo& info : *kinds) names.push_back(info.kind.ToString());
  EXPECT_THAT(names, ElementsAre("v1/Pod", "acme.test/v1/Foo"));
}

TEST_F(DiscoveryTest, SaysThatTheServerCouldNotBeAsked) {
  answers_.clear();
  Discovery discovery = Make();
  EXPECT_THAT(
      discovery.Resolve(call_, {"acme.test/v1", "Foo"}),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("asking the server which kinds it has")));
  // The next one tries again.
  answers_ = {{"/apis", kGroups}};
  EXPECT_THAT(discovery.Resolve(call_, {"acme.test/v1", "Foo"}), IsOk());
}

}  // namespace
}  // namespace charon::kubernetes

#include "provider/clients/kubernetes/cluster.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/http/transport.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::kubernetes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Bodies are v1.36.3's, one line each.
constexpr char kNotFound[] =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"configmaps \"a\" not found","reason":"NotFound","details":{"name":"a","kind":"configmaps"},"code":404})";
constexpr char kNoNamespace[] =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"namespaces \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"namespaces"},"code":404})";
constexpr char kNoResource[] =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404})";
constexpr char kDeletedStatus[] =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"a","kind":"configmaps","uid":"u"}})";
constexpr char kNoGroups[] = R"({"kind":"APIGroupDiscoveryList","items":[]})";
constexpr char kStored[] =
    R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"x","uid":"u","resourceVersion":"7"},"data":{"k":"v"}})";

const ObjectRef kRef{{"v1", "ConfigMap"}, "x", "a"};

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() : cluster_(NewCluster(http::Borrow(transport_), "context test")) {
    call_.clock = &clock_;
    call_.deadline = clock_.Now() + absl::Minutes(10);
  }

  Json Declared() const { return Json::parse(kStored); }

  std::vector<std::string> Sent() const {
    std::vector<std::string> lines;
    for (const http::Request& request : transport_.requests()) {
      lines.push_back(absl::StrCat(request.method, " ", request.url));
    }
    return lines;
  }
  http::Request Last() const { return transport_.requests().back(); }

  FakeClock clock_;
  Call call_;
  http::FakeTransport transport_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, AddressesObjects) {
  transport_.Handle([](const Call&, const http::Request&) {
    return http::Response{.status = 200, .body = "{}"};
  });
  (void)cluster_->Get(call_, kRef);
  (void)cluster_->Get(call_, {{"apps/v1", "Deployment"}, "x", "web"});
  (void)cluster_->Get(call_, {{"rbac.authorization.k8s.io/v1", "ClusterRole"}, "", "system:a c"});
  EXPECT_THAT(Sent(),
              ElementsAre("GET /api/v1/namespaces/x/configmaps/a",
                          "GET /apis/apps/v1/namespaces/x/deployments/web",
                          "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%20c"));
}

TEST_F(ClusterTest, ScopeAndNamespaceMustGoTogether) {
  EXPECT_THAT(
      cluster_->Get(call_, {{"v1", "ConfigMap"}, "", "a"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("metadata.namespace is missing")));
  EXPECT_THAT(
      cluster_->Get(call_, {{"v1", "Namespace"}, "x", "a"}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes no metadata.namespace")));
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(ClusterTest, AppliesWithManagerAndStrictChecks) {
  transport_.Answer(201, kStored);
  const absl::StatusOr<Json> verdict =
      cluster_->Apply(call_, Declared(), {.manager = "m", .force = true, .dry_run = true});
  ASSERT_THAT(verdict, IsOk());
  EXPECT_TRUE(verdict->is_null());
  EXPECT_EQ(Last().method, "PATCH");
  EXPECT_EQ(Last().url,
            "/api/v1/namespaces/x/configmaps/"
            "a?fieldManager=m&fieldValidation=Strict&force=true&dryRun=All");
  EXPECT_THAT(Last().headers,
              ::testing::Contains(Pair("Content-Type", "application/apply-patch+yaml")));
  EXPECT_EQ(Last().repeat, http::Repeat::kSafe);
  EXPECT_EQ(Json::parse(Last().body), Declared());
}

TEST_F(ClusterTest, EscapesWhatYamlWouldRefuseOrFold) {
  transport_.Answer(200, kStored);
  Json object = Declared();
  object["data"] = {
      {"k",
       "\x7f \xC2\x81 \xC2\x85 \xE2\x80\xA8 \xE2\x80\xA9 \xEF\xBB\xBF \xEF\xBF\xBE \xEF\xBF\xBD "
       "\xF0\x9F\x98\x80 \xC3\xA9 \t"}};
  ASSERT_THAT(cluster_->Apply(call_, object, {}), IsOk());
  EXPECT_THAT(Last().body,
              HasSubstr("\"\\u007f \\u0081 \\u0085 \\u2028 \\u2029 \\ufeff \\ufffe \xEF\xBF\xBD "
                        "\xF0\x9F\x98\x80 \xC3\xA9 \\t\""));
  EXPECT_EQ(Json::parse(Last().body), object);
}

TEST_F(ClusterTest, ANameIsNoWayToAnotherObject) {
  for (const char* name : {"..", ".", "a/status", "a%2Fb"}) {
    for (const ObjectRef& ref :
         {ObjectRef{{"v1", "ConfigMap"}, "x", name}, ObjectRef{{"v1", "ConfigMap"}, name, "a"}}) {
      EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Get(call_, ref).status())) << ref.ToString();
      EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Delete(call_, ref, {}))) << ref.ToString();
    }
  }
}

TEST_F(ClusterTest, CreatesWithPost) {
  transport_.Answer(201, kStored);
  ASSERT_THAT(cluster_->Create(call_, Declared(), {.manager = "m"}), IsOk());
  EXPECT_EQ(Last().method, "POST");
  EXPECT_EQ(Last().url, "/api/v1/namespaces/x/configmaps?fieldManager=m&fieldValidation=Strict");
  EXPECT_TRUE(cluster_->CreatedThisRun(kRef));
}

TEST_F(ClusterTest, KnowsWhatItCreatedInThisRun) {
  transport_.Answer(200, kStored);
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {}), IsOk());
  EXPECT_FALSE(cluster_->CreatedThisRun(kRef));
  transport_.Answer(201, kStored);
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {.dry_run = true}), IsOk());
  EXPECT_FALSE(cluster_->CreatedThisRun(kRef));
  transport_.Answer(201, kStored);
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {}), IsOk());
  EXPECT_TRUE(cluster_->CreatedThisRun(kRef));
  transport_.Answer(200, kDeletedStatus);
  ASSERT_THAT(cluster_->Delete(call_, kRef, {}), IsOk());
  EXPECT_FALSE(cluster_->CreatedThisRun(kRef));
}

TEST_F(ClusterTest, PatchesWithTheRightType) {
  for (const auto& [type, expected] :
       {std::pair{PatchType::kMerge, "application/merge-patch+json"},
        std::pair{PatchType::kJson, "application/json-patch+json"},
        std::pair{PatchType::kStrategicMerge, "application/strategic-merge-patch+json"}}) {
    transport_.Answer(200, kStored);
    ASSERT_THAT(cluster_->Patch(call_, kRef, type, Json::object(), "m"), IsOk());
    EXPECT_THAT(Last().headers, ::testing::Contains(Pair("Content-Type", expected)));
    EXPECT_EQ(Last().repeat, http::Repeat::kByMethod);
  }
}

TEST_F(ClusterTest, DeletesWithPrecondition) {
  transport_.Answer(200, kDeletedStatus);
  ASSERT_THAT(cluster_->Delete(call_, kRef, {.propagation = "Foreground", .uid = "u"}), IsOk());
  EXPECT_EQ(
      Json::parse(Last().body),
      Json::parse(
          R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Foreground","preconditions":{"uid":"u"}})"));
}

TEST_F(ClusterTest, ADeletionWhoseAnswerWasLostHasHappened) {
  transport_.Handle([](const Call&, const http::Request&) {
    return http::Response{.status = 404, .body = kNotFound, .attempts = 2};
  });
  EXPECT_THAT(cluster_->Delete(call_, kRef, {}), IsOk());
}

TEST_F(ClusterTest, ADeletionOfNothingIsNotFound) {
  transport_.Answer(404, kNotFound);
  EXPECT_THAT(cluster_->Delete(call_, kRef, {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ClusterTest, OwnWritesAreReadBackWithoutARequest) {
  transport_.Answer(201, kStored);
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {}), IsOk());
  const auto read = cluster_->Read(call_, kRef);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(Text(**read, "metadata.resourceVersion"), "7");
  transport_.Answer(200, kDeletedStatus);
  ASSERT_THAT(cluster_->Delete(call_, kRef, {}), IsOk());
  EXPECT_THAT(cluster_->Read(call_, kRef), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Sent(), SizeIs(2));
}

TEST_F(ClusterTest, WhatFinalizersKeepIsReadFromTheServer) {
  transport_.Answer(200, kStored);  // the object itself: it is still there
  ASSERT_THAT(cluster_->Delete(call_, kRef, {}), IsOk());
  transport_.Answer(200, kStored);
  EXPECT_THAT(cluster_->Read(call_, kRef), IsOk());
  EXPECT_THAT(Sent(), SizeIs(2));
}

TEST_F(ClusterTest, AWriteThatFailedMakesTheNextReadAsk) {
  transport_.Answer(201, kStored);
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {}), IsOk());
  transport_.Fail(absl::UnavailableError("connection lost"));
  EXPECT_THAT(cluster_->Apply(call_, Declared(), {}), StatusIs(absl::StatusCode::kUnavailable));
  transport_.Answer(404, kNotFound);
  EXPECT_THAT(cluster_->Read(call_, kRef), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ClusterTest, ADryRunChangesNothingThatWeKnow) {
  transport_.Answer(200, kStored);
  ASSERT_THAT(cluster_->Read(call_, kRef), IsOk());
  transport_.Answer(200, R"({"metadata":{"name":"a","resourceVersion":"8"}})");
  ASSERT_THAT(cluster_->Apply(call_, Declared(), {.dry_run = true}), IsOk());
  EXPECT_EQ(Text(**cluster_->Read(call_, kRef), "metadata.resourceVersion"), "7");
}

TEST_F(ClusterTest, ListsInPages) {
  transport_.Answer(200, R"({"metadata":{"continue":"c 1"},"items":[{"metadata":{"name":"a"}}]})");
  transport_.Answer(200, R"({"metadata":{},"items":[{"metadata":{"name":"b"}}]})");
  const auto objects =
      cluster_->List(call_, {"v1", "ConfigMap"},
                     {.name_space = "x", .label_selector = "a in (b)", .field_selector = "f=1"});
  ASSERT_THAT(objects, IsOk());
  ASSERT_THAT(*objects, SizeIs(2));
  EXPECT_EQ((*objects)[1]["kind"], "ConfigMap");
  EXPECT_EQ((*objects)[1]["apiVersion"], "v1");
  EXPECT_THAT(Sent(),
              ElementsAre("GET "
                          "/api/v1/namespaces/x/"
                          "configmaps?labelSelector=a%20in%20%28b%29&fieldSelector=f%3D1&limit=500",
                          AllOf(StartsWith("GET /api/v1/namespaces/x/configmaps?"),
                                HasSubstr("continue=c%201"))));
}

TEST_F(ClusterTest, AListStopsAtItsLimit) {
  transport_.Answer(
      200,
      R"({"metadata":{"continue":"c"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})");
  const auto objects = cluster_->List(call_, {"v1", "ConfigMap"}, {.limit = 2});
  ASSERT_THAT(objects, IsOk());
  EXPECT_THAT(*objects, SizeIs(2));
  EXPECT_THAT(Sent(), ElementsAre("GET /api/v1/configmaps?limit=2"));
}

TEST_F(ClusterTest, ErrorsNameTheObjectAndWhatWasDone) {
  transport_.Answer(
      403,
      R"({"kind":"Status","status":"Failure","message":"configmaps \"a\" is forbidden: User \"u\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"x\"","reason":"Forbidden","details":{"name":"a","kind":"configmaps"},"code":403})");
  EXPECT_THAT(cluster_->Apply(call_, Declared(), {}),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "applying v1/ConfigMap/x/a: configmaps \"a\" is forbidden: User \"u\" "
                       "cannot patch resource "
                       "\"configmaps\" in API group \"\" in the namespace \"x\""));
  transport_.Fail(absl::UnavailableError("no connection to h:6443: refused"));
  EXPECT_THAT(cluster_->Get(call_, kRef),
              StatusIs(absl::StatusCode::kUnavailable,
                       "reading v1/ConfigMap/x/a: no connection to h:6443: refused"));
}

TEST_F(ClusterTest, TellsApartWhatIsMissing) {
  transport_.Answer(404, kNotFound);
  EXPECT_EQ(MissingOf(cluster_->Get(call_, kRef).status()), Missing::kObject);
  transport_.Answer(404, kNoNamespace);
  const auto no_namespace = cluster_->Apply(call_, Declared(), {});
  EXPECT_EQ(MissingOf(no_namespace.status()), Missing::kNamespace);
  EXPECT_THAT(no_namespace,
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("namespaces \"x\" not found")));
  EXPECT_THAT(RemedyOf(no_namespace.status()), Optional(HasSubstr("charon_tier_namespace")));
  // The namespace itself is an object like any other.
  transport_.Answer(404, kNoNamespace);
  EXPECT_EQ(MissingOf(cluster_->Get(call_, {{"v1", "Namespace"}, "", "x"}).status()),
            Missing::kObject);
  for (const char* body : {kNoResource, "404 page not found\n"}) {
    transport_.Answer(404, body).Answer(200, kNoGroups).Answer(404, body);
    auto fresh = NewCluster(http::Borrow(transport_), "");
    const auto missing = fresh->Get(call_, {{"batch/v1", "CronJob"}, "x", "a"});
    EXPECT_EQ(MissingOf(missing.status()), Missing::kKind);
    EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound,
                                  HasSubstr("no kind \"CronJob\" in batch/v1")));
  }
  // A server that has just been started answers before it knows all that it has.
  transport_.Answer(404, kNoResource).Answer(200, kNoGroups).Answer(503, "starting");
  auto starting = NewCluster(http::Borrow(transport_), "");
  EXPECT_THAT(starting->Get(call_, {{"batch/v1", "CronJob"}, "x", "a"}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(MissingOf(absl::OkStatus()), Missing::kNothing);
}

// What is no answer of the Kubernetes API says nothing about the object: a wrong path in the
// address, the default backend of an ingress, a login page.
TEST_F(ClusterTest, OnlyTheServerItselfCanSayThatAnObjectIsGone) {
  struct Case {
    int status;
    const char* body;
    const char* said;
  };
  constexpr char kPage[] = "<!doctype html>\n<title>Log in</title>";
  constexpr char kStatus[] =
      R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})";
  constexpr char kOther[] =
      R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b","namespace":"x"},"data":{"k":"quoted"}})";
  for (const Case& c : std::vector<Case>{
           {404, "404 page not found\n", "gave 404, 404 page not found"},
           {404, "default backend - 404", "gave 404, default backend - 404"},
           {404, kPage, "gave 404, <!doctype html> <title>Log in</title>"},
           {404, "", "gave 404 and nothing else"},
           {404, R"({"message":"no Route matched with those values"})", "no Route matched"},
           {200, kPage, "gave <!doctype html> <title>Log in</title>"},
           {200, "", "gave nothing"},
           {200, "{}", "gave JSON that is no object of it"},
           {200, kStatus, "gave a Status"},
           {200, kOther, "gave a ConfigMap named \"b\""},
       }) {
    http::FakeTransport everywhere;
    everywhere.Handle([&c](const Call&, const http::Request&) {
      return http::Response{.status = c.status, .body = c.body};
    });
    const auto is_error =
        StatusIs(absl::StatusCode::kUnavailable,
                 AllOf(HasSubstr("what answers at https://h/c1 is not the Kubernetes API: "),
                       HasSubstr(c.said), ::testing::Not(HasSubstr("quoted"))));
    const auto fresh = [&] {
      return NewCluster(http::Borrow(everywhere), "context test", {.address = "https://h/c1"});
    };
    SCOPED_TRACE(absl::StrCat(c.status, " ", c.body));
    EXPECT_THAT(fresh()->Get(call_, kRef), is_error);
    EXPECT_THAT(RemedyOf(fresh()->Get(call_, kRef).status()).value_or(""),
                AllOf(HasSubstr("Correct the address"), HasSubstr("context test")));
    const auto cluster = fresh();
    for (int i = 0; i < 4; ++i) EXPECT_THAT(cluster->Read(call_, kRef), is_error);
    EXPECT_THAT(fresh()->Read(call_, {{"acme.test/v1", "Foo"}, "x", "a"}),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is not the Kubernetes API")));
    EXPECT_THAT(fresh()->Apply(call_, Declared(), {}), is_error);
    EXPECT_THAT(fresh()->List(call_, {"v1", "ConfigMap"}, {}),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is not the Kubernetes API")));
    EXPECT_THAT(fresh()->Version(call_),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is not the Kubernetes API")));
    if (absl::string_view(c.said) != "gave a Status") {
      EXPECT_THAT(fresh()->Delete(call_, kRef, {}), is_error);
    }
  }
}

// A webhook that refuses with 404, another server behind the same address.
TEST_F(ClusterTest, A404OfAKindThatTheServerHasDoesNotSayThatTheObjectIsGone) {
  for (
      const char* body :
      {R"({"kind":"Status","status":"Failure","reason":"NotFound","message":"admission webhook \"w\" denied the request: no","code":404})",
       R"({"kind":"Status","status":"Failure","reason":"NotFound","message":"secrets \"b\" not found","details":{"name":"b","kind":"secrets"},"code":404})",
       "default backend - 404"}) {
    transport_.Handle([&](const Call&, const http::Request& request) {
      if (request.url != "/api") return http::Response{.status = 404, .body = body};
      return http::Response{
          .status = 200,
          .body =
              R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{},"versions":[{"version":"v1","resources":[
              {"resource":"configmaps","responseKind":{"kind":"ConfigMap"},"scope":"Namespaced","verbs":["get"]}]}]}]})"};
    });
    const auto is_error = StatusIs(
        absl::StatusCode::kUnavailable,
        AllOf(HasSubstr("says that it has v1/ConfigMap, but does not find it"), HasSubstr("404")));
    EXPECT_THAT(cluster_->Delete(call_, kRef, {}), is_error);
    EXPECT_THAT(cluster_->Read(call_, kRef), is_error);
  }
}

// Objects are the same in all versions of their kind.
TEST_F(ClusterTest, AnObjectIsFoundAndDeletedInTheVersionThatIsServed) {
  constexpr char kFoo[] =
      R"({"kind":"Foo","apiVersion":"acme.test/v1","metadata":{"name":"f","namespace":"x","uid":"u"}})";
  transport_.Handle([&](const Call&, const http::Request& request) {
    if (request.url == "/apis") {
      return http::Response{
          .status = 200,
          .body =
              R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"acme.test"},"versions":[{"version":"v1","resources":[
              {"resource":"foos","responseKind":{"kind":"Foo"},"scope":"Namespaced","verbs":["get"]}]}]}]})"};
    }
    if (absl::StrContains(request.url, "limit=")) {
      return http::Response{
          .status = 200,
          .body = absl::StrCat(
              R"({"kind":"FooList","apiVersion":"acme.test/v1","metadata":{},"items":[)", kFoo,
              "]}")};
    }
    return http::Response{.status = 200, .body = request.method == "GET" ? kFoo : kDeletedStatus};
  });
  const ObjectRef former{{"acme.test/v1beta1", "Foo"}, "x", "f"};
  EXPECT_THAT(cluster_->Read(call_, former), IsOk());
  EXPECT_THAT(cluster_->Get(call_, former), IsOk());
  EXPECT_THAT(cluster_->Delete(call_, former, {}), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET /apis", "GET /apis/acme.test/v1/namespaces/x/foos/f",
                                  "GET /apis/acme.test/v1/namespaces/x/foos/f",
                                  "DELETE /apis/acme.test/v1/namespaces/x/foos/f"));
  const auto listed = cluster_->List(call_, former.kind, {});
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(*listed, SizeIs(1));
  EXPECT_EQ(Text(listed->front(), "apiVersion"), "acme.test/v1");
  Json declared = Json::parse(kFoo);
  declared["apiVersion"] = former.kind.api_version;
  const absl::Status refused = cluster_->Apply(call_, declared, {}).status();
  EXPECT_EQ(MissingOf(refused), Missing::kVersion);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnimplemented,
                                HasSubstr("the server has it in acme.test/v1")));
  EXPECT_THAT(*RemedyOf(refused), HasSubstr("Write a version that the server has"));
}

// Also where the table of built-in kinds has a version that this server no longer has.
TEST_F(ClusterTest, ABuiltInKindIsReadInAnotherVersion) {
  transport_.Handle([&](const Call&, const http::Request& request) {
    if (request.url == "/apis") {
      return http::Response{
          .status = 200,
          .body =
              R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"autoscaling"},"versions":[{"version":"v2","resources":[
              {"resource":"horizontalpodautoscalers","responseKind":{"kind":"HorizontalPodAutoscaler"},"scope":"Namespaced","verbs":["get"]}]}]}]})"};
    }
    if (absl::StrContains(request.url, "/v1/"))
      return http::Response{.status = 404, .body = kNoResource};
    return http::Response{
        .status = 200,
        .body =
            R"({"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v2","metadata":{"name":"a","namespace":"x"}})"};
  });
  const ObjectRef ref{{"autoscaling/v1", "HorizontalPodAutoscaler"}, "x", "a"};
  EXPECT_THAT(cluster_->Read(call_, ref), IsOk());
  auto fresh = NewCluster(http::Borrow(transport_), "");
  EXPECT_THAT(fresh->Get(call_, ref), IsOk());
}

TEST_F(ClusterTest, AFieldThatTheKindLacksIsTheUsersMistake) {
  transport_.Answer(
      500,
      R"({"kind":"Status","status":"Failure","message":"failed to create typed patch object (x/a; /v1, Kind=ConfigMap): .daata: field not declared in schema","code":500})");
  const auto refused = cluster_->Apply(call_, Declared(), {});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument,
                                "applying v1/ConfigMap/x/a: .daata: field not declared in schema"));
  const ApiError error = ApiErrorOf(refused.status());
  ASSERT_THAT(error.causes, SizeIs(1));
  EXPECT_EQ(error.causes[0].field, ".daata");
  transport_.Answer(
      500,
      R"({"kind":"Status","status":"Failure","message":"failed to create typed patch object (x/a; /v1, Kind=ConfigMap): errors:\n  .a: field not declared in schema\n  .b: expected string, got &value.valueUnstructured{Value:1}","code":500})");
  EXPECT_THAT(ApiErrorOf(cluster_->Apply(call_, Declared(), {}).status()).causes, SizeIs(2));
}

TEST_F(ClusterTest, ServesAKindThatWeDefinedAMomentAgo) {
  const Json crd =
      Json::parse(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
      "metadata":{"name":"nuts.own.test"},"spec":{"group":"own.test","scope":"Namespaced",
      "names":{"plural":"nuts","kind":"Nut"},"versions":[{"name":"v1","served":true}]}})");
  transport_.Answer(201, crd.dump());
  ASSERT_THAT(cluster_->Apply(call_, crd, {}), IsOk());
  const Json nut = {{"apiVersion", "own.test/v1"},
                    {"kind", "Nut"},
                    {"metadata", {{"name", "n"}, {"namespace", "x"}}}};
  transport_.Answer(404, "404 page not found\n")
      .Answer(404, "404 page not found\n")
      .Answer(201, nut.dump());
  EXPECT_THAT(cluster_->Apply(call_, nut, {}), IsOk());
  EXPECT_THAT(Sent(), SizeIs(4));
  EXPECT_THAT(
      Sent(),
      ::testing::Contains(StartsWith("PATCH /apis/own.test/v1/namespaces/x/nuts/n?")).Times(3));

  // But not for ever.
  clock_.Advance(absl::Minutes(1));
  transport_.Answer(404, "404 page not found\n")
      .Answer(200, kNoGroups)
      .Answer(404, "404 page not found\n");
  EXPECT_EQ(MissingOf(cluster_->Apply(call_, nut, {}).status()), Missing::kKind);
}

// What is looked for in a namespace before it is deleted must not be missed.
TEST_F(ClusterTest, AllKindsAreThoseThatAreDefinedToo) {
  const std::string definitions =
      R"({"kind":"PartialObjectMetadataList","items":[{"metadata":{"name":"nuts.own.test"}}]})";
  const std::string with =
      R"({"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"own.test"},"versions":[{"version":"v1","resources":[
      {"resource":"nuts","responseKind":{"kind":"Nut"},"scope":"Namespaced","verbs":["get"]}]}]}]})";
  const std::string group = R"({"kind":"APIGroup","name":"own.test"})";
  // A server that was just started lists it a moment later, or has not yet.
  transport_.Answer(200, kNoGroups).Answer(200, kNoGroups).Answer(200, definitions);
  transport_.Answer(200, group).Answer(200, kNoGroups).Answer(200, with).Answer(200, definitions);
  const auto later = cluster_->Kinds(call_);
  ASSERT_THAT(later, IsOk());
  EXPECT_THAT(*later, SizeIs(1));

  const auto starting = NewCluster(http::Borrow(transport_), "");
  const absl::Time began = clock_.Now();
  for (int i = 0; i < 6; ++i) {
    transport_.Answer(200, kNoGroups).Answer(200, kNoGroups).Answer(200, definitions);
    transport_.Answer(200, group);
  }
  EXPECT_THAT(starting->Kinds(call_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lacks those of own.test")));
  EXPECT_EQ(clock_.Now() - began, absl::Seconds(4));

  // A definition that serves nothing has no group, and an account may not be let in.
  for (const int status : {404, 403}) {
    const auto cluster = NewCluster(http::Borrow(transport_), "");
    transport_.Answer(200, kNoGroups).Answer(200, kNoGroups);
    if (status == 403) {
      transport_.Answer(403,
                        R"({"kind":"Status","status":"Failure","reason":"Forbidden","code":403})");
    } else {
      transport_.Answer(200, definitions).Answer(404, "404 page not found\n");
    }
    EXPECT_THAT(cluster->Kinds(call_), IsOk()) << status;
  }
}

TEST_F(ClusterTest, WhatADefinitionServesNoMoreIsNotGone) {
  const auto definition = [](bool served) {
    return Json{{"apiVersion", "apiextensions.k8s.io/v1"},
                {"kind", "CustomResourceDefinition"},
                {"metadata", {{"name", "nuts.own.test"}}},
                {"spec",
                 {{"group", "own.test"},
                  {"names", {{"kind", "Nut"}}},
                  {"versions", {{{"name", "v1"}, {"served", served}}}}}}};
  };
  const Json names = {{"kind", "PartialObjectMetadataList"},
                      {"items",
                       {{{"metadata", {{"name", "bolts.own.test"}}}},
                        {{"metadata", {{"name", "nuts.own.test"}}}}}}};
  Json bolt = definition(false);
  bolt["metadata"]["name"] = "bolts.own.test";
  bolt["spec"]["names"]["kind"] = "Bolt";
  const ObjectRef nut{{"own.test/v1", "Nut"}, "x", "n"};
  const auto ask = [&](int status, const Json& list, bool served) {
    http::FakeTransport transport;
    const auto cluster = NewCluster(http::Borrow(transport), "");
    transport.Answer(200, kNoGroups).Answer(404, kNoResource).Answer(status, list.dump());
    transport.Answer(200, bolt.dump()).Answer(200, definition(served).dump());
    const absl::Status read = cluster->Get(call_, nut).status();
    // Asked once a run.
    const std::size_t requests = transport.requests().size();
    EXPECT_EQ(cluster->Delete(call_, nut, {}).code(), read.code());
    EXPECT_EQ(transport.requests().size(), requests);
    return read;
  };
  EXPECT_THAT(ask(200, names, false), StatusIs(absl::StatusCode::kUnavailable,
                                               HasSubstr("nuts.own.test serves no version")));
  EXPECT_EQ(MissingOf(ask(200, names, true)), Missing::kKind);
  const Json forbidden = {{"kind", "Status"},
                          {"status", "Failure"},
                          {"reason", "Forbidden"},
                          {"message", "cannot list"},
                          {"code", 403}};
  EXPECT_EQ(MissingOf(ask(403, forbidden, false)), Missing::kKind);
}

TEST_F(ClusterTest, AsksForTheVersionOnce) {
  transport_.Answer(200, R"({"major":"1","minor":"31+","gitVersion":"v1.31.2-eks-7f9249a"})");
  for (int i = 0; i < 2; ++i) {
    const auto version = cluster_->Version(call_);
    ASSERT_THAT(version, IsOk());
    EXPECT_EQ(version->major, 1);
    EXPECT_EQ(version->minor, 31);
    EXPECT_EQ(version->git_version, "v1.31.2-eks-7f9249a");
  }
  EXPECT_THAT(Sent(), SizeIs(1));
}

TEST_F(ClusterTest, WatchesByName) {
  transport_.Answer(
      200,
      R"({"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a","resourceVersion":"5"}}]})");
  transport_.Answer(
      200, R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"10"}}})"
           "\n");
  std::vector<std::string> seen;
  EXPECT_THAT(cluster_->Watch(call_, kRef,
                              [&](const WatchEvent& event) {
                                seen.push_back(event.type);
                                return seen.size() == 2;
                              }),
              IsOk());
  EXPECT_THAT(seen, ElementsAre("ADDED", "MODIFIED"));
  EXPECT_THAT(
      Sent(),
      ElementsAre("GET /api/v1/namespaces/x/configmaps?fieldSelector=metadata.name%3Da",
                  "GET /api/v1/namespaces/x/configmaps?fieldSelector=metadata.name%3Da&watch=1&"
                  "allowWatchBookmarks=true&resourceVersion=9&timeoutSeconds=120"));
}

TEST_F(ClusterTest, WatchesByPollingWhereOnlyGetIsAllowed) {
  transport_.Answer(
      403,
      R"({"kind":"Status","status":"Failure","message":"cannot list","reason":"Forbidden","code":403})");
  transport_.Answer(200, kStored).Answer(404, kNotFound);
  std::vector<std::string> seen;
  EXPECT_THAT(cluster_->Watch(call_, kRef,
                              [&](const WatchEvent& event) {
                                seen.push_back(event.type);
                                return event.type == "DELETED";
                              }),
              IsOk());
  EXPECT_THAT(seen, ElementsAre("ADDED", "DELETED"));
}

}  // namespace
}  // namespace charon::kubernetes

#include "provider/clients/kubernetes/object.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/causes.h"

namespace charon::kubernetes {
namespace {

using ::testing::HasSubstr;

TEST(IsBuiltInGroup, KnowsTheGroupsOfTheServerItself) {
  for (const char* group : {"", "apps", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"})
    EXPECT_TRUE(IsBuiltInGroup(group)) << group;
  for (const char* group : {"example.com", "gateway.networking.k8s.io", "snapshot.storage.k8s.io"})
    EXPECT_FALSE(IsBuiltInGroup(group)) << group;
}

TEST(ObjectRef, ReadsItsOwnText) {
  for (const char* id :
       {"v1/Namespace/shop", "v1/ConfigMap/shop/settings", "apps/v1/Deployment/shop/web",
        "rbac.authorization.k8s.io/v1/ClusterRole/system:node", "example.org/v1beta1/Thing/one",
        "example.org/stable/Thing/ns/one"}) {
    const absl::StatusOr<ObjectRef> ref = ObjectRef::Parse(id);
    ASSERT_TRUE(ref.ok()) << ref.status();
    EXPECT_EQ(ref->ToString(), id);
  }
  const ObjectRef web = ObjectRef::Parse("apps/v1/Deployment/shop/web").value();
  EXPECT_EQ(web.kind.api_version, "apps/v1");
  EXPECT_EQ(web.kind.group(), "apps");
  EXPECT_EQ(web.kind.version(), "v1");
  EXPECT_EQ(web.name_space, "shop");
  const ObjectRef role = ObjectRef::Parse("rbac.authorization.k8s.io/v1/ClusterRole/a").value();
  EXPECT_EQ(role.name_space, "");
  EXPECT_EQ(role.name, "a");
  EXPECT_EQ(ObjectRef::Parse("v1/Secret/a/b")->kind.group(), "");
}

TEST(ObjectRef, OtherTextsAreRefusedShowingBothForms) {
  for (const char* id :
       {"", "web", "v1/web", "v1/Namespace", "apps/v1/Deployment", "v1/Pod/a/b/c", "a/b/C/d/e/f",
        "v1//a", "v1/Pod/", "v1/Pod/a b", "v1/pod/a", "apps/v1/deployment/a/b"}) {
    const absl::StatusOr<ObjectRef> ref = ObjectRef::Parse(id);
    ASSERT_FALSE(ref.ok()) << id;
    EXPECT_EQ(ref.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(ref.status().message(), HasSubstr("apps/v1/Deployment/shop/web"));
    EXPECT_THAT(ref.status().message(), HasSubstr("v1/Namespace/shop"));
  }
}

TEST(RefOf, NamesTheObject) {
  const Json object = {{"apiVersion", "apps/v1"},
                       {"kind", "Deployment"},
                       {"metadata", {{"name", "web"}, {"namespace", "shop"}}}};
  EXPECT_EQ(RefOf(object)->ToString(), "apps/v1/Deployment/shop/web");
}

TEST(RefOf, NamesTheFieldThatIsWrong) {
  const auto error = [](const char* text) {
    return std::string(RefOf(Json::parse(text)).status().message());
  };
  EXPECT_THAT(error(R"(null)"), HasSubstr("this is nothing"));
  EXPECT_THAT(error(R"([])"), HasSubstr("this is array"));
  EXPECT_THAT(error(R"({"kind":"A"})"), HasSubstr("no apiVersion"));
  EXPECT_THAT(error(R"({"apiVersion":1})"), HasSubstr("apiVersion is number"));
  EXPECT_THAT(error(R"({"apiVersion":"v1"})"), HasSubstr("no kind"));
  EXPECT_THAT(error(R"({"apiVersion":"v1","kind":"A"})"), HasSubstr("no metadata.name"));
  EXPECT_THAT(error(R"({"apiVersion":"v1","kind":"A","metadata":[]})"),
              HasSubstr("metadata is array"));
  EXPECT_THAT(error(R"({"apiVersion":"v1","kind":"A","metadata":{"name":""}})"),
              HasSubstr("metadata.name is empty"));
  EXPECT_THAT(error(R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a","namespace":true}})"),
              HasSubstr("metadata.namespace is boolean"));
  EXPECT_THAT(error(R"({"apiVersion":"v1","kind":"A","metadata":{"generateName":"a-"}})"),
              HasSubstr("a new object with a new name at each apply"));
}

TEST(RefOf, RefusesGenerateNameBesideANameToo) {
  Json object = {{"apiVersion", "batch/v1"},
                 {"kind", "Job"},
                 {"metadata", {{"name", "a-x7"}, {"namespace", "shop"}, {"generateName", "a-"}}}};
  const absl::Status status = RefOf(object).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("metadata.generateName beside metadata.name"));
  EXPECT_THAT(status.message(), HasSubstr("Remove generateName"));
  // As the server has it, and as lists and reads give it.
  object["metadata"]["uid"] = "6a1d";
  ASSERT_TRUE(RefOf(object).ok()) << RefOf(object).status();
  EXPECT_EQ(RefOf(object)->ToString(), "batch/v1/Job/shop/a-x7");
}

TEST(Field, IsNullWhereThereIsNone) {
  const Json object = {{"a", {{"b", {{"c", 1}}}}}, {"list", {1, 2}}};
  EXPECT_EQ(Field(object, "a.b.c"), 1);
  EXPECT_TRUE(Field(object, "a.x.c").is_null());
  EXPECT_TRUE(Field(object, "a.b.c.d").is_null());
  EXPECT_TRUE(Field(object, "list.0").is_null());
  EXPECT_EQ(Text(object, "a.b.c"), "");
}

// Shapes recorded from Kubernetes 1.36.3 where they are its own, trimmed.
struct ErrorShape {
  const char* what;
  int http;
  const char* body;
  absl::StatusCode code;
  const char* message;
};
const ErrorShape kShapes[] = {
    {"no object", 404,
     R"({"kind":"Status","status":"Failure","message":"configmaps \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"configmaps"},"code":404})",
     absl::StatusCode::kNotFound, "configmaps \"x\" not found"},
    {"no kind", 404, "404 page not found\n", absl::StatusCode::kNotFound, "404 page not found"},
    {"there already", 409,
     R"({"kind":"Status","message":"namespaces \"t\" already exists","reason":"AlreadyExists","code":409})",
     absl::StatusCode::kAlreadyExists, "namespaces \"t\" already exists"},
    {"changed meanwhile", 409,
     R"({"kind":"Status","message":"Operation cannot be fulfilled on configmaps \"c\": the object has been modified","reason":"Conflict","code":409})",
     absl::StatusCode::kAborted,
     "Operation cannot be fulfilled on configmaps \"c\": the object has been modified"},
    {"no credentials", 401,
     R"({"kind":"Status","message":"Unauthorized","reason":"Unauthorized","code":401})",
     absl::StatusCode::kUnauthenticated, "Unauthorized"},
    {"no right", 403,
     R"({"kind":"Status","message":"secrets is forbidden: User \"u\" cannot list resource \"secrets\" in API group \"\" in the namespace \"t\"","reason":"Forbidden","code":403})",
     absl::StatusCode::kPermissionDenied,
     "secrets is forbidden: User \"u\" cannot list resource \"secrets\" in API group \"\" in the "
     "namespace \"t\""},
    {"quota", 403,
     R"({"kind":"Status","message":"pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1","reason":"Forbidden","code":403})",
     absl::StatusCode::kResourceExhausted,
     "pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: "
     "pods=1"},
    {"namespace goes away", 403,
     R"({"kind":"Status","message":"configmaps \"c\" is forbidden: unable to create new content in namespace t because it is being terminated","reason":"Forbidden","details":{"name":"c","kind":"configmaps","causes":[{"reason":"NamespaceTerminating","message":"namespace t is being terminated","field":"metadata.namespace"}]},"code":403})",
     absl::StatusCode::kFailedPrecondition,
     "configmaps \"c\" is forbidden: unable to create new content in namespace t because it is "
     "being terminated"},
    {"invalid", 422,
     R"({"kind":"Status","message":"Deployment.apps \"w\" is invalid","reason":"Invalid","code":422})",
     absl::StatusCode::kInvalidArgument, "Deployment.apps \"w\" is invalid"},
    {"webhook", 400,
     R"({"kind":"Status","message":"admission webhook \"w\" denied the request: no","reason":"BadRequest","code":400})",
     absl::StatusCode::kInvalidArgument, "admission webhook \"w\" denied the request: no"},
    {"webhook timeout", 500,
     R"({"kind":"Status","message":"Internal error occurred: failed calling webhook \"w\": context deadline exceeded","reason":"InternalError","code":500})",
     absl::StatusCode::kFailedPrecondition,
     "Internal error occurred: failed calling webhook \"w\": context deadline exceeded"},
    {"server timeout", 504,
     R"({"kind":"Status","message":"Timeout: request did not complete","reason":"Timeout","code":504})",
     absl::StatusCode::kDeadlineExceeded, "Timeout: request did not complete"},
    {"busy", 429,
     R"({"kind":"Status","message":"too many requests","reason":"TooManyRequests","details":{"retryAfterSeconds":3},"code":429})",
     absl::StatusCode::kUnavailable, "too many requests"},
    {"expired", 410,
     R"({"kind":"Status","message":"too old resource version","reason":"Expired","code":410})",
     absl::StatusCode::kOutOfRange, "too old resource version"},
    {"patch type", 415,
     R"({"kind":"Status","message":"unsupported","reason":"UnsupportedMediaType","code":415})",
     absl::StatusCode::kUnimplemented, "unsupported"},
    {"verb", 405,
     R"({"kind":"Status","message":"not allowed","reason":"MethodNotAllowed","code":405})",
     absl::StatusCode::kUnimplemented, "not allowed"},
    {"a proxy's page", 502, "<html>\r\n<body>\n  <h1>502  Bad Gateway</h1>\n",
     absl::StatusCode::kUnavailable, "<html> <body> <h1>502 Bad Gateway</h1>"},
    {"a proxy's JSON", 403, R"({"type":"error","status":"403","message":"no project"})",
     absl::StatusCode::kPermissionDenied, "no project"},
    {"error text", 401, R"({"error":"token expired"})", absl::StatusCode::kUnauthenticated,
     "token expired"},
    {"nothing", 503, "", absl::StatusCode::kUnavailable,
     "the API server answered HTTP 503 without a message"},
    {"status without message", 500, R"({"kind":"Status","reason":"InternalError"})",
     absl::StatusCode::kUnavailable,
     "the API server answered HTTP 500 InternalError without a message"},
    {"JSON of no known shape", 500, R"([1])", absl::StatusCode::kUnavailable, "[1]"},
};

TEST(StatusFromResponse, EveryShapeOfError) {
  for (const ErrorShape& shape : kShapes) {
    const absl::Status status = StatusFromResponse(shape.http, shape.body);
    EXPECT_EQ(status.code(), shape.code) << shape.what;
    EXPECT_EQ(status.message(), shape.message) << shape.what;
    EXPECT_EQ(ApiErrorOf(status).code, shape.http) << shape.what;
  }
  EXPECT_TRUE(StatusFromResponse(200, "").ok());
}

TEST(StatusFromResponse, CarriesTheCauses) {
  const absl::Status status =
      StatusFromResponse(409, R"({"kind":"Status","status":"Failure","reason":"Conflict","code":409,
    "message":"Apply failed with 2 conflicts","details":{"name":"web","group":"apps","kind":"deployments","causes":[
      {"reason":"FieldManagerConflict","message":"conflict with \"kubectl\" with subresource \"scale\"","field":".spec.replicas"},
      {"reason":"FieldManagerConflict","message":"conflict with \"helm\"","field":".spec.template.spec.containers[name=\"app\"].image"}]}})");
  const ApiError error = ApiErrorOf(status);
  EXPECT_EQ(error.reason, "Conflict");
  EXPECT_EQ(error.kind, "deployments");
  EXPECT_EQ(error.group, "apps");
  EXPECT_EQ(error.name, "web");
  ASSERT_EQ(error.causes.size(), 2U);
  EXPECT_EQ(error.causes[0].field, ".spec.replicas");
  EXPECT_EQ(error.causes[1].reason, "FieldManagerConflict");
  EXPECT_THAT(error.causes[1].message, HasSubstr("helm"));
}

// The server answers schema errors of an apply with 500 and nothing but text (Kubernetes 1.36.3).
TEST(StatusFromResponse, SchemaErrorsOfAnApplyAreNotTheServersFault) {
  const auto read = [](const std::string& message) {
    return StatusFromResponse(
        500, Json({{"kind", "Status"}, {"message", message}, {"code", 500}}).dump());
  };
  const std::string head =
      "failed to create typed patch object (t/web; apps/v1, Kind=Deployment): ";
  const absl::Status one = read(
      head + ".spec.template.spec.containers[name=\"a: b\"].prots: field not declared in schema");
  EXPECT_EQ(one.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(ApiErrorOf(one).causes.size(), 1U);
  EXPECT_EQ(ApiErrorOf(one).causes[0].field, ".spec.template.spec.containers[name=\"a: b\"].prots");
  EXPECT_EQ(ApiErrorOf(one).causes[0].message, "field not declared in schema");

  const absl::Status two = read(head +
                                "errors:\n  .spec.containers[0].name: expected string, got "
                                "&value.valueUnstructured{Value:1}\n"
                                "  .spec.paused: expected boolean, got &{yes}");
  ASSERT_EQ(ApiErrorOf(two).causes.size(), 2U);
  EXPECT_EQ(ApiErrorOf(two).causes[0].message, "expected string, got 1");
  EXPECT_EQ(ApiErrorOf(two).causes[1].field, ".spec.paused");
  EXPECT_EQ(ApiErrorOf(two).causes[1].message, "expected boolean, got yes");

  const absl::Status quantity = read(
      "failed to convert new object (/bad; apps/v1, Kind=Deployment) to proper version: unable to "
      "convert unstructured object "
      "to apps/v1, Kind=Deployment: quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  EXPECT_EQ(quantity.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(ApiErrorOf(quantity).causes.empty());
}

TEST(StatusFromResponse, SeveralCausesHaveALineEach) {
  const absl::Status status =
      StatusFromResponse(422, R"({"kind":"Status","reason":"Invalid","code":422,
    "message":"Service \"w\" is invalid: [spec.ports[0].port: Invalid value: 0: too small, spec.type: Unsupported value: \"X\"]",
    "details":{"causes":[{"reason":"FieldValueInvalid","field":"spec.ports[0].port","message":"Invalid value: 0: too small"},
      {"reason":"FieldValueNotSupported","field":"spec.type","message":"Unsupported value: \"X\""}]}})");
  EXPECT_EQ(status.message(),
            "Service \"w\" is invalid:\n- spec.ports[0].port: Invalid value: 0: too small\n"
            "- spec.type: Unsupported value: \"X\"");
  // Of some alone, in the context that was put in front.
  const absl::Status told = Annotate(status, "applying w");
  const std::vector<ApiError::Cause> causes = ApiErrorOf(told).causes;
  const absl::Status first = OnlyAbout(told, {causes[0]});
  EXPECT_EQ(
      first.message(),
      "applying w: Service \"w\" is invalid: spec.ports[0].port: Invalid value: 0: too small");
  EXPECT_EQ(first.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OnlyAbout(told, causes), told);
  EXPECT_EQ(OnlyAbout(absl::UnknownError("x"), causes), absl::UnknownError("x"));
}

TEST(StatusFromResponse, AMissingRightComesWithWhatToGrant) {
  const auto remedy = [](const char* message) {
    return RemedyOf(StatusFromResponse(
                        403, Json({{"message", message}, {"reason", "Forbidden"}}).dump()))
        .value_or("");
  };
  EXPECT_EQ(remedy("deployments.apps \"w\" is forbidden: User \"u\" cannot patch resource "
                   "\"deployments\" in API group "
                   "\"apps\" in the namespace \"t\""),
            "Bind a Role to \"u\" that has the verb \"patch\" on deployments.apps, and \"create\", "
            "since an apply may be "
            "either. To see what it may do: kubectl auth can-i --list --namespace t --as u");
  EXPECT_EQ(remedy("nodes is forbidden: User \"u\" cannot list resource \"nodes\" in API group "
                   "\"\" at the cluster scope"),
            "Bind a ClusterRole to \"u\" that has the verb \"list\" on nodes. To see what it may "
            "do: kubectl auth can-i --list "
            "--as u");
  EXPECT_EQ(remedy("pods \"p\" is forbidden: no"), "");
  // Whoever sends no credentials needs some, not rights for everybody.
  const std::string anonymous = remedy(
      "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\" in API group "
      "\"\" at the cluster scope");
  EXPECT_THAT(anonymous, testing::AllOf(HasSubstr("no credentials"), HasSubstr("KUBE_TOKEN"),
                                        testing::Not(HasSubstr("Bind"))));
}

TEST(StatusFromResponse, QuotesNoWholePodTemplate) {
  const std::string value = absl::StrCat("core.PodTemplateSpec{", std::string(4000, 'x'), "}");
  const std::string cause = absl::StrCat("Invalid value: ", value, ": field is immutable");
  Json body = {
      {"message", absl::StrCat("Job.batch \"j\" is invalid: spec.template: ", cause)},
      {"reason", "Invalid"},
      {"details",
       {{"causes",
         {{{"reason", "FieldValueInvalid"}, {"field", "spec.template"}, {"message", cause}}}}}}};
  for (int causes = 1; causes <= 2; ++causes) {
    const absl::Status status = StatusFromResponse(422, body.dump());
    EXPECT_LT(status.message().size(), 600U);
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr("Job.batch \"j\" is invalid:"),
                               HasSubstr("spec.template: Invalid value: core.PodTemplateSpec{xx"),
                               HasSubstr("...: field is immutable")));
    body["message"] = absl::StrCat("Job.batch \"j\" is invalid: [spec.template: ", cause, "]");
    body["details"]["causes"].push_back(body["details"]["causes"][0]);
  }
}

TEST(StatusFromResponse, QuotesNothingOfAComparisonOfObjects) {
  const std::string cause =
      "pod updates may not change fields other than `spec.containers[*].image`\n  core.PodSpec{\n"
      "-     Value: \"hunter2\",\n+     Value: \"hunter3\",\n  }\n";
  Json body = {{"message", absl::StrCat("Pod \"p\" is invalid: spec: Forbidden: ", cause)},
               {"reason", "Invalid"},
               {"details",
                {{"causes",
                  {{{"reason", "FieldValueForbidden"},
                    {"field", "spec"},
                    {"message", absl::StrCat("Forbidden: ", cause)}}}}}}};
  const absl::Status one = StatusFromResponse(422, body.dump());
  EXPECT_EQ(one.message(),
            "Pod \"p\" is invalid: spec: Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`");
  EXPECT_THAT(ApiErrorOf(one).causes[0].message, testing::Not(HasSubstr("hunter")));
  body["message"] = absl::StrCat("Pod \"p\" is invalid: [spec: Forbidden: ", cause, ", x: bad]");
  body["details"]["causes"].push_back({{"field", "x"}, {"message", "bad"}});
  EXPECT_EQ(
      StatusFromResponse(422, body.dump()).message(),
      "Pod \"p\" is invalid:\n- spec: Forbidden: pod updates may not change fields other than "
      "`spec.containers[*].image`\n- x: bad");
}

TEST(ObjectRef, NoNameIsAWayToAnotherObject) {
  for (const char* name : {".", "..", "a/b", "a/../b", "a%2Fb"}) {
    for (const char* field : {"name", "namespace"}) {
      Json object = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}}}};
      object["metadata"][field] = name;
      EXPECT_THAT(std::string(RefOf(object).status().message()),
                  HasSubstr(absl::StrCat("metadata.", field, " is \"", name, "\"")));
    }
  }
  for (const char* id :
       {"v1/ConfigMap/x/..", "v1/ConfigMap/../a", "v1/Namespace/.", "v1/Namespace/a%2Fb"})
    EXPECT_FALSE(ObjectRef::Parse(id).ok()) << id;
  // As RBAC's names are.
  EXPECT_TRUE(ObjectRef::Parse("rbac.authorization.k8s.io/v1/ClusterRole/system:a.b").ok());
}

TEST(StatusFromResponse, AWebhookThatIsDownIsNotTheServersTrouble) {
  const absl::Status status = StatusFromResponse(
      500,
      R"({"message":"Internal error occurred: failed calling webhook \"w\": timeout","reason":"InternalError"})");
  EXPECT_TRUE(IsAdmissionDown(status));
  EXPECT_THAT(RemedyOf(status).value_or(""), HasSubstr("validatingwebhookconfigurations"));
  EXPECT_FALSE(IsAdmissionDown(
      StatusFromResponse(400, R"({"message":"admission webhook \"w\" denied the request"})")));
}

TEST(StatusFromResponse, SaysHowLongToWait) {
  EXPECT_EQ(
      ApiErrorOf(StatusFromResponse(429, R"({"message":"m","details":{"retryAfterSeconds":3}})"))
          .retry_after_seconds,
      3);
  EXPECT_EQ(ApiErrorOf(absl::NotFoundError("x")).code, 0);
}

TEST(StatusFromResponse, SurvivesAnyBody) {
  const std::string long_body(10'000, 'x');
  EXPECT_LE(StatusFromResponse(500, long_body).message().size(), 310U);
  EXPECT_FALSE(StatusFromResponse(500, "\xff\xfe\x01").ok());
  EXPECT_FALSE(
      StatusFromResponse(500, "{\"message\":{\"a\":1},\"details\":[],\"code\":\"x\"}").ok());
  EXPECT_FALSE(StatusFromResponse(500, "{\"details\":{\"causes\":[1,null,{}]}}").ok());
}

}  // namespace
}  // namespace charon::kubernetes

#include "provider/operations/remake_secret.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/http/transport.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::operations {
namespace {

using ::testing::ElementsAre;

constexpr char kSecretMark[] = "default/charon_secret/x/a";
constexpr char kNone[] =
    R"({"kind":"Status","status":"Failure","reason":"NotFound","details":{"name":"a-charon-kept","kind":"secrets"},"code":404})";
constexpr char kSecretGone[] =
    R"({"kind":"Status","status":"Success","details":{"name":"a-charon-kept","kind":"secrets","uid":"u"}})";

// The Secret, with keys of ours and of others.
Json Secret(const std::string& name, const std::vector<std::string>& ours,
            const std::vector<std::string>& theirs, bool immutable = false) {
  Json secret = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"type", "Opaque"},
                 {"immutable", immutable},
                 {"metadata",
                  {{"name", name},
                   {"namespace", "x"},
                   {"uid", "u"},
                   {"resourceVersion", "7"},
                   {"annotations", {{kOwnerAnnotation, kSecretMark}}}}}};
  Json fields = {
      {"f:metadata", {{"f:annotations", {{"f:charon.internal/owner", Json::object()}}}}}};
  for (const std::string& key : ours) {
    secret["data"][key] = "eA==";
    fields["f:data"]["f:" + key] = Json::object();
  }
  for (const std::string& key : theirs) secret["data"][key] = "eQ==";
  secret["metadata"]["managedFields"] = {{{"manager", "charon"},
                                          {"operation", "Apply"},
                                          {"apiVersion", "v1"},
                                          {"fieldsType", "FieldsV1"},
                                          {"fieldsV1", fields}}};
  return secret;
}

Json Wanted(const std::vector<std::string>& keys, bool immutable) {
  Json secret = Secret("a", keys, {}, immutable);
  secret["metadata"] = {{"name", "a"}, {"namespace", "x"}, {"labels", {{"app", "a"}}}};
  return secret;
}

ObjectOptions OfThisStack() { return {.owner = kSecretMark}; }

TEST(MustBeMadeAgain, IsTrueOfWhatTheServerRefuses) {
  const Json open = Secret("a", {"k"}, {"t"}), frozen = Secret("a", {"k"}, {"t"}, true);
  EXPECT_FALSE(MustBeMadeAgain(Json(), Wanted({"k"}, true), OfThisStack()));
  EXPECT_FALSE(MustBeMadeAgain(open, Wanted({"k", "more"}, true), OfThisStack()));
  EXPECT_FALSE(MustBeMadeAgain(frozen, Wanted({"k"}, true), OfThisStack()));
  EXPECT_TRUE(MustBeMadeAgain(frozen, Wanted({"k", "more"}, true), OfThisStack()));
  EXPECT_TRUE(MustBeMadeAgain(frozen, Wanted({"k"}, false), OfThisStack()));
  EXPECT_TRUE(
      MustBeMadeAgain(Secret("a", {"k", "former"}, {}, true), Wanted({"k"}, true), OfThisStack()));
  Json typed = Wanted({"k"}, false);
  typed["type"] = "example.org/other";
  EXPECT_TRUE(MustBeMadeAgain(open, typed, OfThisStack()));
}

TEST(KeepValues, PutsThemAsideWithoutLabelsAndRemovesThemInTheSameRun) {
  http::FakeTransport transport;
  const auto cluster = kubernetes::NewCluster(http::Borrow(transport), "");
  FakeClock clock;
  Call call;
  call.clock = &clock;
  call.deadline = clock.Now() + absl::Minutes(10);
  ObjectOptions options;
  options.owner = kSecretMark;
  const ObjectRef ref{{"v1", "Secret"}, "x", "a"};
  transport.Answer(404, kNone);
  transport.Answer(201, Secret("a-charon-kept", {"k"}, {}).dump());
  ASSERT_THAT(
      KeepValues(call, *cluster, Wanted({"k"}, true), Secret("a", {"k"}, {}, true), options),
      IsOk());
  const Json kept = Json::parse(transport.requests().back().body);
  EXPECT_EQ(kept["metadata"]["name"], "a-charon-kept");
  EXPECT_EQ(kept["data"], Json({{"k", "eA=="}}));
  EXPECT_FALSE(kept["metadata"].contains("labels") || kept.contains("immutable"));
  transport.Answer(200, kSecretGone);
  ASSERT_THAT(DropKeptValues(call, *cluster, ref, options), IsOk());
  std::vector<std::string> sent;
  for (const http::Request& request : transport.requests()) sent.push_back(request.method);
  EXPECT_THAT(sent, ElementsAre("GET", "PATCH", "DELETE"));
}

}  // namespace
}  // namespace charon::operations

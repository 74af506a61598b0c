#include "provider/operations/apply_object.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/base/status.h"
#include "provider/http/transport.h"
#include "provider/testing/fake_clock.h"
#include "provider/testing/fake_transport.h"
#include "provider/testing/status_matchers.h"

namespace charon::operations {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const ObjectRef kRef{{"v1", "ConfigMap"}, "x", "a"};
constexpr char kMark[] = "default/t/a";

// Bodies are v1.36.3's, one line each.
constexpr char kExists[] =
    R"({"kind":"Status","status":"Failure","message":"Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"a","kind":"configmaps"},"code":409})";
constexpr char kNoSuchUid[] =
    R"({"kind":"Status","status":"Failure","message":"Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid u, and no existing object was found","reason":"Conflict","details":{"name":"a","kind":"configmaps"},"code":409})";
constexpr char kOtherUid[] =
    R"({"kind":"Status","status":"Failure","message":"ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"u\": field is immutable","reason":"Invalid","details":{"name":"a","kind":"ConfigMap","causes":[{"reason":"FieldValueInvalid","message":"field is immutable","field":"metadata.uid"}]},"code":422})";
constexpr char kConflict[] =
    R"({"kind":"Status","status":"Failure","message":"Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.k","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl-edit\" using v1","field":".data.k"}]},"code":409})";
constexpr char kNotFound[] =
    R"({"kind":"Status","status":"Failure","message":"configmaps \"a\" not found","reason":"NotFound","details":{"name":"a","kind":"configmaps"},"code":404})";
constexpr char kNoNamespace[] =
    R"({"kind":"Status","status":"Failure","message":"namespaces \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"namespaces"},"code":404})";
constexpr char kGone[] =
    R"({"kind":"Status","status":"Success","details":{"name":"a","kind":"configmaps","uid":"u"}})";

Json Entry(const std::string& manager, const std::string& operation, const Json& fields) {
  return {{"manager", manager},
          {"operation", operation},
          {"apiVersion", "v1"},
          {"fieldsType", "FieldsV1"},
          {"fieldsV1", fields}};
}

// The object as the server has it. Its mark is left out if empty.
Json Live(const std::string& mark, std::vector<Json> managed, const std::string& uid = "u") {
  Json object = Json::parse(
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"x","resourceVersion":"7",
      "creationTimestamp":"2026-01-01T00:00:00Z"},"data":{"k":"v","n":"3"}})");
  object["metadata"]["uid"] = uid;
  if (!mark.empty()) object["metadata"]["annotations"][kOwnerAnnotation] = mark;
  object["metadata"]["managedFields"] = managed;
  return object;
}
const Json kOurFields = Json::parse(
    R"({"f:data":{"f:k":{}},"f:metadata":{"f:annotations":{"f:charon.internal/owner":{}}}})");
Json Ours() { return Live(kMark, {Entry("charon", "Apply", kOurFields)}); }

class ApplyObjectTest : public ::testing::Test {
 protected:
  ApplyObjectTest() : cluster_(kubernetes::NewCluster(http::Borrow(transport_), "")) {
    call_.clock = &clock_;
    call_.deadline = clock_.Now() + absl::Minutes(10);
    options_.owner = kMark;
  }

  void Answer(int status, const Json& body) { transport_.Answer(status, body.dump()); }

  // What was sent: method, and what of the query matters.
  std::vector<std::string> Sent() const {
    std::vector<std::string> lines;
    for (const http::Request& request : transport_.requests()) {
      std::string line = request.method;
      for (const char* part :
           {"fieldManager=charon-initial", "force=true", "dryRun=All", "fieldSelector"}) {
        if (absl::StrContains(request.url, part)) absl::StrAppend(&line, " ", part);
      }
      for (const auto& [name, value] : request.headers) {
        if (name == "Content-Type" && absl::StrContains(value, "json-patch"))
          absl::StrAppend(&line, " json-patch");
      }
      lines.push_back(line);
    }
    return lines;
  }
  Json Body(std::size_t index) const { return Json::parse(transport_.requests()[index].body); }

  const Json declared_ = Json::parse(
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"x"},"data":{"k":"v"}})");
  FakeClock clock_;
  http::FakeTransport transport_;
  std::unique_ptr<kubernetes::Cluster> cluster_;
  Call call_;
  ObjectOptions options_;
};

TEST_F(ApplyObjectTest, APlainCreateIsOneWriteThatTouchesNothingThatExists) {
  Answer(201, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true"));
  Json expected = declared_;
  expected["metadata"]["annotations"][kOwnerAnnotation] = kMark;
  expected["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(Body(0), expected);
}

TEST_F(ApplyObjectTest, WhatAKilledRunMadeIsTakenOver) {
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "PATCH"));
  EXPECT_EQ(Body(2)["metadata"]["uid"], "u");
  EXPECT_FALSE(Body(2)["metadata"].contains("resourceVersion"));
}

TEST_F(ApplyObjectTest, ACreateWhoseAnswerWasLostIsTakenOver) {
  // The transport sends it again and is told that the object is there: by us.
  Answer(201, Ours());
  transport_.FailNth(1, absl::UnavailableError("connection lost"), /*after=*/true);
  EXPECT_THAT(CreateObject(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kUnavailable));
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Answer(200, Ours());
  EXPECT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
}

TEST_F(ApplyObjectTest, TwoResourcesWithOneObjectAreAnError) {
  Answer(201, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(
      CreateObject(call_, *cluster_, declared_, options_),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("in this run by another resource")));
  EXPECT_THAT(Sent(), SizeIs(1));
}

// Two addresses of one run: the one that comes and the one that goes, as after a rename.
TEST_F(ApplyObjectTest, WhatThisRunAppliedIsNotDeletedByAnotherResource) {
  struct : Listener {
    void Warn(absl::string_view, absl::string_view detail) override { heard.emplace_back(detail); }
    std::vector<std::string> heard;
  } user;
  call_.listener = &user;
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  const std::size_t before = Sent().size();
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), SizeIs(before));
  EXPECT_THAT(user.heard, ElementsAre(AllOf(HasSubstr("v1/ConfigMap/x/a"), HasSubstr("moved"))));
  // Nor may a second one have it.
  EXPECT_THAT(CreateObject(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("another resource")));
}

TEST_F(ApplyObjectTest, ARequestedDeletionIsNotWaitedFor) {
  Json going = Ours();
  going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  Answer(200, Ours());
  Answer(200, going);
  EXPECT_THAT(RequestDeletion(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "DELETE"));
  EXPECT_TRUE(IsGoing(going));
  EXPECT_FALSE(IsGoing(Ours()));
}

// Somebody deleted ours and made another: neither changed nor deleted without being told to.
TEST_F(ApplyObjectTest, ANamesakeOfWhatWasAppliedBeforeIsNotOurs) {
  struct : Listener {
    void Warn(absl::string_view, absl::string_view detail) override { heard.emplace_back(detail); }
    std::vector<std::string> heard;
  } user;
  call_.listener = &user;
  options_.applied_before = true;
  const Json theirs =
      Live("", {Entry("kubectl-create", "Update", Json::parse(R"({"f:data":{"f:n":{}}})"))}, "w");
  Answer(200, theirs);
  EXPECT_THAT(UpdateObject(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("managed by kubectl-create")));
  EXPECT_THAT(CheckUpdate(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(user.heard, ElementsAre(HasSubstr("managed by kubectl-create")));
  EXPECT_THAT(Sent(), ElementsAre("GET"));

  options_.on_conflict = OnConflict::kAdopt;
  Answer(200, Ours());
  Answer(200, Ours());
  EXPECT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH json-patch", "PATCH"));
  // What was only imported has neither mark nor fields of ours yet, and what has one of them is
  // ours.
  options_.applied_before = false;
  EXPECT_FALSE(IsNamesake(theirs, options_));
  options_.applied_before = true;
  EXPECT_FALSE(IsNamesake(Live(kMark, {}), options_));
  EXPECT_FALSE(IsNamesake(Live("", {Entry("charon", "Apply", kOurFields)}), options_));
  // A Deployment that was adopted gets its mark later: who applied it may be us under another name.
  options_.manager = "team";
  for (const bool unmarked : {true, false}) {
    options_.unmarked = unmarked;
    Json adopted = Live("", {Entry("charon", "Apply", kOurFields)});
    EXPECT_EQ(IsNamesake(adopted, options_), !unmarked);
    adopted["metadata"]["managedFields"] = {Entry("kubectl-create", "Update", kOurFields)};
    EXPECT_TRUE(IsNamesake(adopted, options_));
  }
}

TEST_F(ApplyObjectTest, FieldsThatThisRunSetAreNotGivenUpByAnotherResource) {
  options_.owner.clear();
  const Json live = Live("", {Entry("charon", "Apply", Json::parse(R"({"f:data":{"f:k":{}}})"))});
  Answer(200, live);
  Answer(200, live);
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH"));
}

TEST_F(ApplyObjectTest, AReplacementDeletesAndMakesAgain) {
  Answer(200, Ours());
  transport_.Answer(200, kGone);
  ASSERT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  Answer(201, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
}

// In the plan at apply of OpenTofu, another resource of the run may just delete it.
TEST_F(ApplyObjectTest, APlanThatSomebodyOvertookIsUnchecked) {
  Answer(200, Ours());
  transport_.Answer(409, kNoSuchUid);
  const absl::StatusOr<bool> checked = CheckUpdate(call_, *cluster_, declared_, options_);
  ASSERT_THAT(checked, IsOk());
  EXPECT_FALSE(*checked);
}

TEST_F(ApplyObjectTest, WhatIsDeletedWhileItIsTakenOverIsMadeAgain) {
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Json going = Ours();
  going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  Answer(200, going);  // the apply: somebody was faster
  Answer(200, going);
  Answer(200, Json({{"metadata", {{"resourceVersion", "9"}}},
                    {"items", Json::array()}}));  // the watch: gone
  Answer(201, Live(kMark, {Entry("charon", "Apply", kOurFields)}, "u2"));
  const auto made = CreateObject(call_, *cluster_, declared_, options_);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ((*made)["metadata"]["uid"], "u2");
}

TEST_F(ApplyObjectTest, OneResourceAtATimeWorksOnAnObject) {
  {
    const auto turn = cluster_->claims().Take(call_, kRef);
    ASSERT_THAT(turn, IsOk());
    EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_),
                StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("another resource")));
    EXPECT_THAT(Sent(), SizeIs(0));
  }
  call_.deadline = clock_.Now() + absl::Minutes(1);
  transport_.Answer(404, kNotFound);
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ApplyObjectTest, WhatExistsAndIsNotOursIsNamedWithTheWaysOut) {
  transport_.Answer(409, kExists);
  Answer(200, Live("", {Entry("helm", "Update", kOurFields)}));
  auto refused = CreateObject(call_, *cluster_, declared_, options_);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists,
                                AllOf(HasSubstr("v1/ConfigMap/x/a exists already"),
                                      HasSubstr("managed by helm"))));
  EXPECT_THAT(*RemedyOf(refused.status()),
              AllOf(HasSubstr("Import it"), HasSubstr("adopt"), HasSubstr("replace")));

  // Where the resource is in the state already.
  options_.may_import = false;
  transport_.Answer(409, kExists);
  Answer(200, Live("", {Entry("helm", "Update", kOurFields)}));
  EXPECT_EQ(*RemedyOf(CreateObject(call_, *cluster_, declared_, options_).status()),
            "Set on_conflict = \"adopt\" to take it over as it is, or \"replace\" to delete it "
            "first.");

  // Another stack's, although its field manager is the same.
  transport_.Answer(409, kExists);
  Answer(200, Live("other/t/a", {Entry("charon", "Apply", kOurFields)}));
  refused = CreateObject(call_, *cluster_, declared_, options_);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists,
                                HasSubstr("is not this stack's: it belongs to \"other/t/a\"")));
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "PATCH force=true", "GET",
                                  "PATCH force=true", "GET"));

  // Another resource's under the same conventions.owner.
  const std::string owner = options_.owner.substr(0, options_.owner.find('/'));
  transport_.Answer(409, kExists);
  Answer(200, Live(owner + "/charon_other/a", {Entry("charon", "Apply", kOurFields)}));
  refused = CreateObject(call_, *cluster_, declared_, options_);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAlreadyExists,
                                HasSubstr("is another resource's: it belongs to")));
  EXPECT_THAT(*RemedyOf(refused.status()), HasSubstr("Declare it in one resource only"));
}

TEST_F(ApplyObjectTest, AdoptingMovesWhatTheFormerToolOwned) {
  options_.on_conflict = OnConflict::kAdopt;
  const Json former = Live("", {Entry("kubectl-client-side-apply", "Update",
                                      Json::parse(R"({"f:data":{"f:k":{},"f:n":{}}})"))});
  transport_.Answer(409, kExists);
  Answer(200, former);
  transport_.Answer(409, kExists);  // the patch: somebody wrote in between
  Answer(200, former);
  Answer(200,
         Live("", {Entry("charon", "Apply", Json::parse(R"({"f:data":{"f:k":{},"f:n":{}}})"))}));
  Answer(200, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "PATCH json-patch", "GET",
                                  "PATCH json-patch", "PATCH"));
  const Json patch = Body(4);
  EXPECT_EQ(patch[0]["path"], "/metadata/managedFields");
  EXPECT_EQ(patch[0]["value"][0]["manager"], "charon");
  EXPECT_EQ(patch[1]["value"], "7");
  EXPECT_EQ(Body(5)["metadata"]["annotations"][kOwnerAnnotation], kMark);
}

// An annotation would be a new generation of a Deployment.
TEST_F(ApplyObjectTest, AdoptingWhatIsAsDeclaredWritesNoAnnotation) {
  const Json deployment = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"x"},"spec":{"replicas":2}})");
  const Json fields =
      Json::parse(R"({"f:metadata":{"f:annotations":{"f:noted":{}}},"f:spec":{"f:replicas":{}}})");
  const auto live = [&](const std::string& manager, const std::string& operation, int generation) {
    Json object = deployment;
    object["metadata"].update({{"resourceVersion", "7"},
                               {"uid", "u"},
                               {"generation", generation},
                               {"annotations", {{"noted", "by helm"}, {"other", "not helm's"}}},
                               {"managedFields", {Entry(manager, operation, fields)}}});
    return object;
  };
  options_.on_conflict = OnConflict::kAdopt;
  transport_.Answer(409, kExists);
  Answer(200, live("helm", "Update", 3));
  Answer(200, live("charon", "Apply", 3));  // the patch
  Answer(200, live("charon", "Apply", 3));
  ASSERT_THAT(CreateObject(call_, *cluster_, deployment, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "PATCH json-patch", "PATCH"));
  EXPECT_EQ(Body(3)["metadata"]["annotations"], Json({{"noted", "by helm"}}));

  // With the next change the mark comes, and what the configuration does not have goes.
  Answer(200, live("charon", "Apply", 4));
  ASSERT_THAT(UpdateObject(call_, *cluster_, deployment, options_), IsOk());
  EXPECT_EQ(Body(4)["metadata"]["annotations"], Json({{kOwnerAnnotation, kMark}}));
}

TEST_F(ApplyObjectTest, AdoptingWhatIsNotAsDeclaredMarksIt) {
  const Json deployment = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"x"},"spec":{"replicas":2}})");
  const auto live = [&](const char* manager, const char* operation, int generation) {
    Json object = deployment;
    object["metadata"].update(
        {{"resourceVersion", "7"},
         {"uid", "u"},
         {"generation", generation},
         {"managedFields",
          {Entry(manager, operation, Json::parse(R"({"f:spec":{"f:replicas":{}}})"))}}});
    return object;
  };
  options_.on_conflict = OnConflict::kAdopt;
  transport_.Answer(409, kExists);
  Answer(200, live("helm", "Update", 3));
  Answer(200, live("charon", "Apply", 3));
  Answer(200, live("charon", "Apply", 4));
  Answer(200, live("charon", "Apply", 5));
  ASSERT_THAT(CreateObject(call_, *cluster_, deployment, options_), IsOk());
  EXPECT_FALSE(Body(3)["metadata"].contains("annotations"));
  EXPECT_EQ(Body(4)["metadata"]["annotations"][kOwnerAnnotation], kMark);
}

TEST_F(ApplyObjectTest, ReplacingDeletesWhatWasSeenAndNothingElse) {
  options_.on_conflict = OnConflict::kReplace;
  transport_.Answer(409, kExists);
  Answer(200, Live("", {}));
  transport_.Answer(200, kGone);
  Answer(201, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "DELETE", "PATCH force=true"));
  EXPECT_EQ(Body(2)["preconditions"]["uid"], "u");
}

TEST_F(ApplyObjectTest, AnObjectThatIsBeingDeletedIsWaitedForAndMadeAnew) {
  Json going = Ours();
  going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  transport_.Answer(409, kExists);
  Answer(200, going);  // what is there
  Answer(200, going);  // the snapshot
  Answer(200, Json({{"metadata", {{"resourceVersion", "9"}}},
                    {"items", Json::array()}}));  // the watch: gone
  Answer(201, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "GET", "GET fieldSelector",
                                  "PATCH force=true"));
}

TEST_F(ApplyObjectTest, ValuesForCreationOnlyGetASecondOwner) {
  const Json initial = Json::parse(R"({"data":{"k":"not this one","n":"3"}})");
  options_.initial = &initial;
  Json fields = kOurFields;
  fields["f:data"]["f:n"] = Json::object();
  Answer(201, Live(kMark, {Entry("charon", "Apply", fields)}));
  Answer(200, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "PATCH fieldManager=charon-initial"));
  EXPECT_EQ(Body(0)["data"], Json::parse(R"({"k":"v","n":"3"})")) << "what is declared stands";
  EXPECT_EQ(Body(1)["data"], Json::parse(R"({"n":"3"})"));
  EXPECT_EQ(Body(1)["metadata"]["uid"], "u");
  EXPECT_FALSE(Body(1)["metadata"].contains("annotations")) << "the mark is not part of it";
}

TEST_F(ApplyObjectTest, AControllerThatIsFasterThanTheHandOverKeepsItsValue) {
  const Json initial = Json::parse(R"({"data":{"n":"1"}})");
  options_.initial = &initial;
  Json fields = kOurFields;
  fields["f:data"]["f:n"] = Json::object();
  Answer(201, Live(kMark, {Entry("charon", "Apply", fields)}));
  transport_.Answer(409, kConflict);
  Answer(200, Live(kMark, {Entry("charon", "Apply", kOurFields),
                           Entry("operator", "Update", Json::parse(R"({"f:data":{"f:n":{}}})"))}));
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "PATCH fieldManager=charon-initial", "GET"));
}

TEST_F(ApplyObjectTest, AContainerThatIsAddedGetsItsInitialValues) {
  const Json initial = Json::parse(
      R"({"spec":{"replicas":3,"template":{"spec":{"containers":[{"name":"app","image":"a:1"},{"name":"side","image":"s:1"}]}}}})");
  const Json declared = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"x"},
      "spec":{"template":{"spec":{"containers":[{"name":"app"},{"name":"side","tty":true}]}}}})");
  options_.initial = &initial;
  Json live = declared;
  live["metadata"]["uid"] = "u1";
  live["metadata"]["annotations"] = {{"charon.internal/owner", kMark}};
  live["spec"]["template"]["spec"]["containers"] = Json::parse(R"([{"name":"app","image":"a:9"}])");
  live["metadata"]["managedFields"] =
      Json::array({Entry("charon", "Apply", Json::parse(R"({"f:spec":{"f:template":{"f:spec":{
      "f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:name":{}}}}}}})"))});
  Answer(200, live);
  Answer(200, live);
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared, options_), IsOk());
  EXPECT_EQ(
      Body(1)["spec"],
      Json::parse(
          R"({"template":{"spec":{"containers":[{"name":"app"},{"name":"side","tty":true,"image":"s:1"}]}}})"))
      << "the image that somebody raised and the replicas are not sent";
}

TEST_F(ApplyObjectTest, TheSecondOwnerMayWaitForTheFirstUpdate) {
  const Json initial = Json::parse(R"({"data":{"n":"1"}})");
  options_.initial = &initial;
  options_.hand_over_later = true;
  Json fields = kOurFields;
  fields["f:data"]["f:n"] = Json::object();
  Answer(201, Live(kMark, {Entry("charon", "Apply", fields)}));
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true"));
  EXPECT_EQ(Body(0)["data"]["n"], "1");
  // What this run wrote itself is not read again.
  Answer(200,
         Live(kMark, {Entry("charon", "Apply", fields),
                      Entry("charon-initial", "Apply", Json::parse(R"({"f:data":{"f:n":{}}})"))}));
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(),
              ElementsAre("PATCH force=true", "PATCH fieldManager=charon-initial", "PATCH"));
  EXPECT_EQ(Body(1)["data"], Json::parse(R"({"n":"3"})")) << "with the value that it has";
  EXPECT_FALSE(Body(2)["data"].contains("n")) << "never sent again";
}

TEST_F(ApplyObjectTest, AValueForCreationOnlyThatIsDeclaredNowConflictsWithNobody) {
  // Nor does one that was released.
  for (const char* nobody : {"charon-initial", "before-first-apply"}) {
    Answer(200, Ours());
    transport_.Answer(409, absl::StrReplaceAll(kConflict, {{"kubectl-edit", nobody}}));
    Answer(200, Ours());
    cluster_ = kubernetes::NewCluster(http::Borrow(transport_), "");
    ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk()) << nobody;
  }
  EXPECT_THAT(Sent(),
              ElementsAre("GET", "PATCH", "PATCH force=true", "GET", "PATCH", "PATCH force=true"));
}

TEST_F(ApplyObjectTest, AContainerThatVanishesTakesItsInitialValuesAlong) {
  const Json declared = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"x"},
      "spec":{"template":{"spec":{"containers":[{"name":"app"}]}}}})");
  const Json initial = Json::parse(
      R"({"spec":{"template":{"spec":{"containers":[{"name":"app","image":"a:1"}]}}}})");
  options_.initial = &initial;
  const auto containers = [](const char* items) {
    return Json::parse(
        absl::StrCat(R"({"f:spec":{"f:template":{"f:spec":{"f:containers":{)", items, "}}}}}"));
  };
  Json live = declared;
  live["metadata"]["uid"] = "u1";
  live["metadata"]["annotations"] = {{kOwnerAnnotation, kMark}};
  live["spec"]["template"]["spec"]["containers"] =
      Json::parse(R"([{"name":"app","image":"a:9"},{"name":"side","image":"s:1"}])");
  live["metadata"]["managedFields"] = Json::array(
      {Entry(
           "charon", "Apply",
           containers(
               R"("k:{\"name\":\"app\"}":{".":{},"f:name":{}},"k:{\"name\":\"side\"}":{".":{},"f:name":{}})")),
       Entry(
           "charon-initial", "Apply",
           containers(
               R"("k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:name":{}},"k:{\"name\":\"side\"}":{".":{},"f:image":{},"f:name":{}})"))});
  for (int i = 0; i < 4; ++i) Answer(200, live);
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared, options_), IsOk());
  // First, so that the next write removes the container in one piece and pods are rolled out once.
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH", "PATCH fieldManager=charon-initial", "PATCH"));
  EXPECT_EQ(Body(1)["spec"]["template"]["spec"]["containers"],
            Json::parse(R"([{"name":"app"},{"name":"side","image":"s:1"}])"))
      << "whole as long as it is there";
  EXPECT_EQ(Body(2)["spec"]["template"]["spec"]["containers"],
            Json::parse(R"([{"name":"app","image":"a:9"}])"))
      << "the image that somebody raised stays";
}

TEST_F(ApplyObjectTest, ListsOfInitialValuesMeetByName) {
  const Json deployment = Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"x"},
      "spec":{"template":{"spec":{"containers":[{"name":"app","ports":[{"containerPort":80}]},{"name":"side","image":"s:1"}]}}}})");
  const Json initial = Json::parse(
      R"({"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"app","image":"i:1"}]}}}})");
  options_.initial = &initial;
  Answer(201, deployment);
  (void)CreateObject(call_, *cluster_, deployment, options_);
  EXPECT_EQ(Body(0)["spec"], Json::parse(R"({"replicas":2,"template":{"spec":{"containers":[
      {"name":"app","image":"i:1","ports":[{"containerPort":80}]},{"name":"side","image":"s:1"}]}}})"));
}

TEST_F(ApplyObjectTest, AFieldThatBecomesExternalIsHandedOverWithItsLiveValue) {
  const Json initial = Json::parse(R"({"data":{"n":"1"}})");
  options_.initial = &initial;
  Json fields = kOurFields;
  fields["f:data"]["f:n"] = Json::object();
  const Json live = Live(kMark, {Entry("charon", "Apply", fields)});
  Answer(200, live);
  Answer(200, live);
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH fieldManager=charon-initial", "PATCH"));
  EXPECT_EQ(Body(1)["data"], Json::parse(R"({"n":"3"})"))
      << "the value that it has, not the one from creation";
}

TEST_F(ApplyObjectTest, WhatWasHandedOverStaysSo) {
  const Json initial = Json::parse(R"({"data":{"n":"1"}})");
  options_.initial = &initial;
  Answer(200,
         Live(kMark, {Entry("charon", "Apply", kOurFields),
                      Entry("charon-initial", "Apply", Json::parse(R"({"f:data":{"f:n":{}}})"))}));
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH"));
}

TEST_F(ApplyObjectTest, AnUpdateWritesOnceAndOnlyToTheObjectItRead) {
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH"));
  EXPECT_EQ(Body(1)["metadata"]["uid"], "u");
  // What the answer said is what we know now.
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH", "PATCH"));
}

TEST_F(ApplyObjectTest, ADefaultThatANullCannotTakeAwayIsOwnedFirst) {
  const char refused[] =
      R"({"kind":"Status","status":"Failure","reason":"Invalid","code":422,"message":"data.gone: Forbidden","details":{
          "causes":[{"reason":"FieldValueForbidden","message":"Forbidden","field":"data.gone"}]}})";
  Json live = Ours();
  live["data"] = {{"k", "v"}, {"gone", "a default"}};
  Json declared = declared_;
  declared["data"]["gone"] = nullptr;
  Answer(200, live);
  transport_.Answer(422, refused);
  Answer(200, live);
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH", "PATCH", "PATCH"));
  EXPECT_EQ(Body(2)["data"], Json::parse(R"({"k":"v","gone":"a default"})"));
  EXPECT_EQ(Body(3)["data"], Json::parse(R"({"k":"v"})"));

  // A plan cannot try that; it lets it pass, and nothing else.
  auto fresh = kubernetes::NewCluster(http::Borrow(transport_), "");
  Answer(200, live);
  transport_.Answer(422, refused);
  EXPECT_THAT(CheckUpdate(call_, *fresh, declared, options_), IsOk());
  auto again = kubernetes::NewCluster(http::Borrow(transport_), "");
  Answer(200, live);
  transport_.Answer(422, refused);
  EXPECT_THAT(CheckUpdate(call_, *again, declared_, options_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ApplyObjectTest, AnUpdateOfWhatIsGoneMakesItAgain) {
  transport_.Answer(404, kNotFound);
  Answer(201, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH force=true"));
}

TEST_F(ApplyObjectTest, AnUpdateNoticesThatTheObjectChangedHandsMeanwhile) {
  Answer(200, Ours());
  transport_.Answer(422, kOtherUid);
  Answer(200, Live("other/t/a", {Entry("charon", "Apply", kOurFields)}, "u2"));
  const auto refused = UpdateObject(call_, *cluster_, declared_, options_);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("other/t/a")));
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH", "GET"));

  Answer(200, Ours());
  transport_.Answer(409, kNoSuchUid).Answer(404, kNotFound);
  Answer(201, Ours());
  auto fresh = kubernetes::NewCluster(http::Borrow(transport_), "");
  EXPECT_THAT(UpdateObject(call_, *fresh, declared_, options_), IsOk());
}

TEST_F(ApplyObjectTest, AnImportedObjectIsTakenFromItsFormerTool) {
  Answer(
      200,
      Live("", {Entry("HashiCorp", "Update", Json::parse(R"({"f:data":{"f:k":{},"f:n":{}}})"))}));
  Answer(200,
         Live("", {Entry("charon", "Apply", Json::parse(R"({"f:data":{"f:k":{},"f:n":{}}})"))}));
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH json-patch", "PATCH"));
}

TEST_F(ApplyObjectTest, WhatLostItsOwnersIsClaimedAgainWithWhatWasDeclaredBefore) {
  Json live = Live(kMark, {});
  live["metadata"].erase("managedFields");
  options_.before = [this] {
    Json before = declared_;
    before["data"]["n"] = "3";
    return before;
  };
  Answer(200, live);
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH json-patch", "PATCH"));
  const Json claim = Body(1)[0]["value"];
  ASSERT_EQ(claim.size(), 1);
  EXPECT_EQ(claim[0]["manager"], "charon");
  EXPECT_EQ(claim[0]["operation"], "Apply");
  EXPECT_EQ(claim[0]["apiVersion"], "v1");
  EXPECT_EQ(claim[0]["fieldsV1"]["f:data"], Json::parse(R"({"f:k":{},"f:n":{}})"));
  EXPECT_TRUE(
      claim[0]["fieldsV1"]["f:metadata"]["f:annotations"].contains("f:charon.internal/owner"));
  EXPECT_FALSE(Body(2)["data"].contains("n")) << "so that this takes it away";
}

TEST_F(ApplyObjectTest, AConflictNamesManagerFieldAndWaysOut) {
  Answer(200, Ours());
  transport_.Answer(409, kConflict);
  const auto refused = UpdateObject(call_, *cluster_, declared_, options_);
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kAborted, HasSubstr(".data.k belongs to kubectl-edit")));
  EXPECT_THAT(*RemedyOf(refused.status()), HasSubstr("force_conflicts = true"));
  EXPECT_THAT(kubernetes::ApiErrorOf(refused.status()).causes, SizeIs(1));
  // We ourselves are nobody to ask.
  Json both = Json::parse(kConflict);
  both["details"]["causes"].push_back({{"reason", "FieldManagerConflict"},
                                       {"message", "conflict with \"charon-initial\" using v1"},
                                       {"field", ".data.n"}});
  transport_.Answer(409, both.dump());
  EXPECT_THAT(UpdateObject(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAborted,
                       AllOf(HasSubstr(".data.k"), Not(HasSubstr("charon-initial")))));

  options_.force_conflicts = true;
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_EQ(Sent().back(), "PATCH force=true");
}

TEST_F(ApplyObjectTest, FieldsOfAnothersObjectCarryNoMark) {
  options_.owner.clear();
  Answer(200, Live("", {Entry("helm", "Update", kOurFields)}));
  Answer(200, Live("", {}));
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH"));
  EXPECT_FALSE(Body(1)["metadata"].contains("annotations"));
  EXPECT_EQ(Body(1)["metadata"]["uid"], "u");
}

TEST_F(ApplyObjectTest, FieldsOfAnotherResourceAreNotDropped) {
  options_.owner.clear();
  Answer(200, Live("", {Entry("charon", "Apply", Json::parse(R"({"f:data":{"f:n":{}}})"))}));
  EXPECT_THAT(CreateObject(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(".data.n")));
  EXPECT_THAT(Sent(), ElementsAre("GET"));
}

TEST_F(ApplyObjectTest, APlannedCreateIsOneDryRun) {
  Answer(201, Ours());
  const auto checked = CheckCreate(call_, *cluster_, declared_, options_);
  ASSERT_THAT(checked, IsOk());
  EXPECT_TRUE(*checked);
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true dryRun=All"));
  EXPECT_FALSE(cluster_->CreatedThisRun(kRef));
}

TEST_F(ApplyObjectTest, APlannedCreateOfWhatExistsIsSeenInThePlan) {
  transport_.Answer(409, kExists);
  Answer(200, Live("other/t/a", {}));
  EXPECT_THAT(CheckCreate(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAlreadyExists));
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Answer(200, Ours());
  EXPECT_THAT(CheckCreate(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_EQ(Sent().back(), "PATCH dryRun=All");
}

TEST_F(ApplyObjectTest, WhatCannotBeCheckedIsNoErrorOfThePlan) {
  const auto tells_nothing = [&] {
    const auto checked = CheckCreate(call_, *cluster_, declared_, options_);
    return checked.ok() && !*checked;
  };
  transport_.Answer(404, kNoNamespace);
  EXPECT_TRUE(tells_nothing());
  transport_.Answer(
      403,
      R"({"kind":"Status","status":"Failure","message":"configmaps \"a\" is forbidden: User \"u\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"x\"","reason":"Forbidden","code":403})");
  EXPECT_TRUE(tells_nothing());
  transport_.Answer(
      400,
      R"({"kind":"Status","status":"Failure","message":"admission webhook \"w.e.org\" does not support dry run","reason":"BadRequest","code":400})");
  EXPECT_TRUE(tells_nothing());
  // A cluster that cannot be asked is the caller's to tell.
  transport_.Fail(absl::UnavailableError("refused"));
  EXPECT_THAT(CheckCreate(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kUnavailable));
  // The control run: an admission plugin that refuses the object.
  transport_.Answer(
      403,
      R"({"kind":"Status","status":"Failure","message":"configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no","reason":"Forbidden","code":403})");
  EXPECT_THAT(CheckCreate(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ApplyObjectTest, WhetherItCouldBeMadeAnewIsAskedUnderAnotherName) {
  Answer(201, Ours());
  const auto checked = CheckMakeAnew(call_, *cluster_, declared_, options_);
  ASSERT_THAT(checked, IsOk());
  EXPECT_TRUE(*checked);
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true dryRun=All"));
  const std::string name = Body(0)["metadata"]["name"];
  EXPECT_NE(name, "a");
  EXPECT_EQ(Body(0)["data"], declared_["data"]);

  // No message shows that name.
  transport_.Answer(
      422,
      absl::StrReplaceAll(
          R"({"kind":"Status","status":"Failure","message":"ConfigMap \"NAME\" is invalid: data[k]: Invalid value","reason":"Invalid","code":422})",
          {{"NAME", name}}));
  EXPECT_THAT(CheckMakeAnew(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"a\""), Not(HasSubstr(name)))));
  // A quota of objects: the one that goes makes room. Other policies count.
  const auto forbidden = [](absl::string_view why) {
    return absl::StrReplaceAll(
        R"({"kind":"Status","status":"Failure","message":"configmaps \"b\" is forbidden: WHY","reason":"Forbidden","code":403})",
        {{"WHY", why}});
  };
  transport_.Answer(403, forbidden("exceeded quota: q, requested: count/configmaps=1"));
  EXPECT_THAT(CheckMakeAnew(call_, *cluster_, declared_, options_), IsOk());
  transport_.Answer(403, forbidden("denied by policy"));
  EXPECT_THAT(CheckMakeAnew(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ApplyObjectTest, APlannedChangeIsOneDryRun) {
  Answer(200, Ours());
  transport_.Answer(409, kConflict);
  EXPECT_THAT(CheckUpdate(call_, *cluster_, declared_, options_),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("kubectl-edit")));
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH dryRun=All"));
}

TEST_F(ApplyObjectTest, APlannedChangeKeepsTheLiveValuesThatCountOnlyAtCreation) {
  const Json initial = Json::parse(R"({"data":{"n":"1","never-there":"1"}})");
  options_.initial = &initial;
  const Json fields = Json::parse(
      R"({"f:data":{"f:k":{},"f:n":{}},"f:metadata":{"f:annotations":{"f:charon.internal/owner":{}}}})");
  Answer(200, Live(kMark, {Entry("charon", "Apply", fields)}));
  Answer(200, Ours());
  ASSERT_THAT(CheckUpdate(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH dryRun=All"));
  EXPECT_EQ(Body(1)["data"], Json::parse(R"({"k":"v","n":"3"})"));
}

TEST_F(ApplyObjectTest, APlannedChangeAfterAnImportDoesNotConflictWithTheFormerTool) {
  Answer(200, Live("", {Entry("helm", "Update", kOurFields)}));
  Answer(200, Ours());
  EXPECT_THAT(CheckUpdate(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH force=true dryRun=All"));
}

TEST_F(ApplyObjectTest, ReleasingLeavesTheValuesAndTakesTheMark) {
  Answer(200, Live(kMark, {Entry("charon", "Apply", kOurFields),
                           Entry("kube-controller-manager", "Update", Json::object())}));
  Answer(200, Live("", {}));
  EXPECT_THAT(ReleaseObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH json-patch"));
  const std::string patch = Body(1).dump();
  EXPECT_THAT(
      patch,
      AllOf(HasSubstr("kube-controller-manager"), Not(HasSubstr("\"charon\"")),
            HasSubstr(R"({"op":"remove","path":"/metadata/annotations/charon.internal~1owner"})")));
}

TEST_F(ApplyObjectTest, ReleasingAFieldTakesItOutOfOurEntry) {
  Answer(200, Ours());
  Answer(200, Ours());
  const auto path = kubernetes::ParseFieldPath(".data.k");
  ASSERT_THAT(path, IsOk());
  EXPECT_THAT(ReleaseFields(call_, *cluster_, kRef, {*path}, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH json-patch"));
  EXPECT_THAT(Body(1).dump(), AllOf(HasSubstr("f:charon.internal/owner"), Not(HasSubstr("f:k"))));
}

class FakeTenure final : public Tenure {
 public:
  bool IsOwn(absl::string_view number) const override { return number == own; }
  void Find(absl::string_view number, Note note) override {
    found.emplace_back(number);
    notes.push_back(std::move(note));
  }

  std::string own;
  std::vector<std::string> found;
  std::vector<Note> notes;
};

Json Numbered(const char* number) {
  Json live = Ours();
  live["metadata"]["annotations"][kTenureAnnotation] = number;
  return live;
}

TEST_F(ApplyObjectTest, WhatACreateFindsIsNotedOnceAllIsDone) {
  FakeTenure tenure;
  call_.tenure = &tenure;
  transport_.Answer(409, kExists);
  Answer(200, Ours());
  Answer(200, Ours());
  ASSERT_THAT(CreateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(tenure.found, ElementsAre(""));
  EXPECT_THAT(Sent(), ElementsAre("PATCH force=true", "GET", "PATCH"));
  EXPECT_FALSE(Body(2)["metadata"]["annotations"].contains(kTenureAnnotation));
  Answer(200, Numbered("b"));
  ASSERT_THAT(tenure.notes.at(0)("b"), IsOk());
  EXPECT_THAT(transport_.requests().back().url, HasSubstr("fieldManager=charon-taken-over"));
  EXPECT_EQ(Body(3), Json::parse(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{
      "name":"a","namespace":"x","uid":"u","annotations":{"charon.internal/taken-over":"b"}}})"));
}

TEST_F(ApplyObjectTest, WhatAnUpdateChangesIsItsOwn) {
  FakeTenure tenure;
  call_.tenure = &tenure;
  Answer(200, Numbered("b"));
  Answer(200, Numbered("b"));
  ASSERT_THAT(UpdateObject(call_, *cluster_, declared_, options_), IsOk());
  EXPECT_THAT(tenure.found, ElementsAre("b"));
}

TEST_F(ApplyObjectTest, WhatAnotherResourceHasNotedIsNotDeleted) {
  FakeTenure tenure;
  tenure.own = "a";
  call_.tenure = &tenure;
  Answer(200, Numbered("b"));
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET"));
  tenure.own = "b";
  transport_.Answer(200, kGone);
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "DELETE"));
}

TEST_F(ApplyObjectTest, DeletesWhatIsOursWithOneRequest) {
  Answer(200, Ours());
  transport_.Answer(200, kGone);
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "DELETE"));
  EXPECT_EQ(Body(1)["preconditions"]["uid"], "u");
}

TEST_F(ApplyObjectTest, DoesNotDeleteWhatAnotherStackMarked) {
  Answer(200, Live("other/t/a", {Entry("charon", "Apply", kOurFields)}));
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("other/t/a")));
  EXPECT_THAT(Sent(), ElementsAre("GET"));
}

TEST_F(ApplyObjectTest, ADeletionOfWhatIsGoneIsNotFound) {
  transport_.Answer(404, kNotFound);
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ApplyObjectTest, ADeletionLooksAgainIfAnotherObjectHasTheName) {
  Answer(200, Ours());
  transport_.Answer(409, kExists);
  Answer(200, Live("other/t/a", {}, "u2"));
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Sent(), ElementsAre("GET", "DELETE", "GET"));
}

TEST_F(ApplyObjectTest, DeletingFieldsAppliesNothing) {
  options_.owner.clear();
  Answer(200, Live("", {Entry("charon", "Apply", Json::parse(R"({"f:data":{"f:k":{}}})"))}));
  Answer(200, Live("", {}));
  EXPECT_THAT(DeleteObject(call_, *cluster_, kRef, options_), IsOk());
  EXPECT_THAT(Sent(), ElementsAre("GET", "PATCH"));
  EXPECT_EQ(
      Body(1),
      Json::parse(
          R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"x","uid":"u"}})"));
}

TEST_F(ApplyObjectTest, APlanOfAnAdoptionLeavesOutWhatTheApplyTakesAway) {
  const Json declared = Json::parse(
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"x"},
          "spec":{"ports":[{"name":"http","port":80,"protocol":"TCP"}],"selector":{"app":"a"}}})");
  Json live = Live("", {});
  live["kind"] = "Service";
  live.erase("data");
  live["spec"] = Json::parse(
      R"({"clusterIP":"10.0.0.1","selector":{"app":"a"},"ports":[
          {"name":"http","port":8080,"protocol":"TCP","targetPort":8080},
          {"name":"theirs","port":9,"protocol":"TCP"}]})");
  const auto port = [](int number) {
    return Json{{absl::StrCat("k:{\"port\":", number, ",\"protocol\":\"TCP\"}"),
                 {{".", Json::object()}, {"f:name", Json::object()}, {"f:port", Json::object()}}}};
  };
  live["metadata"]["managedFields"] = {
      Entry("kubectl-create", "Update", {{"f:spec", {{"f:ports", port(8080)}}}}),
      Entry("controller", "Update", {{"f:spec", {{"f:ports", port(9)}}}})};
  constexpr char kTwice[] =
      R"({"kind":"Status","status":"Failure","message":"Service \"a\" is invalid: spec.ports[1].name: Duplicate value: \"http\"","reason":"Invalid","details":{"name":"a","kind":"Service","causes":[{"reason":"FieldValueDuplicate","message":"Duplicate value: \"http\"","field":"spec.ports[1].name"}]},"code":422})";
  options_.on_conflict = OnConflict::kAdopt;
  Answer(200, live);
  transport_.Answer(422, kTwice);
  Answer(200, live);
  const auto checked = CheckUpdate(call_, *cluster_, declared, options_);
  ASSERT_THAT(checked, IsOk());
  EXPECT_TRUE(*checked);
  EXPECT_THAT(Sent(),
              ElementsAre("GET", "PATCH force=true dryRun=All", "PATCH dryRun=All json-patch"));
  Json spec;
  for (const Json& change : Body(2)) {
    if (change["path"] == "/spec") spec = change["value"];
  }
  EXPECT_EQ(spec["clusterIP"], "10.0.0.1");
  ASSERT_THAT(spec["ports"], SizeIs(2));
  EXPECT_EQ(spec["ports"][0]["name"], "http");
  EXPECT_EQ(spec["ports"][0]["port"], 80);
  EXPECT_EQ(spec["ports"][1]["name"], "theirs");
  // What is refused then, the apply would be, too.
  Answer(200, live);
  transport_.Answer(422, kTwice);
  transport_.Answer(422, kTwice);
  const auto fresh = kubernetes::NewCluster(http::Borrow(transport_), "");
  EXPECT_THAT(CheckUpdate(call_, *fresh, declared, options_).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Duplicate value")));
}

TEST(ClaimOf, NeedsManagerAndMark) {
  ObjectOptions options;
  options.owner = kMark;
  const auto claim = [&](const Json& live) { return ClaimOf(&live, options); };
  EXPECT_EQ(ClaimOf(nullptr, options), Claim::kAbsent);
  EXPECT_EQ(claim(Ours()), Claim::kOurs);
  EXPECT_EQ(claim(Live("", {Entry("charon", "Apply", kOurFields)})), Claim::kUnclaimed);
  // Copied with kubectl, annotations and all.
  EXPECT_EQ(claim(Live(kMark, {Entry("kubectl", "Apply", kOurFields)})), Claim::kUnclaimed);
  EXPECT_EQ(claim(Live("other", {Entry("charon", "Apply", kOurFields)})), Claim::kForeign);
  EXPECT_EQ(claim(Live(kMark, {Entry("charon", "Update", kOurFields)})), Claim::kUnclaimed);
}

TEST(OnConflict, FromText) {
  EXPECT_EQ(OnConflictFrom("adopt"), OnConflict::kAdopt);
  EXPECT_EQ(OnConflictFrom("replace"), OnConflict::kReplace);
  EXPECT_EQ(OnConflictFrom("fail"), OnConflict::kFail);
  EXPECT_EQ(OnConflictFrom(""), OnConflict::kFail);
}

}  // namespace
}  // namespace charon::operations

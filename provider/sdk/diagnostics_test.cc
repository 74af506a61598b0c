#include "provider/sdk/diagnostics.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/base/redact.h"
#include "provider/base/several.h"
#include "provider/base/status.h"
#include "provider/sdk/context.h"

namespace charon::sdk {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Diagnostic Of(const absl::Status& status) {
  Diagnostics diagnostics;
  diagnostics.Error("Unable to do it", status);
  return diagnostics.list().at(0);
}

TEST(Diagnostics, AreSentences) {
  EXPECT_EQ(Of(absl::NotFoundError("no user 7")).detail, "No user 7.");
  EXPECT_EQ(Of(absl::NotFoundError("It is gone.")).detail, "It is gone.");
  EXPECT_EQ(Of(absl::NotFoundError("is it gone?")).detail, "Is it gone?");
  // Names stay as they are.
  EXPECT_EQ(Of(absl::NotFoundError("kube-system: forbidden")).detail, "kube-system: forbidden.");
  EXPECT_EQ(Of(absl::NotFoundError("https://host/path: 404")).detail, "https://host/path: 404.");
  EXPECT_EQ(Of(absl::NotFoundError("")).detail, "");
}

TEST(Diagnostics, CarryPathAndRemedy) {
  const Diagnostic diagnostic = Of(
      At("name", WithRemedy(absl::AlreadyExistsError("the name is taken"), "Choose another one.")));
  EXPECT_EQ(diagnostic.severity, Diagnostic::Severity::kError);
  EXPECT_EQ(diagnostic.summary, "Unable to do it");
  EXPECT_EQ(diagnostic.detail, "The name is taken.\n\nChoose another one.");
  EXPECT_EQ(diagnostic.path, Path("name"));
}

TEST(Diagnostics, SeveralAreOneEach) {
  const absl::Status several =
      Several({At("name", absl::NotFoundError("it is gone")), absl::AbortedError("it is another")});
  Diagnostics diagnostics;
  diagnostics.Error("e", several);
  diagnostics.Warning("w", several);
  ASSERT_THAT(diagnostics.list(), SizeIs(4));
  EXPECT_EQ(diagnostics.list()[0].path, Path("name"));
  EXPECT_EQ(diagnostics.list()[0].detail, "It is gone.");
  EXPECT_EQ(diagnostics.list()[1].detail, "It is another.");
  EXPECT_EQ(diagnostics.list()[1].path, Path());
  EXPECT_EQ(diagnostics.list()[3].summary, "w");
}

TEST(Diagnostics, SayNothingOfSuccess) {
  Diagnostics diagnostics;
  diagnostics.Error("x", absl::OkStatus());
  diagnostics.Warning("x", absl::OkStatus());
  EXPECT_THAT(diagnostics.list(), SizeIs(0));
}

TEST(Diagnostics, OnlyErrorsAreErrors) {
  Diagnostics diagnostics;
  diagnostics.Warning("w", "detail");
  diagnostics.Warning("w", absl::UnknownError("detail of it"));
  EXPECT_FALSE(diagnostics.HasError());
  Diagnostics more;
  more.Error("e", "detail", "name");
  diagnostics.Append(std::move(more));
  EXPECT_TRUE(diagnostics.HasError());
  EXPECT_THAT(diagnostics.list(), SizeIs(3));
  EXPECT_EQ(diagnostics.list()[2].path, Path("name"));
}

TEST(Diagnostics, TellNoSecrets) {
  RegisterSecret("hunter2-hunter2");
  Diagnostics diagnostics;
  diagnostics.Error("e", "the password hunter2-hunter2 is wrong");
  diagnostics.Warning("w", "hunter2-hunter2");
  diagnostics.Error("e",
                    WithRemedy(absl::InternalError("with hunter2-hunter2"), "not hunter2-hunter2"));
  for (const Diagnostic& diagnostic : diagnostics.list())
    EXPECT_THAT(diagnostic.detail, Not(HasSubstr("hunter2")));
}

TEST(PrivateState, RoundTrips) {
  PrivateState state;
  EXPECT_EQ(state.ToBytes(), "");
  state.Set("b", "2");
  state.Set("a", "ä \"1\"\n");
  const PrivateState again = PrivateState::Parse(state.ToBytes());
  EXPECT_EQ(again.Get("a"), "ä \"1\"\n");
  EXPECT_EQ(again.Get("b"), "2");
  EXPECT_EQ(again.Get("c"), std::nullopt);
  EXPECT_EQ(again.ToBytes(), state.ToBytes());
  state.Erase("a");
  state.Erase("b");
  EXPECT_EQ(state.ToBytes(), "");
}

TEST(PrivateState, ForeignBytesAreEmpty) {
  for (const char* bytes : {"", "nonsense", "null", "[]", "{\"a\":", "{\"a\":1}"}) {
    EXPECT_EQ(PrivateState::Parse(bytes).ToBytes(), "") << bytes;
  }
}

// What a create writes that finds objects of its stack.
class Notes {
 public:
  Tenure::Note Next() {
    return [this](const std::string& number) {
      written.push_back(number);
      return outcome;
    };
  }
  std::vector<std::string> written;
  absl::Status outcome;
};

TEST(PrivateState, ACreateHasOneNumberForAllThatItFound) {
  PrivateState former, next;
  Notes notes;
  former.Set("tenure", "a");
  next = former;
  next.BeginTenure();
  EXPECT_FALSE(next.IsOwn("a"));
  next.Find("a", notes.Next());
  next.Find("", notes.Next());
  EXPECT_THAT(notes.written, SizeIs(0));
  next.NoteTenure(Call(), /*complete=*/true);
  ASSERT_THAT(notes.written, SizeIs(2));
  EXPECT_EQ(notes.written[0], notes.written[1]);
  const PrivateState kept = PrivateState::Parse(next.ToBytes());
  EXPECT_TRUE(kept.IsOwn(notes.written[0]));
  EXPECT_FALSE(kept.IsOwn("a"));
  EXPECT_FALSE(former.IsOwn(notes.written[0]));
}

TEST(PrivateState, ACreateThatFoundNothingHasNoNumber) {
  PrivateState state;
  state.BeginTenure();
  state.NoteTenure(Call(), /*complete=*/true);
  EXPECT_EQ(state.ToBytes(), "");
}

TEST(PrivateState, WhatAFailedCreateMayHaveIsItsOwn) {
  for (const bool complete : {false, true}) {
    PrivateState state;
    Notes notes;
    state.BeginTenure();
    state.Find("a", notes.Next());
    if (complete) notes.outcome = absl::UnavailableError("no server");
    state.NoteTenure(Call(), complete);
    EXPECT_TRUE(PrivateState::Parse(state.ToBytes()).IsOwn("a"));
  }
}

TEST(PrivateState, AnUpdateTakesNumbersAsItsOwn) {
  PrivateState state;
  Notes notes;
  for (const char* number : {"", "a", "b", "a"}) state.Find(number, notes.Next());
  EXPECT_THAT(notes.written, SizeIs(0));
  const PrivateState kept = PrivateState::Parse(state.ToBytes());
  EXPECT_EQ(kept.Get("tenure"), "a b");
  EXPECT_TRUE(kept.IsOwn("a") && kept.IsOwn("b") && !kept.IsOwn("c"));
}

}  // namespace
}  // namespace charon::sdk

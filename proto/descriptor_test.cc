// Compares the compiled tfplugin6.proto with tfplugin6.table, which restates the published
// protocol.

#include "google/protobuf/descriptor.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "provider/testing/checkout.h"

namespace charon {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A message or enum as the table names it: without the package of the file.
std::string ShortName(absl::string_view full_name) {
  absl::ConsumePrefix(&full_name, "tfplugin6.");
  return std::string(full_name);
}

std::string TypeName(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_MESSAGE:
      return ShortName(field.message_type()->full_name());
    case FieldDescriptor::TYPE_ENUM:
      return ShortName(field.enum_type()->full_name());
    default:
      return field.type_name();
  }
}

std::string Line(const FieldDescriptor& field) {
  std::string type;
  if (field.is_map()) {
    type = absl::StrCat("map<", TypeName(*field.message_type()->map_key()), ",",
                        TypeName(*field.message_type()->map_value()), ">");
  } else {
    if (field.is_repeated()) type = "repeated ";
    if (field.has_optional_keyword()) type = "optional ";
    if (field.real_containing_oneof() != nullptr) {
      type = absl::StrCat("oneof:", field.real_containing_oneof()->name(), " ");
    }
    type += TypeName(field);
  }
  return absl::StrCat(field.number(), " ", field.name(), " ", type);
}

void Collect(const EnumDescriptor& type, std::vector<std::string>& lines) {
  for (int i = 0; i < type.value_count(); ++i) {
    lines.push_back(absl::StrCat("enum ", ShortName(type.full_name()), ": ", type.value(i)->name(),
                                 "=", type.value(i)->number()));
  }
}

void Collect(const Descriptor& type, std::vector<std::string>& lines) {
  if (type.options().map_entry()) return;
  const std::string name = ShortName(type.full_name());
  // The table leaves out messages that are only a name space for others.
  if (type.field_count() > 0 || type.nested_type_count() == 0) {
    lines.push_back(absl::StrCat("message ", name));
  }
  for (int i = 0; i < type.field_count(); ++i) {
    lines.push_back(absl::StrCat("message ", name, ": ", Line(*type.field(i))));
  }
  for (int i = 0; i < type.nested_type_count(); ++i) Collect(*type.nested_type(i), lines);
  for (int i = 0; i < type.enum_type_count(); ++i) Collect(*type.enum_type(i), lines);
}

std::vector<std::string> OfDescriptors(const FileDescriptor& file) {
  std::vector<std::string> lines;
  for (int i = 0; i < file.message_type_count(); ++i) Collect(*file.message_type(i), lines);
  for (int i = 0; i < file.enum_type_count(); ++i) Collect(*file.enum_type(i), lines);
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const auto& method = *file.service(i)->method(j);
      lines.push_back(absl::StrCat("rpc ", method.name(), " ",
                                   method.client_streaming() ? "stream " : "",
                                   ShortName(method.input_type()->full_name()), " -> ",
                                   method.server_streaming() ? "stream " : "",
                                   ShortName(method.output_type()->full_name())));
    }
  }
  return lines;
}

std::vector<std::string> OfTable(const std::string& text) {
  std::vector<std::string> lines;
  std::string section;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    if (absl::StartsWith(line, "#")) continue;
    if (absl::StartsWith(line, "  ")) {
      lines.push_back(absl::StrCat(section, ": ", absl::StripAsciiWhitespace(line)));
    } else if (absl::StartsWith(line, "rpc ")) {
      lines.emplace_back(line);
    } else {
      section = std::string(line);
      if (absl::StartsWith(line, "message ")) lines.push_back(section);
    }
  }
  return lines;
}

class Protocol : public ::testing::Test {
 protected:
  void SetUp() override {
    google::protobuf::FileDescriptorSet files;
    ASSERT_TRUE(
        files.ParseFromString(ReadFile(BuildPath("generated/proto/tfplugin6.descriptors"))));
    for (const auto& file : files.file()) ASSERT_NE(pool_.BuildFile(file), nullptr) << file.name();
    file_ = pool_.FindFileByName("proto/tfplugin6.proto");
    ASSERT_NE(file_, nullptr);
  }

  google::protobuf::DescriptorPool pool_;
  const FileDescriptor* file_ = nullptr;
};

TEST_F(Protocol, AgreesWithTheTableBothWays) {
  const auto table = OfTable(ReadFile(SourcePath("proto/tfplugin6.table")));
  ASSERT_GT(table.size(), 400u);
  EXPECT_THAT(OfDescriptors(*file_), ::testing::UnorderedElementsAreArray(table));
}

TEST_F(Protocol, IsProto3OfTheRightPackage) {
  EXPECT_EQ(file_->package(), "tfplugin6");
  EXPECT_EQ(file_->syntax(), FileDescriptor::SYNTAX_PROTO3);
  ASSERT_EQ(file_->service_count(), 1);
  EXPECT_EQ(file_->service(0)->full_name(), "tfplugin6.Provider");
}

TEST_F(Protocol, MarksTheItemLimitsOfObjectsDeprecated) {
  const Descriptor* object = pool_.FindMessageTypeByName("tfplugin6.Schema.Object");
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(object->FindFieldByName("min_items")->options().deprecated());
  EXPECT_TRUE(object->FindFieldByName("max_items")->options().deprecated());
  EXPECT_FALSE(object->FindFieldByName("nesting")->options().deprecated());
}

}  // namespace
}  // namespace charon

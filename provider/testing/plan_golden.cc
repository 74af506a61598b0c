#include "provider/testing/plan_golden.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "provider/testing/checkout.h"
#include "provider/testing/core_rules.h"
#include "provider/testing/values.h"

namespace charon {
namespace {

using Json = nlohmann::ordered_json;

Json TextOf(const Path& path) { return path.ToString(); }

std::string TextOf(const sdk::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == sdk::Diagnostic::Severity::kError;
  const std::vector<std::string> lines = absl::StrSplit(diagnostic.detail, '\n');
  return absl::StrCat(error ? "error" : "warning", diagnostic.path.empty() ? "" : " at ",
                      diagnostic.path.ToString(), ": ", diagnostic.summary,
                      lines[0].empty() ? "" : ": ", lines[0]);
}

// Goes through both values in the table's order; `visit` gets every part that is no object of a
// table.
template <typename Visit>
void Walk(const ObjectSchema& schema, const Value& before, const Value& after, const Path& path,
          const Visit& visit) {
  for (const AttributeSchema& attribute : schema.attributes) {
    const Value& was = before[attribute.name];
    const Value& is = after[attribute.name];
    const Path place = path.Attribute(attribute.name);
    if (attribute.nested == nullptr || !is.IsKnown() || attribute.nesting == Nesting::kSet) {
      visit(place, was, is);
    } else if (attribute.nesting == Nesting::kSingle) {
      Walk(*attribute.nested, was, is, place, visit);
    } else if (attribute.nesting == Nesting::kMap) {
      for (const auto& [key, element] : is.mapping()) {
        Walk(*attribute.nested, was[key], element, place.Key(key), visit);
      }
      for (const auto& [key, element] : was.IsKnown() ? was.mapping() : Value::Mapping()) {
        if (is.mapping().count(key) == 0) visit(place.Key(key), element, Value());
      }
    } else {
      const Value::Sequence none;
      const Value::Sequence& old = was.IsKnown() ? was.sequence() : none;
      for (std::size_t i = 0; i < std::max(old.size(), is.sequence().size()); ++i) {
        const Path element = place.Index(static_cast<std::int64_t>(i));
        if (i >= is.sequence().size()) {
          visit(element, old[i], Value());
        } else {
          Walk(*attribute.nested, i < old.size() ? old[i] : Value(), is.sequence()[i], element,
               visit);
        }
      }
    }
  }
}

Json* Case(Json& file, const std::string& name) { return name.empty() ? &file : &file[name]; }

std::vector<std::string> CaseNames(const Json& file) {
  if (file.contains("expect") || file.contains("config")) return {""};
  std::vector<std::string> names;
  for (const auto& [name, entry] : file.items()) names.push_back(name);
  return names;
}

void Write(const Json& json, std::size_t width, std::size_t indent, std::size_t reserved,
           std::string& out) {
  // One line, with a space inside brackets' commas and colons.
  const auto flat = [](const auto& self, const Json& value) -> std::string {
    if (!value.is_structured() || value.empty()) return value.dump();
    std::string text = value.is_array() ? "[" : "{ ";
    bool first = true;
    for (const auto& [key, entry] : value.items()) {
      absl::StrAppend(&text, first ? "" : ", ",
                      value.is_array() ? "" : absl::StrCat(Json(key).dump(), ": "),
                      self(self, entry));
      first = false;
    }
    return text + (value.is_array() ? "]" : " }");
  };
  std::string line = flat(flat, json);
  if (!json.is_structured() || json.empty() || indent + reserved + line.size() <= width) {
    out += line;
    return;
  }
  out += json.is_array() ? "[\n" : "{\n";
  std::size_t left = json.size();
  for (const auto& [key, entry] : json.items()) {
    const std::string name = json.is_array() ? "" : absl::StrCat(Json(key).dump(), ": ");
    out += std::string(indent + 2, ' ') + name;
    Write(entry, width, indent + 2, name.size() + 1, out);
    out += --left == 0 ? "\n" : ",\n";
  }
  out += std::string(indent, ' ') + (json.is_array() ? "]" : "}");
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

std::string ReadableJson(const Json& json, std::size_t width) {
  std::string out;
  Write(json, width, 0, 0, out);
  return out + "\n";
}

Json GoldenPlanOf(sdk::AnyResource& resource, const Json& input) {
  const ObjectSchema& schema = resource.schema();
  const auto object = [&](const char* name) {
    return input.contains(name) ? ValueFromJsonForTest(schema.type(), input[name]) : Value();
  };
  const Value prior = object("prior");
  const Value config = object("config");
  const Call call;
  const sdk::Capabilities capabilities{.deferral_allowed = false, .write_only_allowed = true};

  Json changed = Json::array(), replace = Json::array(), unknown = Json::array();
  Json diagnostics = Json::array(), values = Json::object();
  sdk::Diagnostics found;
  if (config.IsKnown()) found = resource.Validate(call, config, capabilities);
  if (!found.HasError()) {
    sdk::PlanRequest request;
    request.config = config;
    request.prior = prior;
    request.proposed = config.IsKnown() ? core::ProposedNewState(schema, prior, config) : Value();
    request.capabilities = capabilities;
    sdk::PlanAnswer answer = resource.Plan(call, request);
    // Of a destroy there is nothing to tell but the diagnostics.
    if (config.IsKnown())
      Walk(schema, prior, answer.planned, Path(),
           [&](const Path& path, const Value& was, const Value& is) {
             if (!is.IsWhollyKnown()) {
               unknown.push_back(TextOf(path));
             } else if (!(was == is)) {
               changed.push_back(TextOf(path));
             }
           });
    for (const Path& path : answer.requires_replace) replace.push_back(TextOf(path));
    const Json wanted = input.value("expect", Json::object()).value("values", Json::object());
    for (const auto& [name, value] : wanted.items()) {
      values[name] = JsonForTest(answer.planned[name]);
    }
    found.Append(std::move(answer.diagnostics));
  }
  for (const sdk::Diagnostic& diagnostic : found.list()) diagnostics.push_back(TextOf(diagnostic));
  Json result = {{"changed", std::move(changed)},
                 {"replace", std::move(replace)},
                 {"unknown", std::move(unknown)},
                 {"diagnostics", std::move(diagnostics)}};
  if (!values.empty()) result["values"] = std::move(values);
  return result;
}

void RunGoldenPlans(sdk::AnyResource& resource, absl::string_view folder) {
  const std::filesystem::path root = SourcePath(folder);
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  ASSERT_FALSE(files.empty()) << "no golden plan in " << folder;
  std::sort(files.begin(), files.end());
  const bool rewrite = std::getenv("CHARON_REWRITE_GOLDEN") != nullptr;

  for (const std::filesystem::path& path : files) {
    const std::string name = path.filename().string();
    const std::string text = ReadFile(path);
    Json file = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!file.is_object()) {
      ADD_FAILURE() << folder << "/" << name << " is no JSON object";
      continue;
    }
    for (const std::string& case_name : CaseNames(file)) {
      Json& golden = *Case(file, case_name);
      const Json actual = GoldenPlanOf(resource, golden);
      if (rewrite) {
        golden["expect"] = actual;
      } else {
        EXPECT_EQ(ReadableJson(golden.value("expect", Json())), ReadableJson(actual))
            << folder << "/" << name << (case_name.empty() ? "" : ", case \"" + case_name + "\"")
            << "\nSet CHARON_REWRITE_GOLDEN=1 to rewrite the file.";
      }
    }
    if (rewrite) {
      if (const std::string now = ReadableJson(file); now != text) std::ofstream(path) << now;
    } else {
      EXPECT_EQ(text, ReadableJson(file)) << folder << "/" << name << ": another layout than "
                                          << "CHARON_REWRITE_GOLDEN=1 gives it.";
    }
  }
}

}  // namespace charon

#include "selector.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "kinds.h"
#include "names.h"

namespace charon::sandbox {
namespace {

// Splits at commas that are not inside parentheses.
std::vector<std::string> TopLevelParts(absl::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth <= 0) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

absl::Status Unparsable(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: ", what));
}

}  // namespace

absl::StatusOr<LabelSelector> LabelSelector::Parse(absl::string_view text) {
  LabelSelector out;
  if (absl::StripAsciiWhitespace(text).empty()) return out;
  for (const std::string& raw : TopLevelParts(text)) {
    const absl::string_view part = absl::StripAsciiWhitespace(raw);
    if (part.empty()) return Unparsable("found '', expected: identifier after ','");
    Requirement one;
    absl::string_view rest = part;
    const bool negated = absl::ConsumePrefix(&rest, "!");
    const std::size_t end = rest.find_first_of(" =!<>(\t");
    one.key = std::string(absl::StripAsciiWhitespace(rest.substr(0, end)));
    rest =
        end == absl::string_view::npos ? "" : absl::StripLeadingAsciiWhitespace(rest.substr(end));
    if (one.key.empty()) {
      return Unparsable(absl::StrCat("found '", rest.substr(0, 1), "', expected: identifier"));
    }
    if (const std::string wrong = QualifiedNameError(one.key); !wrong.empty()) {
      return Unparsable(absl::StrCat("<nil>: Invalid value: ", Quote(one.key), ": ", wrong));
    }
    if (rest.empty()) {
      one.op = negated ? Operator::kDoesNotExist : Operator::kExists;
    } else if (negated) {
      return Unparsable(absl::StrCat("found '", rest, "', expected: ',' or end of string"));
    } else if (absl::ConsumePrefix(&rest, "in") || absl::ConsumePrefix(&rest, "notin")) {
      one.op = absl::EndsWith(part.substr(0, part.find('(')), "notin") ||
                       absl::StrContains(part.substr(0, part.find('(')), "notin ")
                   ? Operator::kNotIn
                   : Operator::kIn;
      rest = absl::StripAsciiWhitespace(rest);
      if (!absl::ConsumePrefix(&rest, "(") || !absl::ConsumeSuffix(&rest, ")")) {
        return Unparsable(absl::StrCat("found '", rest, "' expected: '('"));
      }
      for (absl::string_view value : absl::StrSplit(rest, ',')) {
        one.values.emplace_back(absl::StripAsciiWhitespace(value));
      }
    } else {
      if (absl::ConsumePrefix(&rest, "!=")) {
        one.op = Operator::kNotIn;
      } else if (absl::ConsumePrefix(&rest, "==") || absl::ConsumePrefix(&rest, "=")) {
        one.op = Operator::kIn;
      } else if (absl::ConsumePrefix(&rest, ">")) {
        one.op = Operator::kGreater;
      } else if (absl::ConsumePrefix(&rest, "<")) {
        one.op = Operator::kLess;
      } else {
        return absl::InvalidArgumentError(absl::StrCat(
            "unable to parse requirement: found '", rest.substr(0, rest.find_first_of(" =!<>(\t")),
            "', expected: in, notin, =, ==, !=, gt, lt"));
      }
      one.values.emplace_back(absl::StripAsciiWhitespace(rest));
      if (absl::StartsWith(one.values.back(), "=")) {
        return Unparsable("found '=', expected: identifier");
      }
    }
    for (const std::string& value : one.values) {
      if (const std::string wrong = LabelValueError(value); !wrong.empty()) {
        return absl::InvalidArgumentError(absl::StrCat("unable to parse requirement: values[0][",
                                                       one.key, "]: Invalid value: ", Quote(value),
                                                       ": ", wrong));
      }
    }
    out.requirements_.push_back(std::move(one));
  }
  return out;
}

LabelSelector LabelSelector::FromJson(const Json* selector) {
  LabelSelector out;
  if (selector == nullptr || !selector->is_object()) {
    out.nothing_ = true;
    return out;
  }
  for (const auto& [key, value] : Members(*selector, {"matchLabels"}).items()) {
    out.requirements_.push_back({key, Operator::kIn, {GoValue(value)}});
  }
  for (const Json& expression : Items(*selector, {"matchExpressions"})) {
    Requirement one;
    one.key = Text(expression, {"key"});
    const std::string op = Text(expression, {"operator"});
    one.op = op == "In"       ? Operator::kIn
             : op == "NotIn"  ? Operator::kNotIn
             : op == "Exists" ? Operator::kExists
                              : Operator::kDoesNotExist;
    for (const Json& value : Items(expression, {"values"})) one.values.push_back(GoValue(value));
    out.requirements_.push_back(std::move(one));
  }
  return out;
}

bool LabelSelector::Matches(const Json& labels) const {
  if (nothing_) return false;
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& one) {
    const auto it = labels.is_object() ? labels.find(one.key) : labels.end();
    const bool there = labels.is_object() && it != labels.end();
    const std::string value = there ? GoValue(*it) : "";
    const bool listed =
        there && std::find(one.values.begin(), one.values.end(), value) != one.values.end();
    double mine = 0;
    double theirs = 0;
    const bool numbers = there && !one.values.empty() && absl::SimpleAtod(value, &mine) &&
                         absl::SimpleAtod(one.values[0], &theirs);
    switch (one.op) {
      case Operator::kIn:
        return listed;
      case Operator::kNotIn:
        return !listed;
      case Operator::kExists:
        return there;
      case Operator::kDoesNotExist:
        return !there;
      case Operator::kGreater:
        return numbers && mine > theirs;
      case Operator::kLess:
        return numbers && mine < theirs;
    }
    return false;
  });
}

std::string LabelSelector::ToString() const {
  std::vector<std::string> parts;
  for (const Requirement& one : requirements_) {
    switch (one.op) {
      case Operator::kIn:
        parts.push_back(one.values.size() == 1
                            ? absl::StrCat(one.key, "=", one.values[0])
                            : absl::StrCat(one.key, " in (", absl::StrJoin(one.values, ","), ")"));
        break;
      case Operator::kNotIn:
        parts.push_back(one.values.size() == 1 ? absl::StrCat(one.key, "!=", one.values[0])
                                               : absl::StrCat(one.key, " notin (",
                                                              absl::StrJoin(one.values, ","), ")"));
        break;
      case Operator::kExists:
        parts.push_back(one.key);
        break;
      case Operator::kDoesNotExist:
        parts.push_back(absl::StrCat("!", one.key));
        break;
      case Operator::kGreater:
        parts.push_back(absl::StrCat(one.key, ">", one.values[0]));
        break;
      case Operator::kLess:
        parts.push_back(absl::StrCat(one.key, "<", one.values[0]));
        break;
    }
  }
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, ",");
}

namespace {

// What can be selected besides name and namespace.
const std::map<std::string, std::vector<std::string>>& SelectableFields() {
  static const auto& fields = *new std::map<std::string, std::vector<std::string>>{
      {"/pods",
       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs",
        "status.nominatedNodeName"}},
      {"/events",
       {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
        "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
        "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type"}},
      {"/secrets", {"type"}},
      {"/namespaces", {"status.phase", "name"}},
      {"/nodes", {"spec.unschedulable"}},
      {"/services", {"spec.clusterIP", "spec.type"}},
      {"/replicationcontrollers", {"status.replicas"}},
      {"apps/replicasets", {"status.replicas"}},
      {"batch/jobs", {"status.successful"}},
      {"certificates.k8s.io/certificatesigningrequests", {"spec.signerName"}},
  };
  return fields;
}

std::string FieldText(const Json& object, absl::string_view field) {
  if (field == "source") return Text(object, {"source", "component"});
  if (field == "name") return Text(object, {"metadata", "name"});
  const Json* at = &object;
  for (absl::string_view step : absl::StrSplit(field, '.')) {
    if (!at->is_object()) return "";
    const auto it = at->find(std::string(step));
    if (it == at->end()) {
      at = nullptr;
      break;
    }
    at = &*it;
  }
  if (at == nullptr) {
    if (absl::EndsWith(field, "unschedulable") || absl::EndsWith(field, "hostNetwork")) {
      return "false";
    }
    return absl::StartsWith(field, "status.re") || absl::StartsWith(field, "status.su") ? "0" : "";
  }
  return GoValue(*at);
}

}  // namespace

absl::StatusOr<FieldSelector> FieldSelector::Parse(absl::string_view text,
                                                   const Resource& resource) {
  FieldSelector out;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    Requirement one;
    std::size_t at = part.find("!=");
    std::size_t length = 2;
    one.equal = at == absl::string_view::npos;
    if (one.equal) {
      at = part.find("==");
      if (at == absl::string_view::npos) {
        at = part.find('=');
        length = 1;
      }
    }
    if (at == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("invalid selector: '", part, "'; can't understand '", part, "'"));
    }
    one.field = std::string(part.substr(0, at));
    one.value = std::string(part.substr(at + length));
    if (one.field != "metadata.name" && one.field != "metadata.namespace") {
      const auto it = SelectableFields().find(resource.storage_key());
      if (it == SelectableFields().end()) {
        if (resource.is_custom()) {
          return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", one.field));
        }
        return absl::InvalidArgumentError(
            absl::StrCat(Quote(one.field), " is not a known field selector: only ",
                         "\"metadata.name\", \"metadata.namespace\""));
      }
      if (std::find(it->second.begin(), it->second.end(), one.field) == it->second.end()) {
        return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", one.field));
      }
    }
    out.requirements_.push_back(std::move(one));
  }
  return out;
}

bool FieldSelector::Matches(const Json& object) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& one) {
    return (FieldText(object, one.field) == one.value) == one.equal;
  });
}

}  // namespace charon::sandbox

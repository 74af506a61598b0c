#include "resources/service/keep_numbers.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace charon::service {
namespace {

using Json = nlohmann::json;

// A workload with one port of that name and number.
Json Workload(const std::string& name, int number) {
  const Json port = {{"name", name}, {"containerPort", number}};
  const Json container = {{"name", "web"}, {"ports", Json::array({port})}};
  return {{"spec", {{"template", {{"spec", {{"containers", Json::array({container})}}}}}}}};
}

// A Service whose port 80 leads there.
Json Service(const Json& target) {
  return {{"spec", {{"ports", Json::array({{{"port", 80}, {"targetPort", target}}})}}}};
}

// Where port 80 leads to during the rollout.
Json LeadsTo(const Json& to_come, const Json& running, const Json& live, const Json& wanted) {
  Json service = Service(wanted);
  const bool kept = KeepNumbers(
      to_come, [&]() -> const Json& { return running; }, Service(live), service);
  const Json target = service["spec"]["ports"][0]["targetPort"];
  EXPECT_EQ(kept, target != wanted);
  return target;
}

TEST(KeepNumbers, ANewNameOfTheSameNumberIsReachedByTheNumber) {
  EXPECT_EQ(LeadsTo(Workload("web", 8080), Workload("http", 8080), "http", "web"), 8080);
  EXPECT_EQ(LeadsTo(Workload("web", 8080), Workload("http", 8080), 8080, "web"), 8080);
}

TEST(KeepNumbers, WhatRunsIsReachedByItsNameAsLongAsThatStays) {
  EXPECT_EQ(LeadsTo(Workload("web", 9090), Workload("web", 8080), "web", "web"), "web");
}

TEST(KeepNumbers, AnotherNumberIsAnotherPort) {
  EXPECT_EQ(LeadsTo(Workload("web", 9090), Workload("http", 8080), "http", "web"), "web");
  EXPECT_EQ(LeadsTo(Workload("web", 9090), Workload("http", 8080), 8080, "web"), "web");
}

TEST(KeepNumbers, WithoutAWorkloadNothingRuns) {
  EXPECT_EQ(LeadsTo(Workload("web", 8080), Json(), "http", "web"), "web");
}

TEST(KeepNumbers, OtherPortsOfTheServiceSayNothing) {
  Json service = Service("web");
  Json live = Service(8080);
  live["spec"]["ports"][0]["port"] = 81;
  const Json running = Workload("http", 8080);
  EXPECT_FALSE(KeepNumbers(
      Workload("web", 8080), [&]() -> const Json& { return running; }, live, service));
}

}  // namespace
}  // namespace charon::service

// Terraform's own checks of what a provider answers (plugin protocol 5.2, 5.3 and 5.5), so that a
// defect of ours is found before core finds it.
#pragma once

#include <string>
#include <vector>

#include "provider/base/path.h"
#include "provider/schema/schema.h"
#include "provider/value/value.h"

namespace charon::plan {

// Rules P1 to P13 and P20. Each string names the rule, the path and both values' kinds (never a
// value: it may be a secret). Empty if the answer is sound.
std::vector<std::string> CheckPlan(const ObjectSchema& schema, const Value& config,
                                   const Value& prior, const Value& planned,
                                   const std::vector<Path>& requires_replace);

// Rules A2 to A10 and A12, for an apply that reports no error.
std::vector<std::string> CheckApply(const ObjectSchema& schema, const Value& planned,
                                    const Value& result);

// Rule 5.4: `final`, the plan made at apply, keeps to what `planned`, the saved one, said was
// known. The actions are not compared.
std::vector<std::string> CheckFinalPlan(const ObjectSchema& schema, const Value& planned,
                                        const Value& final);

// What holds for every stored state: conforming, wholly known, write-only attributes null.
std::vector<std::string> CheckState(const ObjectSchema& schema, const Value& state);

}  // namespace charon::plan

// What Terraform core does around a provider's plan, as far as tests need it: the merge of prior
// state and configuration that it proposes, and which action a plan means (plugin protocol 5.1
// and 5.2).
#pragma once

#include <ostream>
#include <vector>

#include "provider/base/path.h"
#include "provider/schema/schema.h"
#include "provider/value/value.h"

namespace charon::core {

// proposed_new_state. `prior` is null or wholly known, `config` null or known, as a whole.
Value ProposedNewState(const ObjectSchema& schema, const Value& prior, const Value& config);

enum class Action { kNoOp, kCreate, kUpdate, kReplace, kDelete };

// Paths whose values are equal count for nothing, none does for a create.
Action ActionOf(const Value& prior, const Value& planned,
                const std::vector<Path>& requires_replace);

std::ostream& operator<<(std::ostream& out, Action action);

}  // namespace charon::core

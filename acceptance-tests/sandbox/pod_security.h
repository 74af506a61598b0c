// The pod security standards: what baseline and restricted forbid.

#ifndef ACCEPTANCE_TESTS_SANDBOX_POD_SECURITY_H_
#define ACCEPTANCE_TESTS_SANDBOX_POD_SECURITY_H_

#include <string>

#include "json.h"

namespace charon::sandbox {

// What in this pod spec violates the level ("baseline", "restricted"), in the server's words; empty
// if nothing does.
std::string PodSecurityViolations(const std::string& level, const Json& spec,
                                  const Json& annotations);

}  // namespace charon::sandbox

#endif  // ACCEPTANCE_TESTS_SANDBOX_POD_SECURITY_H_

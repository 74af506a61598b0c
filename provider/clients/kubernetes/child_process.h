// Runs a program to its end: what an exec plugin needs, and no more.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "provider/base/call.h"

namespace charon::kubernetes {

struct Command {
  std::string program = {};  // a path, or a name to be found in PATH
  std::vector<std::string> args = {};
  std::map<std::string, std::string> env = {};  // added to this process's own
};

struct ProcessResult {
  int exit_code = 0;  // 128 + n if signal n ended it
  std::string out;
  std::string err;  // the last 4 KiB
};

// Starts the command in a process group of its own, with no input, no other open files and default
// signal handling, and waits for it. When the call ends first or `limit` has passed, the whole
// group is killed. Blocks; safe for concurrent use, and in a process with many threads.
//   NotFound           there is no such program
//   PermissionDenied   it is not executable
//   Cancelled, DeadlineExceeded   as the call says; DeadlineExceeded also after `limit`
//   ResourceExhausted  it writes more than 1 MiB to its standard output
absl::StatusOr<ProcessResult> RunProcess(const Call& call, const Command& command,
                                         absl::Duration limit);

}  // namespace charon::kubernetes

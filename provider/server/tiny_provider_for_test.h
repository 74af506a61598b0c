// A provider of one thing of each kind, without a server behind it, for the tests of this folder.
#pragma once

#include <memory>

#include "provider/sdk/registry.h"

namespace charon::server {

// tiny_thing   managed; its `name` decides what goes wrong:
//                "throw"    creating throws an exception
//                "partial"  creating leaves a state and an error
//                "bytes"    creating fails with a message that is no UTF-8
//                "wait"     creating waits, a minute at most, until it is stopped
//                "print"    creating prints on standard output
//                "crash"    creating ends in SIGSEGV
//                anything else works; what is imported as "gone" cannot be read
// tiny_lookup  data source   tiny_token  ephemeral   tiny_thing  list   tiny_poke  action
// shout, first               functions
std::unique_ptr<sdk::Registry> MakeTinyRegistry();

}  // namespace charon::server

// The conventional `timeouts` attribute.
#pragma once

#include <string>

#include "provider/schema/field.h"

namespace charon::sdk {

struct TimeoutsModel {
  Attr<std::string> create, read, update, destroy;
  static const ObjectSpec<TimeoutsModel>& Describe();
};

// One row: TimeoutsField(&M::timeouts). The adapter turns the values into the deadline of each
// call.
template <typename M>
FieldBuilder<M, TimeoutsModel> TimeoutsField(Attr<TimeoutsModel> M::*member) {
  return Field(member, "timeouts", Optional,
               "How long each operation may take, for example `{ create = \"15m\" }`.");
}

}  // namespace charon::sdk

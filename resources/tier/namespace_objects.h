// What a charon_tier_namespace says, as objects of Kubernetes, and back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"
#include "provider/operations/apply_object.h"
#include "provider/operations/labels.h"
#include "provider/services.h"
#include "resources/tier/namespace.h"

namespace charon::tier {

inline constexpr char kNamespaceType[] = "charon_tier_namespace";
// The server writes it into every namespace (Kubernetes 1.36, pkg/apis/core/v1/defaults.go,
// SetDefaults_Namespace).
inline constexpr char kNameLabel[] = "kubernetes.io/metadata.name";
inline constexpr char kPodSecurityPrefix[] = "pod-security.kubernetes.io/";
inline constexpr const char* kPodSecurityModes[] = {"enforce", "audit", "warn"};

kubernetes::ObjectRef NamespaceRef(const std::string& name);
kubernetes::ObjectRef LimitRangeRef(const std::string& name_space);
kubernetes::ObjectRef QuotaRef(const std::string& name_space);
kubernetes::ObjectRef DefaultDenyRef(const std::string& name_space);
// `name_space`: of the resource, where the binding names none.
kubernetes::ObjectRef RoleBindingRef(const std::string& name_space, const std::string& name,
                                     const RoleBindingModel& binding);

// The labels that stand for `model`; none for a level that is not set.
std::map<std::string, std::string> PodSecurityLabels(const PodSecurityModel& model);
// All labels of the Namespace.
operations::Labels LabelsFor(const NamespaceModel& model, const Conventions& conventions);
nlohmann::json NamespaceObject(const NamespaceModel& model, const operations::Labels& labels);
nlohmann::json DefaultDenyObject(const std::string& name_space);

// The objects of a namespace, in the order in which they are made: the Namespace first.
// `model.effective` must be known; with external governance it decides nothing here.
std::vector<nlohmann::json> RenderNamespace(const NamespaceModel& model,
                                            const Conventions& conventions);

// What a live RoleBinding says, in the words of `declared` (null: of none) where both mean the
// same.
RoleBindingModel RoleBindingOf(const nlohmann::json& live, const std::string& name_space,
                               const RoleBindingModel* declared);
// Those of an object's entries that are texts.
std::map<std::string, std::string> TextMap(const nlohmann::json& object);

// Whether limits and quota are made here, not by a policy engine.
bool GovernedHere(const NamespaceModel& model);
// Limits and quota may be there from before they were given up; of others only ours are changed.
bool IsMadeByCreation(const std::string& kind);

operations::ObjectOptions OwnershipOf(const Services& services, const NamespaceModel& model);
// Of the namespace, not of what governs it: that may have been given up, and be taken up again.
operations::ObjectOptions OwnershipOfItself(const sdk::Context& context, const Services& services,
                                            const NamespaceModel& model);

// `status` about `object`, at the attribute it comes from.
absl::Status Locate(const nlohmann::json& object, absl::Status status);

}  // namespace charon::tier

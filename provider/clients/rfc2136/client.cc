#include "provider/clients/rfc2136/client.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "provider/base/redact.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"

namespace charon::rfc2136 {
namespace {

using dns::Change;
using dns::RecordSet;
using dns::SetKey;
using dns::Unit;
using dns::Zone;

// Codes of RFC 1035, section 4.1.1, and RFC 2136, section 2.2.
enum Rcode {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kYxDomain = 6,
  kYxRrset = 7,
  kNxRrset = 8,
  kNotAuth = 9,
  kNotZone = 10
};
enum TsigError { kBadSig = 16, kBadKey = 17, kBadTime = 18 };

// Far below the 64 KiB of a message: prerequisites repeat values, and names are written out.
constexpr std::size_t kMostBytes = 40000;
// Between tries of an update that a server could not do at the moment, each twice as long as the
// one before.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100),
                         kLastPause = absl::Milliseconds(800);

bool IsSignature(const std::string& type) {
  static const std::set<std::string>& types =
      *new std::set<std::string>{"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "TSIG", "TYPE65534"};
  return types.contains(type);
}

// The first before and the last after of each set: prerequisites speak of the zone as it was.
std::vector<Change> Merged(const Unit& unit) {
  std::vector<Change> merged;
  for (const Change& change : unit.changes) {
    const SetKey& key = change.after ? change.after->key : change.before->key;
    bool found = false;
    for (Change& other : merged) {
      if ((other.after ? other.after->key : other.before->key) != key) continue;
      other.after = change.after;
      found = true;
    }
    if (!found) merged.push_back(change);
  }
  return merged;
}

class Client final : public dns::Backend {
 public:
  Client(std::string server, TsigKey key, std::unique_ptr<Channel> channel)
      : server_(std::move(server)), key_(std::move(key)), channel_(std::move(channel)) {
    RegisterSecret(key_.secret);
  }

  absl::string_view name() const override { return "rfc2136"; }
  dns::Features features() const override { return {}; }
  std::string Server() const override { return server_; }
  bool IsZoneId(absl::string_view) const override { return false; }
  absl::StatusOr<Zone> ZoneById(const Call&, const std::string& id) override {
    return absl::NotFoundError(absl::StrCat("zones have no ids here: ", id));
  }

  absl::StatusOr<std::vector<Zone>> ZonesNamed(const Call& call, const std::string& name) override {
    CHARON_ASSIGN_OR_RETURN(const Answer answer, Ask(call, name, "SOA"));
    std::vector<Zone> zones;
    if (answer.rcode != kNoError && answer.rcode != kNxDomain) {
      // A server that knows nothing of the name refuses; so does one that this address may not ask.
      if (answer.rcode == kRefused || answer.rcode == kNotAuth) {
        if (absl::Status status = KeyError(answer, absl::StrCat("looking for the zone ", name));
            !status.ok())
          return status;
        return zones;
      }
      return ToStatus(answer, absl::StrCat("looking for the zone ", name));
    }
    for (const Record& record : answer.records) {
      if (record.type == "SOA" && record.name == name && answer.authoritative)
        zones.push_back({name, name});
    }
    return zones;
  }

  absl::StatusOr<std::vector<RecordSet>> List(const Call& call, const Zone& zone) override {
    const std::string what = absl::StrCat("transferring the zone ", zone.name);
    std::map<SetKey, RecordSet> sets;
    int apexes = 0;
    bool refused = false;
    CHARON_ASSIGN_OR_RETURN(Query query, NewQuestion(zone.name, "AXFR", key_));
    bool first = true;
    absl::Status status =
        channel_->Exchange(call, query.wire, [&](absl::string_view wire) -> absl::StatusOr<bool> {
          CHARON_ASSIGN_OR_RETURN(const Answer answer, ReadAnswer(wire, query, key_, first));
          first = false;
          if (answer.rcode != kNoError) {
            CHARON_RETURN_IF_ERROR(KeyError(answer, what));
            refused =
                answer.rcode == kRefused || answer.rcode == kNotAuth || answer.rcode == kNotImp;
            if (refused) return false;
            return ToStatus(answer, what);
          }
          if (answer.records.empty())
            return absl::InternalError("the server's transfer has an empty message");
          for (const Record& record : answer.records) {
            // The transfer begins and ends with the SOA (RFC 5936, section 2.2).
            if (record.type == "SOA" && record.name == zone.name && ++apexes == 2) return false;
            if (!IsSignature(record.type)) Add(record, sets);
          }
          return true;
        });
    if (!status.ok()) return Annotate(std::move(status), what);
    if (refused) {
      call.log->Info("the DNS server allows no zone transfer; sets are asked for one by one",
                     {{"zone", zone.name}});
      return absl::UnimplementedError(absl::StrCat(what, ": the server allows no zone transfer"));
    }
    std::vector<RecordSet> list;
    for (auto& [key, set] : sets) list.push_back(std::move(set));
    return list;
  }

  absl::StatusOr<std::optional<RecordSet>> Lookup(const Call& call, const Zone& zone,
                                                  const SetKey& key) override {
    CHARON_ASSIGN_OR_RETURN(std::optional<RecordSet> set, AskForSet(call, key));
    const std::size_t dot = key.name.find('.');
    if (!set || key.name[0] == '*' || key.name == zone.name || dot == std::string::npos) return set;
    // A wildcard answers for names that do not exist. If there is one with the same values, the
    // server is asked whether the set itself exists: by an update that changes nothing.
    CHARON_ASSIGN_OR_RETURN(const std::optional<RecordSet> wildcard,
                            Wildcard(call, key.name.substr(dot + 1), key.type));
    if (!wildcard || !dns::SameValues(*wildcard, *set)) return set;
    Update probe(zone.name);
    probe.RequireSet(key);
    CHARON_ASSIGN_OR_RETURN(const Query query, probe.Finish(key_));
    CHARON_ASSIGN_OR_RETURN(
        const Answer answer,
        Send(call, query, absl::StrCat("asking whether ", dns::Describe(key), " exists")));
    if (answer.rcode == kNxRrset || answer.rcode == kNxDomain) return std::optional<RecordSet>();
    return set;
  }

  std::size_t Fits(const Zone&, std::span<const Unit> units) const override {
    std::size_t bytes = 0, fit = 0;
    const auto size = [](const std::optional<RecordSet>& set) {
      if (!set) return std::size_t{0};
      std::size_t sum = 0;
      for (const std::string& value : set->values) sum += value.size() + set->key.name.size() + 20;
      return sum + set->key.name.size() + 20;
    };
    for (const Unit& unit : units) {
      for (const Change& change : unit.changes)
        bytes += size(change.before) + size(change.after) + 40;
      if (fit > 0 && bytes > kMostBytes) break;
      ++fit;
    }
    return fit;
  }

  dns::WriteResult Write(const Call& call, const Zone& zone, std::span<Unit> units) override {
    dns::WriteResult result;
    Update update(zone.name);
    std::string what = absl::StrCat("updating ", units.size(), " record sets of ", zone.name);
    for (std::size_t i = 0; i < units.size(); ++i) {
      Update alone(zone.name);
      for (const Change& change : Merged(units[i])) {
        Compose(change, update);
        Compose(change, alone);
        if (units.size() == 1)
          what = absl::StrCat("updating ",
                              dns::Describe(change.after ? change.after->key : change.before->key));
      }
      // A value that cannot be written is that unit's fault alone.
      if (const auto query = alone.Finish({}); !query.ok())
        result.at_fault.emplace_back(i, query.status());
    }
    if (!result.at_fault.empty()) {
      result.status = result.at_fault.front().second;
      return result;
    }
    // A server that could not is back where it was (RFC 2136, section 3.8), and one whose database
    // is in use says so (PowerDNS).
    for (absl::Duration pause = kFirstPause;; pause *= 2) {
      const absl::StatusOr<Query> query = update.Finish(key_);
      result.status = query.status();
      if (!query.ok()) return result;
      const absl::StatusOr<Answer> answer = Send(call, *query, what);
      result.status = answer.ok() ? ToStatus(*answer, what) : answer.status();
      if (answer.ok() && answer->rcode == kRefused && absl::IsPermissionDenied(result.status))
        result.status = Refusal(call, zone, units.size(), result.status);
      if (!answer.ok() || answer->rcode != kServFail || pause > kLastPause ||
          !call.Wait(pause).ok())
        return result;
    }
  }

 private:
  static void Add(const Record& record, std::map<SetKey, RecordSet>& sets) {
    RecordSet& set = sets[{record.name, record.type, ""}];
    set.key = {record.name, record.type, ""};
    set.ttl = record.ttl;
    set.values.push_back(record.value);
  }

  static void Compose(const Change& change, Update& update) {
    if (change.before) {
      update.RequireSame(*change.before);
      update.DeleteSet(change.before->key);
    } else if (change.after) {
      update.RequireNoSet(change.after->key.name, change.after->key.type);
      // A server drops a record beside a CNAME without a word (RFC 2136, section 3.4.2.2).
      if (change.after->key.type == "CNAME") {
        update.RequireUnusedName(change.after->key.name);
      } else {
        update.RequireNoSet(change.after->key.name, "CNAME");
      }
    }
    if (change.after) update.AddSet(*change.after);
  }

  absl::StatusOr<Answer> Send(const Call& call, Query query, const std::string& what) {
    std::optional<Answer> answer;
    absl::Status status =
        channel_->Exchange(call, query.wire, [&](absl::string_view wire) -> absl::StatusOr<bool> {
          CHARON_ASSIGN_OR_RETURN(answer, ReadAnswer(wire, query, key_, true));
          return false;
        });
    if (!status.ok()) {
      if (absl::IsUnauthenticated(status)) status = WithRemedy(std::move(status), KeyRemedy());
      return Annotate(std::move(status), what);
    }
    return *std::move(answer);
  }

  // What a refusal of so many units is about. What is no question of the key is told apart as any
  // other bad record.
  absl::Status Refusal(const Call& call, const Zone& zone, std::size_t units,
                       const absl::Status& status) {
    if (units == 1) {
      return WithRemedy(
          absl::PermissionDeniedError(status.message()),
          absl::StrCat(RightsRemedy(),
                       " If it takes other records of the zone, it refuses this one: BIND's "
                       "update-policy may leave out its name or type, and check-names refuses "
                       "names that are no host names (such as those with \"_\") for addresses, "
                       "mail servers and name servers."));
    }
    return TakesUpdates(call, zone) ? absl::FailedPreconditionError(status.message()) : status;
  }

  // False if the server refuses an update of the zone that changes nothing, so that the key (or
  // that there is none) is the reason. Asked until the answer is yes, which holds for the run.
  bool TakesUpdates(const Call& call, const Zone& zone) {
    {
      absl::MutexLock lock(&mutex_);
      if (takes_updates_.contains(zone.name)) return true;
    }
    Update probe(zone.name);
    probe.RequireSet({zone.name, "SOA", ""});
    const absl::StatusOr<Query> query = probe.Finish(key_);
    if (!query.ok()) return false;
    const absl::StatusOr<Answer> answer =
        Send(call, *query, absl::StrCat("asking whether updates of ", zone.name, " are taken"));
    if (!answer.ok()) return true;  // what is sent next tells why
    if (answer->rcode == kRefused) return false;
    absl::MutexLock lock(&mutex_);
    takes_updates_.insert(zone.name);
    return true;
  }

  absl::StatusOr<Answer> Ask(const Call& call, const std::string& name, const std::string& type) {
    CHARON_ASSIGN_OR_RETURN(Query query, NewQuestion(name, type, key_));
    return Send(call, std::move(query), absl::StrCat("asking for ", type, " ", name));
  }

  absl::StatusOr<std::optional<RecordSet>> AskForSet(const Call& call, const SetKey& key) {
    CHARON_ASSIGN_OR_RETURN(const Answer answer, Ask(call, key.name, key.type));
    if (answer.rcode != kNoError && answer.rcode != kNxDomain)
      return ToStatus(answer, absl::StrCat("asking for ", dns::Describe(key)));
    std::map<SetKey, RecordSet> sets;
    for (const Record& record : answer.records) {
      if (record.name == key.name && record.type == key.type) Add(record, sets);
    }
    return sets.empty() ? std::optional<RecordSet>() : std::move(sets.begin()->second);
  }

  // What stands under "*" of that name; asked once a run.
  absl::StatusOr<std::optional<RecordSet>> Wildcard(const Call& call, const std::string& parent,
                                                    const std::string& type) {
    const SetKey key{absl::StrCat("*.", parent), type, ""};
    absl::MutexLock lock(&mutex_);
    if (const auto known = wildcards_.find(key); known != wildcards_.end()) return known->second;
    CHARON_ASSIGN_OR_RETURN(std::optional<RecordSet> set, AskForSet(call, key));
    wildcards_.emplace(key, set);
    return set;
  }

  std::string KeyRemedy() const {
    return "Check `rfc2136.tsig_name`, `tsig_secret` and `tsig_algorithm` of the provider block: "
           "all three have to be as the "
           "server has them.";
  }

  std::string RightsRemedy() const {
    return key_.empty() ? "The server wants updates to be signed: set `rfc2136.tsig_name`, "
                          "`tsig_secret` and `tsig_algorithm`."
                        : absl::StrCat("Allow the key \"", key_.name,
                                       "\" to update the zone (BIND: allow-update or "
                                       "update-policy; Knot: acl with action update).");
  }

  absl::Status KeyError(const Answer& answer, const std::string& what) const {
    if (answer.tsig_error == 0) {
      // To a question that no update is, PowerDNS says so of a key without any more words.
      if (answer.rcode != kNotAuth || key_.empty() || what.rfind("updating", 0) == 0)
        return absl::OkStatus();
      return WithRemedy(
          absl::UnauthenticatedError(absl::StrCat(what, ": the DNS server ", server_,
                                                  " refused the TSIG key \"", key_.name,
                                                  "\" (NOTAUTH)")),
          absl::StrCat(KeyRemedy(),
                       " So have the clocks: a signature is good for five minutes only."));
    }
    const std::string from = absl::StrCat(what, ": the DNS server ", server_,
                                          " refused the TSIG key \"", key_.name, "\": ");
    if (answer.tsig_error == kBadTime) {
      std::string how =
          "the clocks of server and this machine differ by more than five minutes (BADTIME)";
      if (answer.clocks) {
        const absl::Duration ahead = answer.clocks->server - answer.clocks->ours;
        const auto show = [](absl::Time time) {
          return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
        };
        how = absl::StrCat("its clock is ", absl::FormatDuration(absl::AbsDuration(ahead)),
                           ahead < absl::ZeroDuration() ? " behind" : " ahead", ": it shows ",
                           show(answer.clocks->server), ", that of this machine ",
                           show(answer.clocks->ours), " (BADTIME)");
      }
      return WithRemedy(
          absl::UnauthenticatedError(absl::StrCat(from, how)),
          "Set the clock that is wrong, best by NTP: a signature is good for five minutes only.");
    }
    if (answer.tsig_error == kBadKey) {
      return WithRemedy(
          absl::UnauthenticatedError(absl::StrCat(
              from, "it has no key of that name and algorithm (BADKEY, ", key_.algorithm, ")")),
          KeyRemedy());
    }
    return WithRemedy(
        absl::UnauthenticatedError(absl::StrCat(
            from, "the secret is not the server's (",
            answer.tsig_error == kBadSig ? "BADSIG" : absl::StrCat("error ", answer.tsig_error),
            ")")),
        KeyRemedy());
  }

  absl::Status ToStatus(const Answer& answer, const std::string& what) const {
    CHARON_RETURN_IF_ERROR(KeyError(answer, what));
    const std::string message =
        absl::StrCat(what, ": the DNS server ", server_, " answered ", answer.rcode_name);
    switch (answer.rcode) {
      case kNoError:
        return absl::OkStatus();
      case kServFail:
        return absl::UnavailableError(message);
      case kRefused:
        return WithRemedy(absl::PermissionDeniedError(message), RightsRemedy());
      case kNotImp:
        return absl::FailedPreconditionError(
            absl::StrCat(message, ": it takes no dynamic updates"));
      case kYxDomain:
      case kYxRrset:
        return absl::AbortedError(absl::StrCat(message,
                                               ": a set that was to be made is there, or something "
                                               "stands beside a CNAME, which has to be alone"));
      case kNxDomain:
      case kNxRrset:
        return absl::AbortedError(
            absl::StrCat(message, ": a set that was to be changed is not there as it was"));
      case kNotAuth:
        return absl::PermissionDeniedError(absl::StrCat(
            message, key_.empty() ? ": it is not the zone's primary, or wants a TSIG key"
                                  : ": it is not the zone's primary"));
      default:
        return absl::InvalidArgumentError(message);
    }
  }

  const std::string server_;
  const TsigKey key_;
  const std::unique_ptr<Channel> channel_;
  absl::Mutex mutex_;
  std::map<SetKey, std::optional<RecordSet>> wildcards_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> takes_updates_ ABSL_GUARDED_BY(mutex_);  // zones
};

}  // namespace

absl::StatusOr<std::vector<std::string>> DelegationOf(const Call& call, const std::string& name,
                                                      const std::string& resolver) {
  std::string server = resolver;
  if (server.empty()) {
    std::ifstream file("/etc/resolv.conf");
    for (std::string line; server.empty() && std::getline(file, line);) {
      const std::vector<std::string> words =
          absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
      if (words.size() >= 2 && words[0] == "nameserver") server = words[1];
    }
    if (server.empty())
      return absl::UnavailableError("this machine has no resolver (/etc/resolv.conf)");
  }
  CHARON_ASSIGN_OR_RETURN(ServerAddress address, ParseServer(server));
  CHARON_ASSIGN_OR_RETURN(Query query, NewQuestion(name, "NS", {}));
  std::vector<std::string> found;
  const absl::Status status =
      NewTcpChannel(std::move(address))
          ->Exchange(
              call.Within(absl::Seconds(15)), query.wire,
              [&](absl::string_view wire) -> absl::StatusOr<bool> {
                CHARON_ASSIGN_OR_RETURN(const Answer answer, ReadAnswer(wire, query, {}, true));
                if (answer.rcode != kNoError && answer.rcode != kNxDomain)
                  return absl::UnavailableError(
                      absl::StrCat("the resolver ", server, " answered ", answer.rcode_name));
                for (const Record& record : answer.records) {
                  if (record.type == "NS" && record.name == name) found.push_back(record.value);
                }
                return false;
              });
  if (!status.ok()) return status;
  std::sort(found.begin(), found.end());
  return found;
}

std::unique_ptr<dns::Backend> NewClient(std::string server, TsigKey key,
                                        std::unique_ptr<Channel> channel) {
  return std::make_unique<Client>(std::move(server), std::move(key), std::move(channel));
}

}  // namespace charon::rfc2136

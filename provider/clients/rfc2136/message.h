// DNS messages and their signatures; the wire format is libldns' business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provider/clients/dns/backend.h"

namespace charon::rfc2136 {

// A key for TSIG (RFC 8945).
struct TsigKey {
  std::string name;
  std::string secret;     // base64
  std::string algorithm;  // "hmac-sha256"
  bool empty() const { return name.empty(); }
};

// A message in wire format, with what is needed to check the answer's signature.
struct Query {
  std::string wire;
  std::uint16_t id = 0;
  std::string mac;  // of the last signed message of the exchange, as on the wire
};

// A question for `type` ("AXFR" too). InvalidArgument if the name or the key cannot be written.
absl::StatusOr<Query> NewQuestion(const std::string& name, const std::string& type,
                                  const TsigKey& key);

// An UPDATE (RFC 2136) of a zone. Names are canonical, values in presentation form.
class Update {
 public:
  explicit Update(std::string zone) : zone_(std::move(zone)) {}

  // Prerequisites: the set exists with these very values; there is no such set; nothing has that
  // name.
  void RequireSame(const dns::RecordSet& set);
  void RequireSet(const dns::SetKey& key);
  void RequireNoSet(const std::string& name, const std::string& type);
  void RequireUnusedName(const std::string& name);
  // Changes.
  void DeleteSet(const dns::SetKey& key);
  void AddSet(const dns::RecordSet& set);

  // InvalidArgument, quoting it, if a value cannot be written.
  absl::StatusOr<Query> Finish(const TsigKey& key) const;

 private:
  // With values: "name ttl class type value"; without: one of the empty records of RFC 2136,
  // section 2.4 and 2.5.
  struct Line {
    std::string name, type, value;
    std::uint32_t ttl = 0;
    enum class Class { kIn, kAny, kNone } in = Class::kIn;
    bool empty = false;
  };
  std::string zone_;
  std::vector<Line> prerequisites_, changes_;
};

struct Record {
  std::string name, type, value;  // the name canonical
  std::int64_t ttl = 0;
};

struct Answer {
  int rcode = 0;
  std::string rcode_name;  // "REFUSED"
  bool authoritative = false;
  std::vector<Record> records;  // of the answer section
  bool is_signed = false;
  int tsig_error = 0;  // BADSIG 16, BADKEY 17, BADTIME 18
  // With BADTIME: what the server's clock shows, and what ours showed when the question was signed.
  struct Clocks {
    absl::Time server, ours;
  };
  std::optional<Clocks> clocks;
};

// Reads the answer to `query` and moves its mac on. Unauthenticated if a signature was due and is
// missing or wrong (but an error about ours is told by rcode and tsig_error); Internal if it is no
// DNS message. `first`: not a later one of a transfer.
absl::StatusOr<Answer> ReadAnswer(absl::string_view wire, Query& query, const TsigKey& key,
                                  bool first);

// A value as the library reads it, for tests and for checks: the same text if it cannot.
bool CanWrite(const std::string& type, const std::string& value);

}  // namespace charon::rfc2136

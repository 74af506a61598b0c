#include "provider/clients/rfc2136/message.h"

#include <ldns/ldns.h>

#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "provider/base/random.h"
#include "provider/base/status.h"
#include "provider/clients/dns/name.h"
#include "provider/clients/dns/rdata.h"

namespace charon::rfc2136 {
namespace {

constexpr std::uint16_t kFudge = 300;

template <typename T, void (*kFree)(T*)>
struct Deleter {
  void operator()(T* object) const { kFree(object); }
};
using PacketPtr = std::unique_ptr<ldns_pkt, Deleter<ldns_pkt, ldns_pkt_free>>;
using RecordPtr = std::unique_ptr<ldns_rr, Deleter<ldns_rr, ldns_rr_free>>;
using ListPtr = std::unique_ptr<ldns_rr_list, Deleter<ldns_rr_list, ldns_rr_list_deep_free>>;
using RdfPtr = std::unique_ptr<ldns_rdf, Deleter<ldns_rdf, ldns_rdf_deep_free>>;

std::string TakeText(char* text) {
  if (text == nullptr) return "";
  std::string out = text;
  LDNS_FREE(text);
  return out;
}

std::string WithDot(absl::string_view name) { return absl::StrCat(name, "."); }

absl::StatusOr<RdfPtr> ToName(const std::string& canonical) {
  ldns_rdf* rdf = nullptr;
  if (ldns_str2rdf_dname(&rdf, WithDot(canonical).c_str()) != LDNS_STATUS_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", canonical, "\" cannot be written as a DNS name"));
  }
  return RdfPtr(rdf);
}

absl::StatusOr<std::uint16_t> NewId() {
  CHARON_ASSIGN_OR_RETURN(const std::string bytes, RandomBytes(2));
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                    static_cast<unsigned char>(bytes[1]));
}

// The MAC of a signature in the form that the next one starts from: its length, then its bytes.
std::string MacOf(const ldns_pkt* packet) {
  const ldns_rr* tsig = ldns_pkt_tsig(packet);
  const ldns_rdf* mac =
      tsig != nullptr && ldns_rr_rd_count(tsig) > 3 ? ldns_rr_rdf(tsig, 3) : nullptr;
  return mac == nullptr
             ? ""
             : std::string(reinterpret_cast<const char*>(ldns_rdf_data(mac)), ldns_rdf_size(mac));
}

std::uint64_t Number(const ldns_rr* record, std::size_t index) {
  const ldns_rdf* rdf = ldns_rr_rd_count(record) > index ? ldns_rr_rdf(record, index) : nullptr;
  std::uint64_t number = 0;
  for (std::size_t i = 0; rdf != nullptr && i < ldns_rdf_size(rdf); ++i)
    number = number << 8 | ldns_rdf_data(rdf)[i];
  return number;
}

absl::StatusOr<Query> Seal(PacketPtr packet, const TsigKey& key) {
  Query query;
  CHARON_ASSIGN_OR_RETURN(query.id, NewId());
  ldns_pkt_set_id(packet.get(), query.id);
  if (!key.empty()) {
    // Looked at before the library does, which leaks in this case (libldns 1.8.3, tsig.c).
    std::string bytes;
    ldns_status status = LDNS_STATUS_INVALID_B64;
    if (absl::Base64Unescape(key.secret, &bytes) && !bytes.empty()) {
      status = ldns_pkt_tsig_sign(packet.get(), WithDot(key.name).c_str(), key.secret.c_str(),
                                  kFudge, WithDot(key.algorithm).c_str(), nullptr);
    }
    if (status != LDNS_STATUS_OK) {
      return WithRemedy(absl::UnauthenticatedError(
                            absl::StrCat("the TSIG key \"", key.name, "\" (", key.algorithm,
                                         ") cannot sign: ", ldns_get_errorstr_by_id(status))),
                        "The secret is base64, as tsig-keygen and keymgr print it.");
    }
    query.mac = MacOf(packet.get());
  }
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&bytes, packet.get(), &size) != LDNS_STATUS_OK)
    return absl::InvalidArgumentError("the DNS message cannot be written");
  query.wire.assign(reinterpret_cast<const char*>(bytes), size);
  LDNS_FREE(bytes);
  return query;
}

absl::StatusOr<RecordPtr> ToRecord(const std::string& name, const std::string& type,
                                   std::uint32_t ttl, const std::string& value) {
  CHARON_ASSIGN_OR_RETURN(const dns::Rdata rdata, dns::ParseRdata(type, value));
  const std::string line = absl::StrCat(name, ". ", ttl, " IN ", type, " ",
                                        dns::WriteRdata(type, rdata, dns::Dots::kAbsolute));
  ldns_rr* record = nullptr;
  const ldns_status status = ldns_rr_new_frm_str(&record, line.c_str(), 0, nullptr, nullptr);
  if (status != LDNS_STATUS_OK) {
    return absl::InvalidArgumentError(absl::StrCat("'", value, "' cannot be written as a value of ",
                                                   type, ": ", ldns_get_errorstr_by_id(status)));
  }
  return RecordPtr(record);
}

// Seconds since 1970 in the last six bytes.
absl::Time TimeAtEnd(const ldns_rdf* of) {
  std::int64_t seconds = 0;
  const std::size_t size = ldns_rdf_size(of);
  for (std::size_t i = size < 6 ? 0 : size - 6; i < size; ++i)
    seconds = seconds << 8 | ldns_rdf_data(of)[i];
  return absl::FromUnixSeconds(seconds);
}

}  // namespace

absl::StatusOr<Query> NewQuestion(const std::string& name, const std::string& type,
                                  const TsigKey& key) {
  CHARON_ASSIGN_OR_RETURN(RdfPtr owner, ToName(name));
  // Recursion is for resolvers; authoritative servers do not mind the wish.
  const std::uint16_t flags = key.empty() ? LDNS_RD : 0;
  PacketPtr packet(ldns_pkt_query_new(owner.release(), ldns_get_rr_type_by_name(type.c_str()),
                                      LDNS_RR_CLASS_IN, flags));
  if (packet == nullptr) return absl::InternalError("the DNS question cannot be written");
  return Seal(std::move(packet), key);
}

void Update::RequireSame(const dns::RecordSet& set) {
  for (const std::string& value : set.values)
    prerequisites_.push_back({set.key.name, set.key.type, value, 0, Line::Class::kIn, false});
}
void Update::RequireSet(const dns::SetKey& key) {
  prerequisites_.push_back({key.name, key.type, "", 0, Line::Class::kAny, true});
}
void Update::RequireNoSet(const std::string& name, const std::string& type) {
  prerequisites_.push_back({name, type, "", 0, Line::Class::kNone, true});
}
void Update::RequireUnusedName(const std::string& name) {
  prerequisites_.push_back({name, "ANY", "", 0, Line::Class::kNone, true});
}
void Update::DeleteSet(const dns::SetKey& key) {
  changes_.push_back({key.name, key.type, "", 0, Line::Class::kAny, true});
}
void Update::AddSet(const dns::RecordSet& set) {
  for (const std::string& value : set.values) {
    changes_.push_back({set.key.name, set.key.type, value, static_cast<std::uint32_t>(set.ttl),
                        Line::Class::kIn, false});
  }
}

absl::StatusOr<Query> Update::Finish(const TsigKey& key) const {
  const auto write = [](const std::vector<Line>& lines) -> absl::StatusOr<ListPtr> {
    ListPtr list(ldns_rr_list_new());
    for (const Line& line : lines) {
      if (!line.empty) {
        CHARON_ASSIGN_OR_RETURN(RecordPtr record,
                                ToRecord(line.name, line.type, line.ttl, line.value));
        ldns_rr_list_push_rr(list.get(), record.release());
        continue;
      }
      CHARON_ASSIGN_OR_RETURN(RdfPtr owner, ToName(line.name));
      RecordPtr record(ldns_rr_new());
      ldns_rr_set_owner(record.get(), owner.release());
      ldns_rr_set_type(record.get(), ldns_get_rr_type_by_name(line.type.c_str()));
      ldns_rr_set_class(record.get(),
                        line.in == Line::Class::kAny ? LDNS_RR_CLASS_ANY : LDNS_RR_CLASS_NONE);
      ldns_rr_set_ttl(record.get(), 0);
      ldns_rr_list_push_rr(list.get(), record.release());
    }
    return list;
  };
  CHARON_ASSIGN_OR_RETURN(const ListPtr prerequisites, write(prerequisites_));
  CHARON_ASSIGN_OR_RETURN(const ListPtr changes, write(changes_));
  CHARON_ASSIGN_OR_RETURN(RdfPtr zone, ToName(zone_));
  PacketPtr packet(ldns_update_pkt_new(zone.release(), LDNS_RR_CLASS_IN, prerequisites.get(),
                                       changes.get(), nullptr));
  if (packet == nullptr) return absl::InternalError("the DNS update cannot be written");
  return Seal(std::move(packet), key);
}

absl::StatusOr<Answer> ReadAnswer(absl::string_view wire, Query& query, const TsigKey& key,
                                  bool first) {
  ldns_pkt* raw = nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(wire.data());
  if (ldns_wire2pkt(&raw, bytes, wire.size()) != LDNS_STATUS_OK)
    return absl::InternalError("the server's answer is not a DNS message");
  const PacketPtr packet(raw);
  if (ldns_pkt_id(raw) != query.id)
    return absl::InternalError("the server's answer is to another question");
  Answer answer;
  answer.rcode = ldns_pkt_get_rcode(raw);
  answer.rcode_name = TakeText(ldns_pkt_rcode2str(ldns_pkt_get_rcode(raw)));
  answer.authoritative = ldns_pkt_aa(raw);
  ldns_rr* tsig = ldns_pkt_tsig(raw);
  if (tsig != nullptr) {
    answer.is_signed = true;
    answer.tsig_error = static_cast<int>(Number(tsig, 5));
    if (answer.tsig_error == 18 && ldns_rr_rd_count(tsig) > 6 &&
        ldns_rdf_size(ldns_rr_rdf(tsig, 6)) >= 6) {
      // The server's time is other data, behind two bytes of length; the time signed is that of the
      // question (RFC 8945, section 5.2.3).
      answer.clocks = {TimeAtEnd(ldns_rr_rdf(tsig, 6)), TimeAtEnd(ldns_rr_rdf(tsig, 1))};
    }
  }
  // What is wrong with our key is told without a signature.
  if (!key.empty() && answer.tsig_error == 0) {
    if (tsig == nullptr) {
      // So is that nobody may do this at all; a forged refusal can do no more than any broken
      // connection.
      if (answer.rcode != LDNS_RCODE_NOERROR) return answer;
      return absl::UnauthenticatedError(
          "the server's answer is not signed, although the question was");
    }
    const std::string next_mac = MacOf(raw);
    const RdfPtr mac(
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, query.mac.size(), query.mac.data()));
    const bool good = ldns_pkt_tsig_verify_next(raw, bytes, wire.size(), WithDot(key.name).c_str(),
                                                key.secret.c_str(), mac.get(), first ? 0 : 1);
    // ldns takes the signature out for this, and where it does not know the algorithm (or cannot
    // compute with it) does not put it back.
    if (ldns_pkt_tsig(raw) == nullptr) ldns_pkt_set_tsig(raw, tsig);
    if (!good) return absl::UnauthenticatedError("the signature of the server's answer is wrong");
    query.mac = next_mac;
  }
  const ldns_rr_list* records = ldns_pkt_answer(raw);
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(records, i);
    Record one;
    const absl::StatusOr<std::string> name =
        dns::CanonicalName(TakeText(ldns_rdf2str(ldns_rr_owner(record))));
    if (!name.ok()) continue;
    one.name = *name;
    one.type = TakeText(ldns_rr_type2str(ldns_rr_get_type(record)));
    one.ttl = ldns_rr_ttl(record);
    std::vector<std::string> words;
    for (std::size_t j = 0; j < ldns_rr_rd_count(record); ++j)
      words.push_back(TakeText(ldns_rdf2str(ldns_rr_rdf(record, j))));
    one.value = dns::CanonicalRdata(one.type, absl::StrJoin(words, " "));
    answer.records.push_back(std::move(one));
  }
  return answer;
}

bool CanWrite(const std::string& type, const std::string& value) {
  return ToRecord("example.org", type, 300, value).ok();
}

}  // namespace charon::rfc2136

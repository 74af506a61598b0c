#include "provider/http/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::http {
namespace {

struct Deleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using BioPtr = std::unique_ptr<BIO, Deleter>;
using X509Ptr = std::unique_ptr<X509, Deleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter>;

// No entry of a message lists more names than this.
constexpr std::size_t kMostNames = 10;

BioPtr Open(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string ToText(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(std::max(size, 0L)));
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> out;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const int size = ASN1_STRING_length(name->d.iPAddress);
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (size != 4 && size != 16) continue;
      inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress),
                text.data(), text.size());
      out.emplace_back(text.data());
    }
  }
  return out;
}

Certificate Describe(X509* certificate) {
  return {.subject = ToText(X509_get_subject_name(certificate)),
          .issuer = ToText(X509_get_issuer_name(certificate)),
          .not_before = ToTime(X509_get0_notBefore(certificate)),
          .not_after = ToTime(X509_get0_notAfter(certificate)),
          .names = NamesOf(certificate)};
}

std::string Date(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone());
}

// Where an SSL_CTX keeps the Verification to write to. It owns a shared_ptr, because a session may
// outlive the transfer that opened it.
int VerificationIndex() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<Verification>*>(pointer);
      });
  return index;
}

int OnVerify(int accepted, X509_STORE_CTX* context) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (ssl == nullptr) return accepted;
  const auto* slot = static_cast<std::shared_ptr<Verification>*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), VerificationIndex()));
  X509* current = X509_STORE_CTX_get_current_cert(context);
  if (slot == nullptr || current == nullptr) return accepted;
  Verification& verification = **slot;
  const int depth = X509_STORE_CTX_get_error_depth(context);
  if (depth == 0) verification.names = NamesOf(current);
  if (accepted == 0 && verification.error == 0) {
    verification.error = X509_STORE_CTX_get_error(context);
    verification.depth = depth;
    verification.certificate = Describe(current);
    if (X509* own = X509_STORE_CTX_get0_cert(context)) verification.names = NamesOf(own);
  }
  return accepted;
}

}  // namespace

absl::StatusOr<std::vector<Certificate>> ReadCertificates(absl::string_view pem) {
  const BioPtr in = Open(pem);
  std::vector<Certificate> out;
  while (X509Ptr certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    out.push_back(Describe(certificate.get()));
  }
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  // After the last certificate the reader says "no start line"; anything else is a broken one.
  if (!out.empty() && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) return out;
  if (!absl::StrContains(pem, "-----BEGIN")) {
    return absl::InvalidArgumentError(
        "no PEM certificate: the text does not contain \"-----BEGIN CERTIFICATE-----\"");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no PEM certificate: certificate number ", out.size() + 1, " cannot be read"));
}

absl::Status CheckKeyPair(absl::string_view certificate_pem, absl::string_view key_pem) {
  const BioPtr in = Open(certificate_pem);
  const X509Ptr certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  const BioPtr key_in = Open(key_pem);
  // Without a callback OpenSSL would ask for the passphrase on the terminal.
  bool encrypted = false;
  const KeyPtr key(PEM_read_bio_PrivateKey(
      key_in.get(), nullptr,
      [](char*, int, int, void* asked) {
        *static_cast<bool*>(asked) = true;
        return -1;
      },
      &encrypted));
  const bool matches = certificate != nullptr && key != nullptr &&
                       X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (certificate == nullptr) return absl::InvalidArgumentError("no PEM certificate");
  if (encrypted) {
    return absl::InvalidArgumentError(
        "the private key is encrypted with a passphrase; give it unencrypted");
  }
  if (key == nullptr) return absl::InvalidArgumentError("no PEM private key");
  if (!matches) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the private key is not that of the certificate ", Describe(certificate.get()).subject));
  }
  return absl::OkStatus();
}

void RecordVerification(void* ssl_ctx, std::shared_ptr<Verification> verification) {
  auto* context = static_cast<SSL_CTX*>(ssl_ctx);
  SSL_CTX_set_ex_data(context, VerificationIndex(),
                      new std::shared_ptr<Verification>(std::move(verification)));
  SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), OnVerify);
}

std::string ExplainRefusal(const Verification& verification, absl::string_view server,
                           absl::string_view host, absl::string_view ca_source,
                           absl::string_view detail) {
  const Certificate& at_fault = verification.certificate;
  const std::string which =
      verification.depth == 0
          ? absl::StrCat("the certificate of ", server, " (", at_fault.subject, ")")
          : absl::StrCat("the CA certificate \"", at_fault.subject, "\" in the chain of ", server);
  switch (verification.error) {
    case X509_V_OK:
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return absl::StrCat(which, " expired on ", Date(at_fault.not_after));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StrCat(which, " is not valid before ", Date(at_fault.not_before));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return absl::StrCat(which, " is signed by itself and is not among the certificates in ",
                          ca_source);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return absl::StrCat(which, " is signed by \"", at_fault.issuer, "\", which is not the CA in ",
                          ca_source);
    default:
      return absl::StrCat(which,
                          " was refused: ", X509_verify_cert_error_string(verification.error),
                          " (checked against ", ca_source, ")");
  }
  if (absl::StrContains(detail, "subject name") && !verification.names.empty()) {
    std::vector<std::string> names = verification.names;
    const bool more = names.size() > kMostNames;
    if (more) names.resize(kMostNames);
    return absl::StrCat("the certificate of ", server, " is not for \"", host, "\" but for ",
                        absl::StrJoin(names, ", "), more ? ", ..." : "");
  }
  return absl::StrCat("the certificate of ", server, " was refused: ", detail, " (checked against ",
                      ca_source, ")");
}

absl::string_view RemedyOfRefusal(const Verification& verification) {
  switch (verification.error) {
    case X509_V_OK:
      return "Use a name or address of the server that its certificate is for, or say which of "
             "them to expect "
             "(tls_server_name).";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "Renew the certificate on the server; if it is newer than that, correct this "
             "machine's clock.";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "Correct the clock of this machine, or that of the one which made the certificate.";
    default:
      return "If this is the right server, configure the CA that signed its certificate.";
  }
}

}  // namespace charon::http

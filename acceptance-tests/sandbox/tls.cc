#include "tls.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"

namespace charon::sandbox {
namespace {

using CertificatePtr = std::unique_ptr<X509, FreeX509>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

constexpr long kTenYears = 10L * 365 * 24 * 3600;

bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// A version 3 certificate over `key`, not signed yet.
CertificatePtr NewCertificate(EVP_PKEY* key, const char* common_name) {
  CertificatePtr certificate(X509_new());
  if (certificate == nullptr) return nullptr;
  unsigned char serial[8];
  if (RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_set_version(certificate.get(), 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kTenYears);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  return certificate;
}

}  // namespace

absl::StatusOr<ServerIdentity> MakeServerIdentity() {
  const KeyPtr ca_key(EVP_EC_gen("P-256"));
  ServerIdentity out;
  out.key = KeyPtr(EVP_EC_gen("P-256"));
  if (ca_key == nullptr || out.key == nullptr) return absl::InternalError("cannot make a key");
  const CertificatePtr ca = NewCertificate(ca_key.get(), "charon-sandbox CA");
  out.certificate = NewCertificate(out.key.get(), "charon-sandbox");
  if (ca == nullptr || out.certificate == nullptr) {
    return absl::InternalError("cannot make a certificate");
  }
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  X509_set_issuer_name(out.certificate.get(), X509_get_subject_name(ca.get()));
  X509* server = out.certificate.get();
  const bool extended =
      AddExtension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE") &&
      AddExtension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,digitalSignature") &&
      AddExtension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
      AddExtension(server, ca.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(server, ca.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(server, ca.get(), NID_ext_key_usage, "serverAuth") &&
      AddExtension(server, ca.get(), NID_authority_key_identifier, "keyid") &&
      AddExtension(server, ca.get(), NID_subject_alt_name,
                   "IP:127.0.0.1,IP:::1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default");
  if (!extended || X509_sign(ca.get(), ca_key.get(), EVP_sha256()) == 0 ||
      X509_sign(server, ca_key.get(), EVP_sha256()) == 0) {
    return absl::InternalError("cannot sign the certificates");
  }
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, ca.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  out.ca_pem.assign(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return out;
}

std::string RandomHex(int bytes) {
  std::vector<unsigned char> buffer(static_cast<std::size_t>(bytes));
  if (RAND_bytes(buffer.data(), bytes) != 1) return "";
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(buffer.data()), buffer.size()));
}

}  // namespace charon::sandbox

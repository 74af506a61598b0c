#include "provider/server/auto_mtls.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace charon::server {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<&X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<&BIO_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<&BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<&X509_EXTENSION_free>>;

absl::Status OpenSslError(absl::string_view doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(doing, " failed: ", text.data()));
}

bool AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Positive and of at most 20 octets, as RFC 5280 4.1.2.2 wants; newer Go refuses others.
bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const Number number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool Fill(X509* certificate, EVP_PKEY* key, absl::Time now) {
  constexpr absl::string_view kName = "localhost";
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(kName.data());
  // Seconds since 1970 are UTC; a local time here once made certificates "not yet valid" east of
  // Greenwich.
  return X509_set_version(certificate, X509_VERSION_3) == 1 && SetSerial(certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(now - absl::Minutes(5))) !=
             nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate),
                       absl::ToTimeT(now + absl::Hours(30 * 365 * 24))) != nullptr &&
         X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>("charon"), -1, -1,
                                    0) == 1 &&
         X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, text,
                                    static_cast<int>(kName.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         // Go looks at the alternative name only, and the certificate is its own trust anchor.
         AddExtension(certificate, NID_subject_alt_name, "DNS:localhost") &&
         AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
         AddExtension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
         AddExtension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

absl::StatusOr<ServerIdentity> MakeServerIdentity(absl::Time now) {
  // P-256 is by far the fastest to generate and to sign with, and a process is started for every
  // walk.
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("generating the server's key");
  const Certificate certificate(X509_new());
  if (certificate == nullptr || !Fill(certificate.get(), key.get(), now)) {
    return OpenSslError("making the server's certificate");
  }
  const Bio key_pem(BIO_new(BIO_s_mem()));
  const Bio certificate_pem(BIO_new(BIO_s_mem()));
  const Bio certificate_der(BIO_new(BIO_s_mem()));
  if (key_pem == nullptr || certificate_pem == nullptr || certificate_der == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1 ||
      i2d_X509_bio(certificate_der.get(), certificate.get()) != 1) {
    return OpenSslError("writing the server's certificate");
  }
  return ServerIdentity{TextOf(key_pem.get()), TextOf(certificate_pem.get()),
                        TextOf(certificate_der.get())};
}

absl::Status CheckClientCertificate(absl::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(
      bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "PLUGIN_CLIENT_CERT holds no PEM certificate, so the host that started this plugin could not "
      "be told from "
      "any other process");
}

std::string UnpaddedBase64(absl::string_view bytes) {
  std::string text = absl::Base64Escape(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

}  // namespace charon::server

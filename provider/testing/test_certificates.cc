#include "provider/testing/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace charon::http {
namespace {

struct Deleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using BioPtr = std::unique_ptr<BIO, Deleter>;
using X509Ptr = std::unique_ptr<X509, Deleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter>;

std::string Text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

void AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  X509_add_ext(certificate, extension.get(), -1);
}

X509Ptr Blank(const CertificateRequest& request, EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);  // v3
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(request.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(request.not_after));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                             -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

KeyPair ToPem(X509* certificate, EVP_PKEY* key) {
  const BioPtr certificate_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), certificate);
  const BioPtr key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {.certificate_pem = Text(certificate_out.get()), .key_pem = Text(key_out.get())};
}

}  // namespace

TestCa::TestCa(const std::string& common_name) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate = Blank({.common_name = common_name}, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  AddExtension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign");
  AddExtension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  self_ = ToPem(certificate.get(), key.get());
}

KeyPair TestCa::Issue(const CertificateRequest& request) const {
  const BioPtr ca_in(BIO_new_mem_buf(self_.certificate_pem.data(), -1));
  const X509Ptr ca(PEM_read_bio_X509(ca_in.get(), nullptr, nullptr, nullptr));
  const BioPtr ca_key_in(BIO_new_mem_buf(self_.key_pem.data(), -1));
  const KeyPtr ca_key(PEM_read_bio_PrivateKey(ca_key_in.get(), nullptr, nullptr, nullptr));

  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate = Blank(request, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(ca.get()));
  std::vector<std::string> names;
  for (const std::string& name : request.dns_names) names.push_back(absl::StrCat("DNS:", name));
  for (const std::string& address : request.addresses) {
    names.push_back(absl::StrCat("IP:", address));
  }
  if (!names.empty()) {
    AddExtension(certificate.get(), ca.get(), NID_subject_alt_name, absl::StrJoin(names, ","));
  }
  AddExtension(certificate.get(), ca.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(certificate.get(), ca.get(), NID_authority_key_identifier, "keyid");
  X509_sign(certificate.get(), ca_key.get(), EVP_sha256());
  return ToPem(certificate.get(), key.get());
}

}  // namespace charon::http

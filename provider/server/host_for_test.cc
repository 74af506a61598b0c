#include "provider/server/host_for_test.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace charon::server {
namespace {

std::string Take(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void AddExtension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

HostIdentity MakeHostIdentity() {
  EVP_PKEY* key = EVP_EC_gen("P-521");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -30);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  AddExtension(certificate, NID_subject_alt_name, "DNS:localhost");
  AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, NID_ext_key_usage, "clientAuth,serverAuth");
  X509_sign(certificate, key, EVP_sha512());

  HostIdentity identity;
  BIO* pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, certificate);
  identity.certificate_pem = Take(pem);
  BIO* key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  identity.private_key_pem = Take(key_pem);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& grpc_target,
                                       absl::string_view certificate,
                                       const HostIdentity* identity) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Its own connection for each channel, as each host has one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!certificate.empty()) {
    std::string padded(certificate);
    padded.append((4 - padded.size() % 4) % 4, '=');
    grpc::SslCredentialsOptions options;
    options.pem_root_certs =
        absl::StrCat("-----BEGIN CERTIFICATE-----\n", padded, "\n-----END CERTIFICATE-----\n");
    if (identity != nullptr) {
      options.pem_private_key = identity->private_key_pem;
      options.pem_cert_chain = identity->certificate_pem;
    }
    credentials = grpc::SslCredentials(options);
    arguments.SetSslTargetNameOverride("localhost");
  }
  return grpc::CreateCustomChannel(grpc_target, credentials, arguments);
}

}  // namespace charon::server

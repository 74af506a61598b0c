// The least that any provider in C++ must do before Terraform can talk to it: what the provider's
// own start is measured against. A key, a certificate, a gRPC server on a Unix socket with mutual
// TLS, one line on standard output; one service, so that the benchmark can end it. Nothing of the
// provider is linked, on purpose: a cost that the provider adds cannot hide in both sides of the
// comparison.

#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "proto/grpc_controller.grpc.pb.h"

namespace {

struct Certificate {
  std::string key_pem, pem, base64_der;
};

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// A self-signed P-256 certificate for localhost, as the provider makes one.
Certificate MakeCertificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof(serial));
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);
  BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -300);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  AddExtension(certificate, NID_subject_alt_name, "DNS:localhost");
  AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign");
  AddExtension(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
  X509_sign(certificate, key, EVP_sha256());

  Certificate result;
  BIO* pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, certificate);
  result.pem = TakeText(pem);
  BIO* key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  result.key_pem = TakeText(key_pem);
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  result.base64_der.resize(4 * ((static_cast<std::size_t>(size) + 2) / 3) + 1);
  result.base64_der.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(result.base64_der.data()), der, size)));
  while (!result.base64_der.empty() && result.base64_der.back() == '=')
    result.base64_der.pop_back();
  OPENSSL_free(der);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return result;
}

class Controller final : public plugin::GRPCController::Service {
 public:
  grpc::Status Shutdown(grpc::ServerContext*, const plugin::Empty*, plugin::Empty*) override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_all();
    return grpc::Status::OK;
  }

  void WaitForShutdown() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
};

}  // namespace

int main() {
  const char* client = std::getenv("PLUGIN_CLIENT_CERT");
  if (client == nullptr) {
    std::fputs("floor: PLUGIN_CLIENT_CERT is not set; start it from the benchmark\n", stderr);
    return 1;
  }
  const Certificate certificate = MakeCertificate();
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = client;
  options.pem_key_cert_pairs.push_back({certificate.key_pem, certificate.pem});

  std::string folder = "/tmp/floorXXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::string path = folder + "/s";

  Controller controller;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::SslServerCredentials(options));
  builder.RegisterService(&controller);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("1|6|unix|%s|grpc|%s\n", path.c_str(), certificate.base64_der.c_str());
  std::fflush(stdout);

  controller.WaitForShutdown();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  unlink(path.c_str());
  rmdir(folder.c_str());
  return 0;
}

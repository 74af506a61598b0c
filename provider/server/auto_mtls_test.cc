#include "provider/server/auto_mtls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace charon::server {
namespace {

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

CertificatePtr Parse(const ServerIdentity& identity) {
  const auto* data = reinterpret_cast<const unsigned char*>(identity.certificate_der.data());
  return CertificatePtr(
      d2i_X509(nullptr, &data, static_cast<long>(identity.certificate_der.size())), &X509_free);
}

TEST(ServerIdentity, IsWhatTerraformAccepts) {
  // Far from now, to tell the given time from the machine's.
  const absl::Time now = absl::FromUnixSeconds(1'600'000'000);
  const auto identity = MakeServerIdentity(now);
  ASSERT_TRUE(identity.ok()) << identity.status();
  const CertificatePtr certificate = Parse(*identity);
  ASSERT_NE(certificate, nullptr);

  EXPECT_EQ(X509_get_version(certificate.get()), X509_VERSION_3);
  // The alternative name; the common name is never looked at.
  EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                            nullptr),
            1);
  const std::uint32_t usage = X509_get_extended_key_usage(certificate.get());
  EXPECT_NE(usage & XKU_SSL_SERVER, 0u);
  EXPECT_NE(usage & XKU_SSL_CLIENT, 0u);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(certificate.get())), 256);
  EXPECT_EQ(X509_verify(certificate.get(), X509_get0_pubkey(certificate.get())), 1);

  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  EXPECT_EQ(ASN1_STRING_type(serial), V_ASN1_INTEGER) << "negative";
  EXPECT_LE(ASN1_STRING_length(serial), 20);
  EXPECT_GE(ASN1_STRING_length(serial), 16);

  std::tm from{};
  ASSERT_EQ(ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &from), 1);
  EXPECT_EQ(absl::FromTM(from, absl::UTCTimeZone()), now - absl::Minutes(5));
  std::tm to{};
  ASSERT_EQ(ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &to), 1);
  EXPECT_GT(absl::FromTM(to, absl::UTCTimeZone()), now + absl::Hours(24 * 365 * 20));
}

TEST(ServerIdentity, IsNewEachTime) {
  const auto a = MakeServerIdentity(absl::Now());
  const auto b = MakeServerIdentity(absl::Now());
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->private_key_pem, b->private_key_pem);
  EXPECT_NE(a->certificate_der, b->certificate_der);
  EXPECT_TRUE(absl::StartsWith(a->private_key_pem, "-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(absl::StartsWith(a->certificate_pem, "-----BEGIN CERTIFICATE-----\n"));
}

TEST(UnpaddedBase64, HasNoPaddingAtAnyLength) {
  EXPECT_EQ(UnpaddedBase64(""), "");
  EXPECT_EQ(UnpaddedBase64("f"), "Zg");
  EXPECT_EQ(UnpaddedBase64("fo"), "Zm8");
  EXPECT_EQ(UnpaddedBase64("foo"), "Zm9v");
  EXPECT_EQ(UnpaddedBase64("\xfb\xff\xfe"), "+//+") << "the standard alphabet, not the URL one";
  for (std::size_t length = 300; length < 400; ++length) {
    const std::string bytes(length, '\xa5');
    std::string text = UnpaddedBase64(bytes);
    EXPECT_EQ(text.find('='), std::string::npos) << length;
    text.append((4 - text.size() % 4) % 4, '=');
    std::string back;
    ASSERT_TRUE(absl::Base64Unescape(text, &back)) << length;
    EXPECT_EQ(back, bytes);
  }
}

TEST(ClientCertificate, MustBePem) {
  const auto identity = MakeServerIdentity(absl::Now());
  ASSERT_TRUE(identity.ok());
  EXPECT_TRUE(CheckClientCertificate(identity->certificate_pem).ok());
  const absl::Status wrong = CheckClientCertificate("certificate");
  EXPECT_TRUE(absl::IsInvalidArgument(wrong));
  EXPECT_THAT(std::string(wrong.message()), ::testing::HasSubstr("PLUGIN_CLIENT_CERT"));
  EXPECT_FALSE(CheckClientCertificate(identity->private_key_pem).ok());
}

}  // namespace
}  // namespace charon::server

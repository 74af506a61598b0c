#include "provider/functions/nginx.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "provider/base/ip.h"
#include "provider/base/status.h"
#include "provider/schema/checks.h"
#include "provider/sdk/function.h"

namespace charon::functions {
namespace {

absl::Status Invalid(absl::string_view message) { return absl::InvalidArgumentError(message); }

Check PlainPath() {
  return TextRule(
      "is an absolute path of letters, digits, `.`, `_`, `-` and `/`", [](absl::string_view text) {
        const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
          return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' ||
                 c == '-' || c == '/';
        });
        if (plain && !text.empty() && text[0] == '/') return absl::OkStatus();
        return Invalid(absl::StrCat(
            "\"", text,
            "\" must be an absolute path of letters, digits, \".\", \"_\", \"-\" and \"/\""));
      });
}

}  // namespace

const ObjectSpec<NginxTls>& NginxTls::Describe() {
  using M = NginxTls;
  static const auto& spec = *new ObjectSpec<M>(
      "A service behind nginx with TLS.",
      {
          Field(&M::server_name, "server_name", Required, "Host name that clients use.")
              .Check(DnsSubdomain()),
          Field(&M::upstream_port, "upstream_port", Required,
                "Port that the application listens on.")
              .Check(Between(1, 65535)),
          Field(&M::upstream_host, "upstream_host", Optional,
                "Where it listens; `127.0.0.1`, the same pod, if unset.")
              .Check(DnsSubdomain()),
          Field(&M::allow, "allow", Optional,
                "Addresses and networks that may connect; `[\"100.64.0.0/10\", \"127.0.0.1\"]`, "
                "the VPN and the pod itself, if unset.")
              .Check(EachElement(
                  TextRule("is an address or a network",
                           [](absl::string_view text) {
                             if (IpPrefix::ParseOrAddress(text)) return absl::OkStatus();
                             return Invalid(absl::StrCat(
                                 "\"", text,
                                 "\" must be an address such as \"127.0.0.1\", or a network "
                                 "such as \"100.64.0.0/10\""));
                           }))),
          Field(&M::certificate, "certificate", Optional,
                "File of the certificate chain; `/etc/nginx/tls/tls.crt` if unset.")
              .Check(PlainPath()),
          Field(&M::certificate_key, "certificate_key", Optional,
                "File of its key; `/etc/nginx/tls/tls.key` if unset.")
              .Check(PlainPath()),
      });
  return spec;
}

absl::StatusOr<std::string> NginxTlsConfig(const Value& service) {
  CHARON_ASSIGN_OR_RETURN(const NginxTls tls, sdk::ObjectArgument<NginxTls>(0, service));

  std::string allow;
  for (const std::string& network : tls.allow.value_or({"100.64.0.0/10", "127.0.0.1"})) {
    absl::StrAppend(&allow, "    allow ", network, ";\n");
  }
  const std::string name = *tls.server_name;
  // The redirect comes before allow and deny have a say (nginx's rewrite phase), and tells nobody
  // anything. Upgrade and Connection are passed on as they come: a web socket needs both, and nginx
  // drops them otherwise. Bodies have no limit here: the application knows its own.
  return absl::StrCat(
      "server {\n"
      "    listen 80;\n"
      "    server_name ",
      name,
      ";\n"
      "    return 301 https://",
      name,
      "$request_uri;\n"
      "}\n"
      "\n"
      "server {\n"
      "    listen 443 ssl;\n"
      "    server_name ",
      name,
      ";\n"
      "\n"
      "    ssl_certificate ",
      tls.certificate.value_or("/etc/nginx/tls/tls.crt"),
      ";\n"
      "    ssl_certificate_key ",
      tls.certificate_key.value_or("/etc/nginx/tls/tls.key"),
      ";\n"
      "    ssl_protocols TLSv1.2 TLSv1.3;\n"
      "\n",
      allow,
      "    deny all;\n"
      "\n"
      "    client_max_body_size 0;\n"
      "\n"
      "    location / {\n"
      "        proxy_pass http://",
      tls.upstream_host.value_or("127.0.0.1"), ":", *tls.upstream_port,
      ";\n"
      "        proxy_http_version 1.1;\n"
      "        proxy_set_header Host $host;\n"
      "        proxy_set_header X-Real-IP $remote_addr;\n"
      "        proxy_set_header X-Forwarded-For $remote_addr;\n"
      "        proxy_set_header X-Forwarded-Proto $scheme;\n"
      "        proxy_set_header Upgrade $http_upgrade;\n"
      "        proxy_set_header Connection $http_connection;\n"
      "    }\n"
      "}\n");
}

}  // namespace charon::functions

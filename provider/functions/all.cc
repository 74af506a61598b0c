#include "provider/functions/all.h"

#include "provider/functions/dns.h"
#include "provider/functions/functions.h"
#include "provider/functions/nginx.h"
#include "provider/functions/policy.h"

namespace charon {

void AddFunctions(sdk::Registry& registry) {
  using sdk::NewFunction;
  registry.Add(NewFunction({"manifest_decode", "Decode one Kubernetes manifest",
                            "Decodes one Kubernetes object from JSON or YAML text, with YAML read "
                            "as kubectl reads it (`yes` is a bool, `0644` is "
                            "octal, merge keys are resolved). Text with several documents is an "
                            "error: use `manifest_decode_multi`."},
                           {{"manifest", "JSON or YAML text of one object."}},
                           functions::ManifestDecode));
  registry.Add(NewFunction({"manifest_decode_multi", "Decode a file of Kubernetes manifests",
                            "Decodes every document of a YAML text into a list of objects, in "
                            "their order. Empty documents are left out, and the "
                            "items of a `List` are taken out of it."},
                           {{"manifests", "YAML text with any number of documents."}},
                           functions::ManifestDecodeMulti));
  registry.Add(NewFunction({"manifest_encode", "Encode a Kubernetes manifest",
                            "Encodes an object, or a list of objects as several documents, as YAML "
                            "that kubectl reads back as "
                            "the same: text that looks like a bool or a number is quoted."},
                           {{"manifest", "An object, or a list of objects."}},
                           functions::ManifestEncode));
  registry.Add(NewFunction({"quantity_parse", "The number that a Kubernetes quantity means",
                            "Parses a Kubernetes quantity (`500m`, `1.5Gi`, `2e3`) into a number, "
                            "exactly: 0.5, 1610612736, 2000."},
                           {{"quantity", "The quantity."}}, functions::QuantityParse));
  registry.Add(NewFunction({"quantity_format", "A number as a Kubernetes quantity",
                            "Formats a number in the canonical form of Kubernetes: the largest "
                            "suffix that loses nothing. `binary` uses Ki, Mi, "
                            "Gi; `decimal` uses m, k, M, G."},
                           {{"number", "The number."}, {"family", "`binary` or `decimal`."}},
                           functions::QuantityFormat));
  registry.Add(
      NewFunction({"quantity_sum", "The sum of Kubernetes quantities",
                   "Adds quantities exactly. The result has the suffix family of the first: "
                   "`quantity_sum(\"512Mi\", \"1Gi\")` is `1536Mi`. Nulls count as nothing."},
                  {{"quantities", "Quantities; null ones are left out."}}, functions::QuantitySum));
  registry.Add(NewFunction({"dns_label", "A DNS label from any text",
                            "Turns text into a DNS label (RFC 1123): lower case letters, digits "
                            "and `-`, 63 at most. If that "
                            "loses anything but case, a short hash of the text is appended, so "
                            "that different texts stay "
                            "different."},
                           {{"text", "Any text."}}, functions::DnsLabel));
  registry.Add(NewFunction({"tier_of", "What a built-in tier stands for",
                            "The built-in tier of that name, in full (`3-edge`) or short (`edge`): "
                            "its name, PriorityClass and "
                            "numbers. Functions do not see the provider block: tiers of "
                            "`conventions.tiers` are not known here."},
                           {{"tier", "Name of the tier."}}, functions::TierOf));
  registry.Add(NewFunction(
      {"nginx_tls_config", "An nginx in front of a service that only a VPN may reach",
       "The nginx server blocks of a proxy with TLS: port 443 for the addresses of the allow list "
       "and nobody else, port 80 "
       "redirects to it, `Host` and the client's address are passed on, web sockets work.\n\n"
       "Attributes of `service`: `server_name` and `upstream_port`; and if the defaults do not "
       "fit, `upstream_host` "
       "(`127.0.0.1`), `allow` (`[\"100.64.0.0/10\", \"127.0.0.1\"]`), `certificate` "
       "(`/etc/nginx/tls/tls.crt`) and "
       "`certificate_key` (`/etc/nginx/tls/tls.key`)."},
      {{"service",
        "An object with the service's name, its port, and what differs from the defaults."}},
      functions::NginxTlsConfig));
  registry.Add(NewFunction({"txt_record", "A text as the value of a TXT record",
                            "Writes a text as one value of a TXT record in presentation form: in "
                            "quotes, split into strings of 255 "
                            "bytes at most, with what needs it escaped. Resolvers join the "
                            "strings: a DKIM key comes out whole."},
                           {{"text", "Any text, such as `v=DKIM1; p=...`."}},
                           functions::TxtRecord));
  registry.Add(NewFunction({"hujson_normalize", "HuJSON as standard JSON",
                            "Turns HuJSON (JSON with comments and trailing commas) into standard "
                            "JSON in one form: sorted names, two spaces of "
                            "indentation. Texts that mean the same come out the same, and "
                            "`jsondecode` reads it. A name that stands twice in its "
                            "object is an error."},
                           {{"text", "HuJSON text, such as `file(\"policy.hujson\")`."}},
                           functions::HujsonNormalize));
  registry.Add(
      NewFunction({"policy_reach", "Who reaches whom by a VPN policy",
                   "Whether a Headscale policy lets `src` reach `dst`, by which rules, and what is "
                   "missing: for `precondition`, `check` blocks and tests, without a "
                   "server. Judged by the rules of the newest Headscale that takes the policy.\n\n"
                   "`src` is a user (`ann@`), `group:...`, `tag:...`, `autogroup:...`, a host, an "
                   "address, a network or `*`; all of it must reach. `dst` is the same "
                   "with ports as in a rule: `tag:web:443`, `db:22,8000-8080`. Ports are of tcp, "
                   "unless a protocol follows: `tag:dns:53/udp`, `tag:web/icmp`. "
                   "Without ports the question is whether anything gets through.\n\n"
                   "The object has `reaches` (bool), `traffic` (string: what gets through, such as "
                   "`443; icmp`), `rules` (list of strings: those that say so, with their lines) "
                   "and `missing` (list of strings: what would have to be allowed)."},
                  {{"policy", "HuJSON text or an object; null for a server without a policy."},
                   {"src", "Who."},
                   {"dst", "Whom, and on which ports."}},
                  functions::Reach));
}

}  // namespace charon

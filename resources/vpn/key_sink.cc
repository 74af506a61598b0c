#include "resources/vpn/key_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "provider/base/random.h"
#include "provider/base/status.h"
#include "provider/clients/kubernetes/object.h"

namespace charon::vpn {
namespace {

using Json = nlohmann::json;

constexpr char kIntentAnnotation[] = "charon.internal/preauth-key";

absl::Status FileError(absl::string_view what, const std::string& path) {
  const int error = errno;
  return WithRemedy(absl::FailedPreconditionError(
                        absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error))),
                    "The directory must exist, and Terraform must be allowed to write there.");
}

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class FileSink final : public KeySink {
 public:
  FileSink(std::string path, std::string owner, bool adopt)
      : path_(std::move(path)),
        intent_path_(path_ + ".intent"),
        owner_(std::move(owner)),
        adopt_(adopt) {}

  std::string Title() const override { return absl::StrCat("file ", path_); }

  absl::StatusOr<std::optional<KeyIntent>> Recall(const Call&) override {
    const std::optional<std::string> json = ReadFile(intent_path_);
    std::optional<KeyIntent> intent = json ? IntentFromJson(*json, owner_) : std::nullopt;
    struct stat info {};
    if (!intent && !adopt_ && lstat(path_.c_str(), &info) == 0) {
      return WithRemedy(
          absl::AlreadyExistsError(absl::StrCat("there is a file ", path_,
                                                " already, and no apply of this stack wrote it")),
          "Move it away, or set on_conflict = \"adopt\" to overwrite it.");
    }
    return intent;
  }

  absl::Status Announce(const Call&, const KeyIntent& intent) override {
    return Write(intent_path_, IntentToJson(intent, owner_));
  }

  absl::Status Deliver(const Call&, const KeyIntent& intent, const std::string& key) override {
    CHARON_RETURN_IF_ERROR(Write(path_, key));
    return Write(intent_path_, IntentToJson(intent, owner_));
  }

  absl::StatusOr<bool> Holds(const Call&, absl::string_view id) override {
    const std::optional<std::string> json = ReadFile(intent_path_);
    const std::optional<KeyIntent> intent = json ? IntentFromJson(*json, owner_) : std::nullopt;
    return intent && intent->id == id && access(path_.c_str(), F_OK) == 0;
  }

  absl::Status Remove(const Call& call, absl::string_view id) override {
    CHARON_ASSIGN_OR_RETURN(const bool holds, Holds(call, id));
    if (!holds) return absl::OkStatus();
    for (const std::string& path : {path_, intent_path_}) {
      if (unlink(path.c_str()) != 0 && errno != ENOENT) return FileError("remove", path);
    }
    return absl::OkStatus();
  }

 private:
  // Beside it first: whoever reads sees the whole text or none, and nobody else may read it at any
  // moment.
  static absl::Status Write(const std::string& path, const std::string& text) {
    CHARON_ASSIGN_OR_RETURN(const std::string suffix,
                            RandomText(8, "abcdefghijklmnopqrstuvwxyz0123456789"));
    const std::string draft = absl::StrCat(path, ".", suffix);
    const int file =
        open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) return FileError("write", path);
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t n = write(file, text.data() + written, text.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      written += static_cast<std::size_t>(n);
    }
    const bool complete = written == text.size() && fsync(file) == 0;
    absl::Status status = complete ? absl::OkStatus() : FileError("write", path);
    close(file);
    if (status.ok() && rename(draft.c_str(), path.c_str()) != 0) status = FileError("write", path);
    if (!status.ok()) unlink(draft.c_str());
    return status;
  }

  const std::string path_, intent_path_, owner_;
  const bool adopt_;
};

class SecretSink final : public KeySink {
 public:
  SecretSink(std::shared_ptr<kubernetes::Cluster> cluster, std::string name_space, std::string name,
             std::string key, const Services& services, operations::ObjectOptions options)
      : cluster_(std::move(cluster)),
        ref_{{"v1", "Secret"}, std::move(name_space), std::move(name)},
        key_(std::move(key)),
        services_(services),
        options_(std::move(options)) {}

  std::string Title() const override {
    return absl::StrCat("Secret ", ref_.name_space, "/", ref_.name);
  }

  absl::StatusOr<std::optional<KeyIntent>> Recall(const Call& call) override {
    absl::StatusOr<Json> live = cluster_->Get(call, ref_);
    if (absl::IsNotFound(live.status())) return std::optional<KeyIntent>();
    CHARON_RETURN_IF_ERROR(live.status());
    return IntentOf(*live);
  }

  absl::Status Announce(const Call& call, const KeyIntent& intent) override {
    // Refused here if it is another's: no key is made then.
    return operations::CreateObject(call, *cluster_, Render(intent, nullptr), options_).status();
  }

  absl::Status Deliver(const Call& call, const KeyIntent& intent, const std::string& key) override {
    return operations::UpdateObject(call, *cluster_, Render(intent, &key), options_).status();
  }

  absl::StatusOr<bool> Holds(const Call& call, absl::string_view id) override {
    const absl::StatusOr<std::shared_ptr<const Json>> live = cluster_->Read(call, ref_);
    if (absl::IsNotFound(live.status())) return false;
    CHARON_RETURN_IF_ERROR(live.status());
    const std::optional<KeyIntent> intent = IntentOf(**live);
    const Json& data = kubernetes::Field(**live, "data");
    return intent && intent->id == id && data.is_object() && data.contains(key_);
  }

  absl::Status Remove(const Call& call, absl::string_view id) override {
    CHARON_ASSIGN_OR_RETURN(const bool holds, Holds(call, id));
    if (!holds) return absl::OkStatus();
    const absl::Status gone = operations::DeleteObject(call, *cluster_, ref_, options_);
    return absl::IsNotFound(gone) ? absl::OkStatus() : gone;
  }

 private:
  std::optional<KeyIntent> IntentOf(const Json& live) const {
    return IntentFromJson(kubernetes::Annotation(live, kIntentAnnotation), options_.owner);
  }

  Json Render(const KeyIntent& intent, const std::string* key) const {
    Json object = {{"apiVersion", "v1"},
                   {"kind", "Secret"},
                   {"metadata",
                    {{"name", ref_.name},
                     {"namespace", ref_.name_space},
                     {"labels", services_.settings()->conventions.Labels()},
                     {"annotations", {{kIntentAnnotation, IntentToJson(intent, options_.owner)}}}}},
                   {"type", "Opaque"}};
    if (key != nullptr) object["data"] = {{key_, absl::Base64Escape(*key)}};
    return object;
  }

  const std::shared_ptr<kubernetes::Cluster> cluster_;
  const kubernetes::ObjectRef ref_;
  const std::string key_;
  const Services& services_;
  const operations::ObjectOptions options_;
};

}  // namespace

std::string IntentToJson(const KeyIntent& intent, absl::string_view owner) {
  Json json = {{"owner", owner},
               {"time", intent.time},
               {"user", intent.user},
               {"flags", intent.flags},
               {"expiration", intent.expiration}};
  if (!intent.id.empty()) json["id"] = intent.id;
  return json.dump();
}

std::optional<KeyIntent> IntentFromJson(absl::string_view text, absl::string_view owner) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto member = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (member("owner") != owner || member("expiration").empty()) return std::nullopt;
  return KeyIntent{member("time"), member("user"), member("flags"), member("expiration"),
                   member("id")};
}

std::unique_ptr<KeySink> NewFileSink(std::string path, std::string owner, bool adopt) {
  return std::make_unique<FileSink>(std::move(path), std::move(owner), adopt);
}

std::unique_ptr<KeySink> NewSecretSink(std::shared_ptr<kubernetes::Cluster> cluster,
                                       std::string name_space, std::string name, std::string key,
                                       const Services& services,
                                       operations::ObjectOptions options) {
  return std::make_unique<SecretSink>(std::move(cluster), std::move(name_space), std::move(name),
                                      std::move(key), services, std::move(options));
}

}  // namespace charon::vpn

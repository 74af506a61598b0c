#include "provider/docgen/markdown.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/testing/fake_provider.h"
#include "provider/testing/schemas.h"
#include "provider/testing/status_matchers.h"

namespace charon::docgen {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct HostIdentity {
  Attr<std::string> name;
  static const ObjectSpec<HostIdentity>& Describe() {
    using I = HostIdentity;
    static const auto& spec =
        *new ObjectSpec<I>("Which host.", {Field(&I::name, "name", Required, "Name of the host.")});
    return spec;
  }
};

struct KeyModel {
  Attr<std::string> text, uid;
  static const ObjectSpec<KeyModel>& Describe() {
    using K = KeyModel;
    static const auto& spec =
        *new ObjectSpec<K>("A key.",
                           {Field(&K::text, "text", Required, "The key itself."),
                            Field(&K::uid, "uid", Computed, "Id of the key.")},
                           {Needs("text", "uid")});
    return spec;
  }
};

struct PortModel {
  Attr<std::int64_t> number;
  Attr<std::map<std::string, KeyModel>> keys;
  static const ObjectSpec<PortModel>& Describe() {
    using P = PortModel;
    static const auto& spec = *new ObjectSpec<P>(
        "A port.", {Field(&P::number, "number", Optional, "Its number.").Default(80),
                    Field(&P::keys, "keys", Optional, "Keys by name.")});
    return spec;
  }
};

struct HostModel {
  Attr<std::string> name, zone, old, password_wo, token, id;
  Attr<std::vector<std::string>> tags;
  Attr<std::vector<PortModel>> ports;
  Attr<sdk::TimeoutsModel> timeouts;

  static const ObjectSpec<HostModel>& Describe() {
    using M = HostModel;
    static const auto& spec = *new ObjectSpec<M>(
        "A *host* of the [site](https://example.com/site) with `ports`.\n\nMore about it.",
        {
            Field(&M::name, "name", Required, "Name of the host.").Check(DnsLabel()).ForceNew(),
            Field(&M::zone, "zone", Optional, "Zone of the host.\nOr none.").Default("a"),
            Field(&M::old, "old", Optional, "What it was.").Deprecated("Use `zone`."),
            Field(&M::password_wo, "password_wo", Optional, "Password of the host.").WriteOnly(),
            Field(&M::token, "token", Computed, "Token of the host.").Sensitive(),
            Field(&M::id, "id", Computed, "Id of the host."),
            Field(&M::tags, "tags", Optional, "Tags of the host.").Check(EachElement(LabelValue())),
            Field(&M::ports, "ports", Optional, "Ports of the host."),
            sdk::TimeoutsField(&M::timeouts),
        },
        {AtMostOneOf({"zone", "old"})});
    return spec;
  }
};

const sdk::ResourceInfo& Info() {
  static const auto& info = *new sdk::ResourceInfo{.type = "charon_host",
                                                   .noun = "host",
                                                   .subcategory = "Hosts",
                                                   .timeouts = {.create = absl::Minutes(90)},
                                                   .import_id = "the host's name"};
  return info;
}

class HostResource final : public sdk::Resource<HostModel, HostIdentity> {
 public:
  const sdk::ResourceInfo& info() const override { return Info(); }
  sdk::Outcome<HostModel> Create(const sdk::Context&, const HostModel& plan) override {
    return plan;
  }
  sdk::Outcome<HostModel> Read(const sdk::Context&, const HostModel& prior) override {
    return prior;
  }
  absl::Status Delete(const sdk::Context&, const HostModel&) override { return absl::OkStatus(); }
  std::vector<sdk::MoveSource<HostModel>> MoveSources() const override {
    return {{"other_host", nullptr}, {"old_host", nullptr}};
  }
};

class HostSource final : public sdk::DataSource<HostIdentity> {
 public:
  const sdk::ResourceInfo& info() const override { return Info(); }
  sdk::Outcome<HostIdentity> Read(const sdk::Context&, const HostIdentity& config) override {
    return config;
  }
};

class HostLease final : public sdk::Ephemeral<HostIdentity> {
 public:
  const sdk::ResourceInfo& info() const override { return Info(); }
  absl::StatusOr<sdk::Opened<HostIdentity>> Open(const sdk::Context&,
                                                 const HostIdentity& config) override {
    return sdk::Opened<HostIdentity>{config, std::nullopt};
  }
};

class HostList final : public sdk::ListResource<sdk::NoIdentity, HostModel, HostIdentity> {
 public:
  const sdk::ResourceInfo& info() const override { return Info(); }
  absl::Status List(const sdk::Context&, const sdk::NoIdentity&, bool,
                    const std::function<bool(sdk::Listed<HostModel, HostIdentity>)>&) override {
    return absl::OkStatus();
  }
};

class HostRestart final : public sdk::Action<HostIdentity> {
 public:
  const sdk::ResourceInfo& info() const override { return Info(); }
  absl::Status Invoke(const sdk::Context&, const HostIdentity&, const sdk::Progress&) override {
    return absl::OkStatus();
  }
};

absl::StatusOr<std::string> Join(const std::string& separator,
                                 const sdk::Variadic<std::optional<std::string>>&) {
  return separator;
}

class MarkdownTest : public ::testing::Test {
 protected:
  MarkdownTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("docgen-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    auto provider = std::make_unique<FakeProvider>();
    provider->mutable_schema() = SchemaForTest({Row("token_file", Optional)});
    registry_ = std::make_unique<sdk::Registry>(std::move(provider));
    registry_->Add(std::make_unique<HostResource>());
    registry_->Add(std::make_unique<HostSource>());
    registry_->Add(std::make_unique<HostLease>());
    registry_->Add(std::make_unique<HostList>());
    registry_->Add(std::make_unique<HostRestart>());
    registry_->Add(
        sdk::NewFunction({"join", "Joins texts.", "Joins `parts`."},
                         {{"separator", "What comes between."}, {"parts", "What to join."}}, Join));
  }
  ~MarkdownTest() override { std::filesystem::remove_all(folder_); }

  void Example(const std::string& path, const std::string& text) { Write(examples() / path, text); }
  static void Write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  static std::string Read(const std::filesystem::path& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::filesystem::path examples() const { return folder_ / "examples"; }
  std::filesystem::path docs() const { return folder_ / "docs"; }
  std::string Page(const std::string& path) { return RenderDocs(*registry_, examples()).at(path); }

  std::filesystem::path folder_;
  std::unique_ptr<sdk::Registry> registry_;
};

TEST_F(MarkdownTest, WholeResourcePage) {
  Example("resources/charon_host/resource.tf", "resource \"charon_host\" \"a\" {}\n");
  Example("resources/charon_host/import.sh", "terraform import charon_host.a a\n");
  Example("resources/charon_host/import.tf", "import {}\n");
  EXPECT_EQ(Page("resources/host.md"), R"(---
# Generated by charon-docgen from the provider's tables. Edit those.
page_title: "charon_host (Resource) - charon"
subcategory: "Hosts"
description: |-
  A host of the site with ports.
---

# charon_host (Resource)

A *host* of the [site](https://example.com/site) with `ports`.

More about it.

## Example Usage

```terraform
resource "charon_host" "a" {}
```

## Schema

- At most one of "zone", "old" may be set.

### Required

- `name` (String) Name of the host. The value is a DNS label (RFC 1123). Changing it forces replacement.

### Optional

- `old` (String, Deprecated) What it was. **Deprecated:** Use `zone`.
- `password_wo` (String, [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)) Password of the host.
- `ports` (Attributes List) Ports of the host. (see [below for nested schema](#nestedatt--ports))
- `tags` (List of String) Tags of the host. Each is a Kubernetes label value.
- `timeouts` (Attributes) How long each operation may take, for example `{ create = "15m" }`. (see [below for nested schema](#nestedatt--timeouts))
- `zone` (String) Zone of the host.
  Or none. Default: `"a"`.

### Read-Only

- `id` (String) Id of the host.
- `token` (String, Sensitive) Token of the host.

<a id="nestedatt--ports"></a>
### Nested Schema for `ports`

Optional:

- `keys` (Attributes Map) Keys by name. (see [below for nested schema](#nestedatt--ports--keys))
- `number` (Number) Its number. Default: `80`.

<a id="nestedatt--ports--keys"></a>
### Nested Schema for `ports.keys`

- "text" needs "uid".

Required:

- `text` (String) The key itself.

Read-Only:

- `uid` (String) Id of the key.

<a id="nestedatt--timeouts"></a>
### Nested Schema for `timeouts`

Optional:

- `create` (String) Longest time to create it and wait until it is ready. The value is a duration such as "30s", "5m" or "1h30m". Default: `1h30m`.
- `delete` (String) Longest time to delete it and wait until it is gone. The value is a duration such as "30s", "5m" or "1h30m". Default: `10m`.
- `read` (String) Longest time to read it. The value is a duration such as "30s", "5m" or "1h30m". Default: `2m`.
- `update` (String) Longest time to change it and wait until it is ready. The value is a duration such as "30s", "5m" or "1h30m". Default: `10m`.

## Import

The import id is the host's name.

```shell
terraform import charon_host.a a
```

```terraform
import {}
```

Terraform 1.12 and newer also import by identity.

### Identity Schema

#### Required

- `name` (String) Name of the host.

## Moved From

A `moved` block takes over the state of these types, without a change:

- `other_host`
- `old_host`
)");
}

TEST_F(MarkdownTest, PagesOfTheOtherKinds) {
  Example("data-sources/charon_host/data-source.tf", "data here");
  Example("ephemeral-resources/charon_host/ephemeral-resource.tf", "ephemeral here");
  Example("list-resources/charon_host/list-resource.tfquery.hcl", "list here");
  Example("actions/charon_host/action.tf", "action here");
  Example("provider/provider.tf", "provider here");
  const std::vector<std::vector<std::string>> pages = {
      {"data-sources/host.md", "charon_host (Data Source)", "data here", "Which host."},
      {"ephemeral-resources/host.md", "charon_host (Ephemeral Resource)", "ephemeral here",
       "need Terraform 1.10"},
      {"list-resources/host.md", "charon_host (List Resource)", "list here",
       "There is nothing to configure."},
      {"actions/host.md", "charon_host (Action)", "action here", "need Terraform 1.14"},
      {"index.md", "charon Provider", "provider here",
       "- `token_file` (String) An attribute of a test."},
  };
  for (const std::vector<std::string>& page : pages) {
    const std::string text = Page(page[0]);
    EXPECT_THAT(text, StartsWith("---\n")) << page[0];
    EXPECT_THAT(text, HasSubstr("\n# " + page[1] + "\n\n")) << page[0];
    EXPECT_THAT(text, HasSubstr("page_title: \"" + page[1])) << page[0];
    EXPECT_THAT(text, HasSubstr("## Example Usage\n\n```terraform\n" + page[2] + "\n```\n"))
        << page[0];
    EXPECT_THAT(text, HasSubstr(page[3])) << page[0];
    EXPECT_THAT(text, AllOf(EndsWith("\n"), Not(EndsWith("\n\n")), Not(HasSubstr("\n\n\n"))))
        << page[0];
    EXPECT_THAT(text, Not(HasSubstr("## Import"))) << page[0];
  }
}

TEST_F(MarkdownTest, StrictObjectsHaveTheirTableBelow) {
  auto provider = std::make_unique<FakeProvider>();
  AttributeSchema strict = Row("host", Optional, Type::Dynamic()).attribute;
  strict.shape = std::make_shared<ObjectSchema>(SchemaForTest({Row("zone", Optional)}));
  provider->mutable_schema() = SchemaForTest({TestRow{strict}});
  registry_ = std::make_unique<sdk::Registry>(std::move(provider));
  EXPECT_THAT(Page("index.md"), HasSubstr(R"(
- `host` (Dynamic: Attributes) An attribute of a test. (see [below for nested schema](#nestedatt--host))

<a id="nestedatt--host"></a>
### Nested Schema for `host`

Optional:

- `zone` (String) An attribute of a test.
)"));
}

// `tfplugindocs validate` refuses an index that has one, and other pages that have none.
TEST_F(MarkdownTest, OnlyTheIndexHasNoSubcategory) {
  for (const auto& [path, text] : RenderDocs(*registry_, examples())) {
    const bool has = text.find("\nsubcategory: ") != std::string::npos;
    EXPECT_EQ(has, path != "index.md") << path;
  }
}

TEST_F(MarkdownTest, FunctionPage) {
  Example("functions/join/function.tf", "output \"x\" {}");
  EXPECT_EQ(Page("functions/join.md"), R"(---
# Generated by charon-docgen from the provider's tables. Edit those.
page_title: "join (Function) - charon"
subcategory: ""
description: |-
  Joins texts.
---

# function: join

Joins `parts`.

-> Provider functions need Terraform 1.8 or OpenTofu 1.7, or newer.

## Example Usage

```terraform
output "x" {}
```

## Signature

```text
join(separator string, parts string...) string
```

## Arguments

1. `separator` (String) What comes between.
1. `parts` (Variadic, String, Nullable) What to join.
)");
}

TEST_F(MarkdownTest, ExamplesThatAreMissingAreNamedAndLeftOut) {
  EXPECT_THAT(MissingExamples(*registry_, examples()),
              ElementsAre("provider/provider.tf", "resources/charon_host/resource.tf",
                          "data-sources/charon_host/data-source.tf",
                          "ephemeral-resources/charon_host/ephemeral-resource.tf",
                          "list-resources/charon_host/list-resource.tfquery.hcl",
                          "actions/charon_host/action.tf", "functions/join/function.tf",
                          "resources/charon_host/import.sh"));
  EXPECT_THAT(Page("resources/host.md"), Not(HasSubstr("Example Usage")));
  Example("actions/charon_host/action.tf", "action here");
  EXPECT_EQ(MissingExamples(*registry_, examples()).size(), 7u);
}

TEST_F(MarkdownTest, WritesWhatIsStale) {
  const Pages pages = RenderDocs(*registry_, examples());
  EXPECT_EQ(StaleDocs(pages, docs()).size(), 7u);
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  EXPECT_THAT(StaleDocs(pages, docs()), IsEmpty());
  EXPECT_EQ(Read(docs() / "resources/host.md"), pages.at("resources/host.md"));

  Write(docs() / "index.md", "by hand");
  std::filesystem::remove(docs() / "functions/join.md");
  Write(docs() / "resources/former.md", "of a resource that is no more");
  EXPECT_THAT(StaleDocs(pages, docs()),
              ElementsAre("functions/join.md: missing", "index.md: differs",
                          "resources/former.md: of nothing that the provider offers"));
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  EXPECT_THAT(StaleDocs(pages, docs()), IsEmpty());
}

TEST_F(MarkdownTest, LeavesAloneWhatIsWrittenByHand) {
  Write(docs() / "guides/start.md", "a guide");
  Write(docs() / "design/decisions/0001.md", "a decision");
  EXPECT_EQ(StaleDocs(RenderDocs(*registry_, examples()), docs()).size(), 7u);
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  EXPECT_EQ(Read(docs() / "guides/start.md"), "a guide");
  EXPECT_EQ(Read(docs() / "design/decisions/0001.md"), "a decision");
}

TEST_F(MarkdownTest, TheIndexLinksTheGuides) {
  Write(docs() / "guides/words.md",
        "---\npage_title: \"Words\"\nsubcategory: \"Guides\"\ndescription: |-\n  What is "
        "said.\n---\n\n# Words\n");
  Write(docs() / "guides/acts.md",
        "---\npage_title: \"Acts\"\ndescription: |-\n  What is done,\n  and when.\n---\n\n---\n");
  Write(docs() / "guides/draft.md", "a draft without a title");
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  EXPECT_THAT(Read(docs() / "index.md"),
              HasSubstr("\n## Guides\n\n- [Acts](guides/acts.md): What is done, and when.\n"
                        "- [Words](guides/words.md): What is said.\n\n## Schema\n"));
}

TEST_F(MarkdownTest, TouchesOnlyWhatChanges) {
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  const auto time = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(docs() / "index.md", time);
  const auto before = std::filesystem::last_write_time(docs() / "index.md");
  ASSERT_THAT(WriteDocs(*registry_, examples(), docs()), IsOk());
  EXPECT_EQ(std::filesystem::last_write_time(docs() / "index.md"), before);
}

TEST_F(MarkdownTest, SaysWhatCannotBeWritten) {
  Write(docs(), "a file where the folder should be");
  EXPECT_THAT(WriteDocs(*registry_, examples(), docs()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cannot write")));
}

}  // namespace
}  // namespace charon::docgen

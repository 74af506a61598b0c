// charon-docgen: writes docs/ from the provider's tables and examples/, or tells which pages are
// stale.

#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "provider/docgen/markdown.h"
#include "provider/provider.h"

namespace {

constexpr char kUsage[] =
    "usage: charon-docgen [--check] [--examples DIR] [--docs DIR]\n"
    "Writes the provider's documentation to DIR (docs). With --check nothing is written: it lists "
    "the pages\n"
    "that are stale and the examples that are missing, and exits with 1 if there are any.\n";

// The folder without a slash at its end, so that messages read well.
std::filesystem::path Folder(const char* text) {
  const std::filesystem::path path(text);
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

int main(int argc, char** argv) {
  bool check = false;
  std::filesystem::path examples = "examples", docs = "docs";
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--check") == 0) {
      check = true;
    } else if (std::strcmp(argv[i], "--examples") == 0 && i + 1 < argc) {
      examples = Folder(argv[++i]);
    } else if (std::strcmp(argv[i], "--docs") == 0 && i + 1 < argc) {
      docs = Folder(argv[++i]);
    } else {
      std::cerr << kUsage;
      return 2;
    }
  }

  const auto registry = charon::NewRegistry();
  if (!check) {
    const absl::Status status = charon::docgen::WriteDocs(*registry, examples, docs);
    if (!status.ok()) std::cerr << "charon-docgen: " << status.message() << "\n";
    return status.ok() ? 0 : 1;
  }
  const std::vector<std::string> missing = charon::docgen::MissingExamples(*registry, examples);
  const std::vector<std::string> stale = charon::docgen::StaleDocs(
      charon::docgen::RenderDocs(*registry, examples, docs / "guides"), docs);
  for (const std::string& path : missing) std::cerr << (examples / path).string() << ": missing\n";
  for (const std::string& page : stale) std::cerr << (docs / page).string() << "\n";
  if (!stale.empty()) std::cerr << "Run charon-docgen and commit what it writes.\n";
  return stale.empty() && missing.empty() ? 0 : 1;
}

// The tiny provider as a plugin process, for process_test.

#include "provider/server/serve.h"
#include "provider/server/tiny_provider_for_test.h"

int main(int argc, char** argv) {
  return charon::server::RunPlugin(
      argc, argv,
      {.name = "tiny", .version = "1.2.3", .address = "registry.terraform.io/charon/tiny"},
      charon::server::MakeTinyRegistry);
}

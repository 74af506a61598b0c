// terraform-provider-charon: started by Terraform or OpenTofu, which talk to it over gRPC.
#include "provider/provider.h"
#include "provider/server/serve.h"

int main(int argc, char** argv) {
  return charon::server::RunPlugin(argc, argv,
                                   {.name = "charon",
                                    .version = CHARON_VERSION,
                                    .address = "registry.terraform.io/charon/charon"},
                                   charon::NewRegistry);
}

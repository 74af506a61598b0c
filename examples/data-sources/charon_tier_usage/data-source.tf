terraform {
  required_providers {
    charon = {
      source = "charon/charon"
    }
  }
}

resource "charon_tier_namespace" "immich" {
  name = "immich"
  tier = "2-gpu"
}

data "charon_tier_usage" "immich" {
  namespace = charon_tier_namespace.immich.name
}

output "left_for_immich" {
  value = data.charon_tier_usage.immich.headroom
}

check "room_for_one_more" {
  assert {
    condition = (
      provider::charon::quantity_parse(data.charon_tier_usage.immich.headroom["requests.memory"])
      >= provider::charon::quantity_parse("4Gi")
    )
    error_message = "Less than 4Gi are left: machine learning will not start beside what runs."
  }
}

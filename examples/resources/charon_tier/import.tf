import {
  to = charon_tier.batch
  id = "5-batch"
}

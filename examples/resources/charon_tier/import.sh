# By the tier's name. The PriorityClass is tier-5-batch.
terraform import charon_tier.batch 5-batch

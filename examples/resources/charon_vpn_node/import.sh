# By the node's id, or by its host name if only one node has it.
terraform import charon_vpn_node.router fw-router

variable "domain" {
  description = "Domain of the hosts, a zone at Cloudflare."
  type        = string
  default     = "example.org"
}

variable "headscale_endpoint" {
  description = "URL of the Headscale server (0.26 or newer)."
  type        = string
}

variable "headscale_api_key" {
  description = "What `headscale apikeys create` printed."
  type        = string
  sensitive   = true
}

variable "tailnet_domain" {
  description = "The server's dns.base_domain."
  type        = string
  default     = "tailnet.example.org"
}

variable "domain" {
  description = "Domain of the services' hosts."
  type        = string
  default     = "example.org"
}

variable "enabled" {
  description = "Which services run. Taking a name out removes the service; its data stays until delete_data."
  type        = set(string)
  default     = ["grafana", "redmine", "ollama", "notebook"]
}

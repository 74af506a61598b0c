// Pins the Tailscale client: the daemon and its command.
module charon.test/servers/tailscale

go 1.26.0

tool (
	tailscale.com/cmd/tailscale
	tailscale.com/cmd/tailscaled
)

require tailscale.com v1.98.10

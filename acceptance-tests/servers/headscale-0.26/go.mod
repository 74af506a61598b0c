// Pins Headscale 0.26.1.
module charon.test/servers/headscale-0.26

go 1.26.0

tool github.com/juanfont/headscale/cmd/headscale

require github.com/juanfont/headscale v0.26.1

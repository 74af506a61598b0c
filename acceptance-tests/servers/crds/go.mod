// Pins the operators whose CRDs the scenarios install. Nothing of them is compiled.
module charon.test/servers/crds

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/external-secrets/external-secrets v1.3.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	github.com/traefik/traefik/v3 v3.7.13
)

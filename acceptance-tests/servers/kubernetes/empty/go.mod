// Stands in for modules that k8s.io/kubernetes names but that nothing here compiles.
module charon.test/servers/empty

go 1.26.0

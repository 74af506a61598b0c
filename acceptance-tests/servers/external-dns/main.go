// Command external-dns does one round of external-dns, with its own TXT registry, planner and RFC 2136 provider, for what
// standard input tells instead of a Kubernetes cluster. Nothing of the other DNS services is linked into it.
//
// It prints what the registry sees, labels included, and what the planner changes, and changes it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"time"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/plan"
	"sigs.k8s.io/external-dns/provider"
	"sigs.k8s.io/external-dns/provider/rfc2136"
	"sigs.k8s.io/external-dns/registry/txt"
)

// round is the input. The names of the settings are those of external-dns' flags.
type round struct {
	Host, Zone                 string
	Port                       int
	KeyName, Secret, Algorithm string
	Owner                      string
	Prefix, Suffix, Wildcard   string
	Desired                    []*endpoint.Endpoint
}

type report struct {
	Seen                   []*endpoint.Endpoint
	Create, Update, Delete []*endpoint.Endpoint
}

func main() {
	var in round
	check(json.NewDecoder(os.Stdin).Decode(&in))
	types := []string{endpoint.RecordTypeA, endpoint.RecordTypeAAAA, endpoint.RecordTypeCNAME}
	config := &externaldns.Config{
		RFC2136Host: []string{in.Host}, RFC2136Port: in.Port, RFC2136Zone: []string{in.Zone}, RFC2136AXFR: true,
		RFC2136TSIGKeyName: in.KeyName, RFC2136TSIGSecret: in.Secret, RFC2136TSIGSecretAlg: in.Algorithm, RFC2136BatchChangeSize: 50,
		TXTOwnerID: in.Owner, TXTPrefix: in.Prefix, TXTSuffix: in.Suffix, TXTWildcardReplacement: in.Wildcard,
		ManagedDNSRecordTypes: types, Policy: "sync",
	}
	ctx := context.Background()
	zone := endpoint.NewDomainFilter([]string{in.Zone})
	server, err := rfc2136.New(ctx, config, zone)
	check(err)
	registry, err := txt.New(config, server)
	check(err)

	// As its controller does it (controller.RunOnce of v0.22).
	seen, err := registry.Records(ctx)
	check(err)
	desired, err := registry.AdjustEndpoints(in.Desired)
	check(err)
	planned := (&plan.Plan{
		Policies: []plan.Policy{plan.Policies[config.Policy]}, Current: seen, Desired: desired,
		DomainFilter: endpoint.MatchAllDomainFilters{zone, registry.GetDomainFilter()}, ManagedRecords: types,
		OwnerID: registry.OwnerID(),
	}).Calculate().Changes
	out := report{seen, planned.Create, planned.UpdateNew, planned.Delete}
	check(json.NewEncoder(os.Stdout).Encode(out))
	if !planned.HasChanges() {
		return
	}
	// What a server could not do at the moment, its next round does.
	err = registry.ApplyChanges(ctx, planned)
	for range 20 {
		if !errors.Is(err, provider.SoftError) {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = registry.ApplyChanges(ctx, planned)
	}
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

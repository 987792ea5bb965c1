package cmd

import (
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
)

// locate returns what the files say of an address, nil if there are none.
func locate(db *geoip.DB) func(netip.Addr) analysis.Location {
	if len(db.Files()) == 0 {
		return nil
	}
	return func(a netip.Addr) analysis.Location {
		p := db.Find(a)
		at := analysis.Location{Country: p.Country}
		if p.Number > 0 {
			at.Network = analysis.NetworkName(uint64(p.Number), p.Name)
		}
		return at
	}
}

// geoText says which files countries and networks are from, and how old they are.
func geoText(db *geoip.DB) string {
	var parts []string
	for _, f := range db.Files() {
		dated := "without a date"
		if !f.Dated.IsZero() {
			dated = f.Dated.Format("2006-01-02")
		}
		parts = append(parts, f.Name+" ("+f.Kind+", "+dated+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "From " + strings.Join(parts, ", ") + "."
}

// baseNames returns names without their folders.
func baseNames(paths []string) string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return strings.Join(names, ",")
}

package geoip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// mmdb is a MaxMind DB.
type mmdb struct {
	*maxminddb.Reader
	// records are those that were read lately, each at its offset modulo the length: to read
	// one takes longer than to find it. One that is there replaces another one.
	records [4096]atomic.Pointer[record]
}

// record is a record of a file.
type record struct {
	offset uintptr
	place  Place
}

func parseMMDB(data []byte) (source, File, error) {
	r, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, File{}, fmt.Errorf("opening the MaxMind DB: %w", err)
	}
	return &mmdb{Reader: r}, File{Kind: "mmdb", Dated: time.Unix(int64(min(r.Metadata.BuildEpoch, 1<<33)), 0).UTC()}, nil
}

// find implements source.
func (m *mmdb) find(a netip.Addr) Place {
	result := m.Lookup(a)
	if result.Err() != nil || !result.Found() {
		return Place{}
	}
	at := &m.records[result.Offset()%uintptr(len(m.records))]
	r := at.Load()
	if r == nil || r.offset != result.Offset() {
		r = &record{result.Offset(), read(result)}
		at.Store(r)
	}
	return r.place
}

// read reads a record. They have no common form: MaxMind nests the country, others have it
// at the top.
func read(result maxminddb.Result) (p Place) {
	for _, path := range [][]any{{"country", "iso_code"}, {"country_code"}, {"country"}} {
		if p.Country == "" {
			p.Country = country(decode(result, path...))
		}
	}
	p.Number = number(result)
	for _, path := range []string{"autonomous_system_organization", "as_name"} {
		if p.Name == "" {
			p.Name = cut(decode(result, path))
		}
	}
	return p
}

// decode returns a text, "" if the record has none there.
func decode(r maxminddb.Result, path ...any) (s string) {
	if r.DecodePath(&s, path...) != nil {
		return ""
	}
	return s
}

// number returns the number of the autonomous system, 0 if the record has none.
func number(r maxminddb.Result) (n uint32) {
	if r.DecodePath(&n, "autonomous_system_number") == nil && n > 0 {
		return n
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(decode(r, "asn"), "AS"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(v)
}

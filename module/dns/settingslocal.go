package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// recordTTL is the TTL, in seconds, of local records that name none.
const recordTTL = 3600

// maxWrongLines is how many lines of a hosts file may be unreadable before the
// file is taken for something else.
const maxWrongLines = 5

// localRecords returns what resolver.records and resolver.zone_records answer. It
// adds to problems what is wrong with them, and reads no file.
func localRecords(c *config.Resolver, problems *config.Problems) *localdata.Records {
	z := localdata.NewRecords()
	for i := range c.Records {
		localRecord(z, item("records", i), &c.Records[i], problems)
	}
	problems.Add("zone_records", z.Zone(c.ZoneRecords))
	return z
}

func localRecord(z *localdata.Records, key string, r *config.ResolverRecord, problems *config.Problems) {
	ttl := seconds(r.TTL)
	if r.TTL.D() <= 0 {
		ttl = recordTTL
	}
	if (len(r.Addresses) == 0) == (r.Alias == "") {
		problems.Addf(key, "needs either addresses or an alias")
	}
	for _, text := range r.Addresses {
		a, err := netip.ParseAddr(text)
		if err == nil {
			err = z.Address(r.Name, a.Unmap(), ttl, dnsevent.FromRecords)
		}
		problems.Add(key+".addresses", err)
	}
	if r.Alias != "" {
		problems.Add(key+".alias", z.Alias(r.Name, r.Alias, ttl))
	}
	if r.OtherTypes {
		problems.Add(key+".name", z.Open(r.Name))
	}
}

// readHosts adds the names of the hosts files to z.
func readHosts(z *localdata.Records, paths []string, problems *config.Problems) {
	for _, path := range paths {
		wrong, err := readHostsFile(z, path)
		switch {
		case err != nil:
			problems.Addf("hosts_files", "%w; correct the path or remove it", err)
		case wrong > maxWrongLines:
			problems.Addf("hosts_files", "%s: %d invalid lines; each line must be ADDRESS NAME...", path, wrong)
		}
	}
}

// checkHosts reads the hosts files and keeps nothing of them.
func checkHosts(paths []string, problems *config.Problems) {
	readHosts(localdata.NewRecords(), paths, problems)
}

// CheckHosts returns an error if resolver.hosts_files cannot have a file.
func CheckHosts(path string) error {
	var p config.Problems
	checkHosts([]string{path}, &p)
	return p.Err()
}

func readHostsFile(z *localdata.Records, path string) (wrong int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	if wrong, err = z.Hosts(f, recordTTL, false); errors.Is(err, textmark.ErrUTF16) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return wrong, errors.Join(err, f.Close())
}

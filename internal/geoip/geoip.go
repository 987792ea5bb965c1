package geoip

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
)

// Place is what is known of an address. The zero Place is that of an address of which
// nothing is.
type Place struct {
	Country string // two capital letters, "" if unknown
	Number  uint32 // of the autonomous system, 0 if unknown
	Name    string // of its organization: text from outside, MaxName bytes at most
}

// MaxName is the length of the name of an organization, in bytes.
const MaxName = 256

// File says what a file is.
type File struct {
	Name  string // without its folder
	Kind  string // "mmdb", "tor" or "csv"
	Dated time.Time
	// Ranges is the number of ranges, 0 for mmdb.
	Ranges int
}

// DB looks up addresses in files. It is immutable, and safe for concurrent use.
type DB struct {
	files   []File
	sources []source
}

// source is a file that was read.
type source interface {
	// find returns what the file says of an address.
	find(a netip.Addr) Place
}

// maxFile is how large a file may be, in bytes. MaxMind's largest has 120 MB.
const maxFile = 512 << 20

// Open reads files. It returns an error if one of them is of no kind that is known.
func Open(paths ...string) (*DB, error) {
	db := new(DB)
	for _, path := range paths {
		data, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading countries and networks: %w", err)
		}
		s, f, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("reading countries and networks from %s: %w", path, err)
		}
		f.Name = filepath.Base(path)
		db.files, db.sources = append(db.files, f), append(db.sources, s)
	}
	return db, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return data, err
}

var errEmpty = errors.New("there is no range in it")

// parse finds out what a file is.
func parse(data []byte) (source, File, error) {
	if bytes.Contains(data[max(0, len(data)-128<<10):], []byte("\xab\xcd\xefMaxMind.com")) {
		return parseMMDB(data)
	}
	return parseRanges(data)
}

// Files returns what the files are.
func (db *DB) Files() []File { return db.files }

// Find returns what the files say of an address. An invalid address has no place.
func (db *DB) Find(a netip.Addr) (p Place) {
	if a = a.Unmap().WithZone(""); !Public(a) {
		return p
	}
	return db.find(a)
}

// find returns what the files say of the address of a public host, which is not in the form
// of another family and has no zone.
func (db *DB) find(a netip.Addr) (p Place) {
	for _, s := range db.sources {
		found := s.find(a)
		p.Country, p.Number, p.Name = cmp.Or(p.Country, found.Country), cmp.Or(p.Number, found.Number), cmp.Or(p.Name, found.Name)
	}
	return p
}

// reserved are networks without public hosts that addrscope does not know, for it asks
// where an address leads to.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("2001:2::/48"),
}

// Public reports whether an address can be that of a public host, so that it is looked
// up.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return !addrscope.Private(a) && !isReserved(a)
}

func isReserved(a netip.Addr) bool {
	for i := range reserved {
		if reserved[i].Contains(a) {
			return true
		}
	}
	return false
}

// country returns a country of two capital letters, "" if it is none: files have ?? and
// ZZ for ranges that they do not know, and EU and AP for whole regions.
func country(s string) string {
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' || s == "ZZ" || s == "EU" || s == "AP" {
		return ""
	}
	return s
}

// cut returns a name of at most MaxName bytes.
func cut(s string) string { return s[:min(len(s), MaxName)] }

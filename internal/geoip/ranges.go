package geoip

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ranges are ranges of addresses, with what is known of each.
type ranges struct {
	v4     []span[uint32]
	v6     []span[[16]byte]
	places []Place
	// from has for each /16 of IPv4 how many ranges of v4 begin before it, so that few of them
	// have to be looked at for an address.
	from []uint32
}

// span is a range, both ends included.
type span[T any] struct {
	first, last T
	place       uint32 // index
}

// maxRanges bounds the memory. The largest known file has 700,000.
const maxRanges = 4_000_000

// parseRanges reads text of Tor or CSV.
func parseRanges(data []byte) (source, File, error) {
	f, r := File{Kind: "csv"}, &ranges{}
	index := map[Place]uint32{}
	s := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if strings.HasPrefix(text, "#") {
			f.Kind = "tor"
			dated(&f, text)
			continue
		}
		if text == "" || n == 1 && isHeader(text) {
			continue
		}
		if err := r.add(text, index); err != nil {
			return nil, f, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, f, err
	}
	if f.Ranges = len(r.v4) + len(r.v6); f.Ranges == 0 {
		return nil, f, errEmpty
	}
	slices.SortStableFunc(r.v4, func(a, b span[uint32]) int { return cmp.Compare(a.first, b.first) })
	slices.SortStableFunc(r.v6, func(a, b span[[16]byte]) int { return bytes.Compare(a.first[:], b.first[:]) })
	r.index()
	return r, f, nil
}

// index fills in from. It has an entry more than there are networks: all ranges.
func (r *ranges) index() {
	r.from = make([]uint32, 1<<16+1)
	i := 0
	for n := range r.from {
		for i < len(r.v4) && int(r.v4[i].first>>16) < n {
			i++
		}
		r.from[n] = uint32(i)
	}
}

// dated takes the date from a line such as "# Generated: Thu, 25 Jun 2026 04:33:59 GMT".
func dated(f *File, text string) {
	_, date, ok := strings.Cut(text, "Generated:")
	if t, err := time.Parse(time.RFC1123, strings.TrimSpace(date)); ok && err == nil {
		f.Dated = t.UTC()
	}
}

// isHeader reports whether a line names columns.
func isHeader(text string) bool {
	first, _, ok := strings.Cut(text, ",")
	_, err := address(strings.Trim(first, `"`))
	return ok && err != nil && !strings.ContainsAny(first, ".:")
}

var errForm = errors.New("not of the form FIRST,LAST,COUNTRY or FIRST,LAST,NUMBER,NAME; is it a MaxMind DB that was cut off?")

// add adds the range of a line.
func (r *ranges) add(text string, index map[Place]uint32) error {
	cells, err := split(text)
	if err != nil || len(cells) < 3 {
		return errForm
	}
	first, err := address(cells[0])
	if err != nil {
		return errForm
	}
	last, err := address(cells[1])
	if err != nil || first.Is4() != last.Is4() || last.Less(first) {
		return errForm
	}
	p, err := place(cells[2:])
	if err != nil {
		return err
	}
	i, ok := index[p]
	if !ok {
		i = uint32(len(r.places))
		index[p] = i
		r.places = append(r.places, p)
	}
	if first.Is4() {
		r.v4 = append(r.v4, span[uint32]{v4(first), v4(last), i})
	} else {
		r.v6 = append(r.v6, span[[16]byte]{first.As16(), last.As16(), i})
	}
	if len(r.v4)+len(r.v6) > maxRanges {
		return fmt.Errorf("more than %d ranges", maxRanges)
	}
	return nil
}

// split returns the cells of a line.
func split(text string) ([]string, error) {
	if strings.Contains(text, `"`) {
		return csv.NewReader(strings.NewReader(text)).Read()
	}
	return strings.Split(text, ","), nil
}

// place reads a country, or the number of an autonomous system and its name.
func place(cells []string) (p Place, err error) {
	if n, err := strconv.ParseUint(cells[0], 10, 32); err == nil {
		p.Number = uint32(n)
		if len(cells) > 1 {
			p.Name = cut(cells[1])
		}
		return p, nil
	}
	if len(cells[0]) != 2 {
		return p, errForm
	}
	p.Country = country(cells[0])
	return p, nil
}

// address reads an address, or the number of one of IPv4.
func address(s string) (netip.Addr, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), nil
	}
	a, err := netip.ParseAddr(s)
	return a.WithZone(""), err
}

// v4 returns the number of an address of IPv4.
func v4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// find implements source.
func (r *ranges) find(a netip.Addr) Place {
	index, ok := uint32(0), false
	if a.Is4() {
		n := v4(a)
		near := r.v4[max(1, r.from[n>>16])-1 : r.from[n>>16+1]] // the first may reach into the network
		index, ok = search(near, n, cmp.Compare[uint32])
	} else {
		index, ok = search(r.v6, a.As16(), func(x, y [16]byte) int { return bytes.Compare(x[:], y[:]) })
	}
	if !ok {
		return Place{}
	}
	return r.places[index]
}

// search returns the place of the range that an address is in.
func search[T any](list []span[T], a T, compare func(x, y T) int) (place uint32, ok bool) {
	i, found := slices.BinarySearchFunc(list, a, func(s span[T], a T) int { return compare(s.first, a) })
	if !found {
		i--
	}
	if i < 0 || compare(list[i].last, a) < 0 {
		return 0, false
	}
	return list[i].place, true
}

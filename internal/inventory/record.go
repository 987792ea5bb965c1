package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A record is one qube as text, regardless of the format. "" and "-" mean none.
type record struct {
	line int
	path string

	name, class, state, label, netvm, template, uuid string
	ip, ip6, provides, xid, stub, exit, tags         string
}

// A check parses part of a record into a qube. All checks run, so that all problems are reported at once.
type check func(r *record, q *qube.Qube) error

// checks returns the checks in the order in which their problems are listed.
func checks() []check {
	return []check{
		checkName, checkClass, checkState, checkLabel, checkNetVM, checkTemplate, checkIP, checkIP6,
		checkProvidesNetwork, checkXID, checkStub, checkUUID, checkExit, checkTags,
	}
}

// none reports whether text means none, as dom0 writes it.
func none(text string) bool { return text == "" || text == "-" }

// optional stores text unless it means none, or returns the error of valid.
func optional(text string, to *string, valid func(string) error) error {
	if none(text) {
		return nil
	}

	if err := valid(text); err != nil {
		return err
	}

	*to = text
	return nil
}

func checkName(r *record, q *qube.Qube) error {
	if none(r.name) {
		return errors.New("the qube has no name: give it one")
	}
	return optional(r.name, &q.Name, qube.ValidName)
}

func checkClass(r *record, q *qube.Qube) error { return optional(r.class, &q.Class, qube.ValidClass) }

func checkState(r *record, q *qube.Qube) error { return optional(r.state, &q.State, qube.ValidState) }

func checkLabel(r *record, q *qube.Qube) error { return optional(r.label, &q.Label, qube.ValidLabel) }

func checkNetVM(r *record, q *qube.Qube) error {
	if err := optional(r.netvm, &q.NetVM, qube.ValidName); err != nil {
		return fmt.Errorf("netvm: %w", err)
	}
	return nil
}

func checkTemplate(r *record, q *qube.Qube) error {
	if err := optional(r.template, &q.Template, qube.ValidName); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	return nil
}

func checkProvidesNetwork(r *record, q *qube.Qube) error {
	q.ProvidesNetwork = strings.EqualFold(r.provides, "True")
	if none(r.provides) || q.ProvidesNetwork || strings.EqualFold(r.provides, "False") {
		return nil
	}
	return fmt.Errorf("provides_network is %.40q: write True, False or -", r.provides)
}

func checkXID(r *record, q *qube.Qube) (err error) {
	q.XID, err = domainID("xid", r.xid, qube.NoDomain)
	return err
}

// checkStub parses the domain id of the stub domain.
func checkStub(r *record, q *qube.Qube) (err error) {
	q.StubXID, err = domainID("stubdom_xid", r.stub, 0)
	return err
}

// domainID parses a Xen domain id. It returns absent if there is none.
func domainID(name, text string, absent int32) (int32, error) {
	if none(text) || text == "-1" {
		return absent, nil
	}

	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 0 || id > qube.MaxDomain {
		return absent, fmt.Errorf("%s is %.40q: write a number from 0 to %d, or -1 for none", name, text, qube.MaxDomain)
	}
	return int32(id), nil
}

func checkIP(r *record, q *qube.Qube) (err error) {
	q.IP, err = address("ip", r.ip)
	if err == nil && q.IP.Is6() {
		q.IP, err = netip.Addr{}, fmt.Errorf("ip is the IPv6 address %s: write it as ip6", q.IP)
	}
	return err
}

func checkIP6(r *record, q *qube.Qube) (err error) {
	q.IP6, err = address("ip6", r.ip6)
	if err == nil && (q.IP6.Is4() || q.IP6.Is4In6()) {
		q.IP6, err = netip.Addr{}, fmt.Errorf("ip6 is the IPv4 address %s: write it as ip", q.IP6.Unmap())
	}
	return err
}

// address parses an address that a qube can have. It returns the zero Addr if there is none.
func address(key, text string) (netip.Addr, error) {
	if none(text) {
		return netip.Addr{}, nil
	}

	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s is %.60q, which is not an address: write one without prefix length and "+
			"zone, or - for none", key, text)
	}

	if addr.IsUnspecified() || addr.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%s is %s, which no qube can have: write the address of the qube, or - for none",
			key, addr)
	}
	return addr, nil
}

func checkUUID(r *record, q *qube.Qube) error {
	if none(r.uuid) {
		return nil
	}

	if !isUUID(r.uuid) {
		return fmt.Errorf("uuid is %.60q: write it as 8-4-4-4-12 hexadecimal digits, or - for none", r.uuid)
	}

	q.UUID = strings.ToLower(r.uuid)
	return nil
}

// isUUID reports whether text has the form in which dom0 prints UUIDs.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}

	for i := range len(text) {
		isDash := i == 8 || i == 13 || i == 18 || i == 23
		if isDash != (text[i] == '-') || !isDash && !strings.Contains("0123456789abcdefABCDEF", text[i:i+1]) {
			return false
		}
	}
	return true
}

// checkExit takes the words that dom0 derives from the tags anon-gateway and anon-vm.
func checkExit(r *record, q *qube.Qube) error {
	return optional(r.exit, &q.Exit, func(text string) error {
		if text != "tor" && text != "anon" {
			return fmt.Errorf("exit %.40q is neither tor nor anon: update qubesbeat, or use the script that came with it", text)
		}
		return nil
	})
}

func checkTags(r *record, q *qube.Qube) error {
	if none(r.tags) {
		return nil
	}

	tags := strings.Split(r.tags, ",")
	for _, tag := range tags {
		if err := validTag(tag); err != nil {
			return err
		}
	}

	slices.Sort(tags)
	q.Tags = slices.Compact(tags)
	return nil
}

// validTag returns an error if tag could not be separated from its surroundings. It accepts more than dom0's own rule,
// which differs between releases.
func validTag(tag string) error {
	for i := range len(tag) {
		if c := tag[i]; c <= ' ' || c > '~' || strings.IndexByte("<>|,", c) >= 0 {
			return fmt.Errorf("tag %.60q has an invalid character: remove it (qvm-ls before 4.2.11 "+
				"cannot print TAGS, leave that column out there)", tag)
		}
	}

	if tag == "" {
		return errors.New("one of the tags is empty: remove it")
	}
	return nil
}

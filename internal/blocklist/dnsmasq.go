package blocklist

import (
	"net/netip"
	"strings"
)

// dnsmasq reads a setting of dnsmasq(8), such as address=/a/b/ADDRESS, which stands
// for the names and all names below them. Most settings do not block: a server or a
// real address for a name is the opposite.
func (p *parser) dnsmasq(line []byte) error {
	key, value, _ := strings.Cut(strings.TrimPrefix(string(line), "--"), "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case key == "address" && strings.HasPrefix(value, "/"):
		return p.domains(line, value, addressMeaning)
	case (key == "server" || key == "local") && strings.HasPrefix(value, "/"):
		return p.domains(line, value, serverMeaning)
	case dnsmasqSetting(key):
		return p.skip(line, skipSetting)
	}
	return p.fields(line)
}

// domains reads /a/b/TARGET. meaning says what the target does to the names.
func (p *parser) domains(line []byte, value string, meaning func(target string) (skip, fault string)) error {
	end := strings.LastIndexByte(value, '/')
	if end == 0 {
		return p.fault(line, "a name needs a / at both ends")
	}
	skip, fault := meaning(strings.TrimSpace(value[end+1:]))
	switch {
	case fault != "":
		return p.fault(line, fault)
	}
	for name := range strings.SplitSeq(value[1:end], "/") {
		if name == "" { // stands for all names without a dot
			_ = p.skip(line, skipSetting)
			continue
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, "*"), ".")
		var err error
		if skip != "" {
			err = p.except([]byte(name), line, Tree, skip)
		} else {
			err = p.addTree([]byte(name), false, line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addressMeaning says what the address of a name means: nothing, # and the null
// addresses block it.
func addressMeaning(target string) (skip, fault string) {
	a, err := netip.ParseAddr(target)
	switch {
	case target == "" || target == "#" || err == nil && null(a):
		return "", ""
	case err != nil:
		return "", "neither an address nor # after the names"
	}
	return skipAddress, ""
}

// serverMeaning says what the server for a name means. Without one the name is
// known from local files only, which blocks it; # are the standard servers.
func serverMeaning(target string) (skip, fault string) {
	if target == "" {
		return "", ""
	}
	return skipServer, ""
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

// null reports whether a name with this address is blocked: the address leads
// nowhere or to the client itself.
func null(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsUnspecified() || a.IsLoopback() || thisNetwork.Contains(a) || a == broadcast
}

// dnsmasqKeys are the settings of dnsmasq that configurations have beside those for
// names.
var dnsmasqKeys = func() map[string]bool {
	keys := map[string]bool{}
	for _, key := range strings.Fields(`server local address rev-server ipset nftset rebind-domain-ok host-record
		dynamic-host cname ptr-record txt-record srv-host mx-host mx-target naptr-record caa-record dns-rr alias
		bogus-nxdomain ignore-address interface-name interface except-interface listen-address port conf-file conf-dir
		conf-script addn-hosts hostsdir resolv-file servers-file cache-size min-cache-ttl max-cache-ttl max-ttl
		local-ttl neg-ttl auth-ttl edns-packet-max query-port domain synth-domain user group pid-file log-facility
		log-queries trust-anchor connmark-allowlist`) {
		keys[key] = true
	}
	return keys
}()

// dnsmasqSetting reports whether a word is the name of a setting of dnsmasq.
func dnsmasqSetting(key string) bool {
	return dnsmasqKeys[key] || strings.HasPrefix(key, "dhcp-") || strings.HasPrefix(key, "auth-")
}

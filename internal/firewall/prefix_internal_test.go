package firewall

import "testing"

// TestCase_log_prefix asks the words of a prefix, not its letters.
func TestCase_log_prefix(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]bool{
		"":                          false,
		"DROP: ":                    false,
		"[UFW BLOCK] ":              false,
		"[UFW ALLOW] ":              true,
		"[UFW AUDIT] ":              true,
		"[UFW AUDIT INVALID] ":      true,
		"[UFW LIMIT BLOCK] ":        false,
		"Shorewall:net-fw:DROP:":    false,
		"Shorewall:loc-net:ACCEPT:": true,
		"filter_IN_public_REJECT: ": false,
		"FINAL_REJECT: ":            false,
		"iptables denied: ":         false,
		"IPTables-Dropped: ":        false,
		"nft accepted: ":            true,
		"accepted-list drop ":       false,
		"ACCEPT-LIST-DROP ":         false,
		"BYPASS ":                   false,
		"password guess ":           false,
		"compass: ":                 false,
		"backdrop allow ":           true,
		"not allowed: ":             false,
		"no-drop ":                  true,
		"never_accept":              false,
		"TRACE: filter:INPUT:rule":  true,
		"traces: ":                  false,
		"nf_ct_tcp: ":               true,
		"audited":                   true,
		"permit.":                   true,
	} {
		if got := isAccepting(prefix); got != want {
			t.Errorf("isAccepting(%q) = %v; want %v", prefix, got, want)
		}
	}
}

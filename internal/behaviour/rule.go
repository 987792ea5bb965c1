package behaviour

// Version is that of the rules and their thresholds.
const Version = "1"

// Rule identifies a detector.
type Rule uint8

// The rules.
const (
	Beacon Rule = iota
	DNSTunnel
	DGA
	FirstSeen
	LongConnection
	Upload
	Lateral
	Scan
	DNSBypass
	TLSOdd
	DirectIP
	OddPort
	OddHours
	ICMPTunnel
	Rules // their number
)

// Description says what a rule is, as events have it.
type Description struct {
	ID, Name, Category string
	Text               string
	Tactic             [2]string // id and name of ATT&CK
	Technique          [2]string
	Subtechnique       [2]string // empty if there is none
}

var (
	commandAndControl = [2]string{"TA0011", "Command and Control"}
	exfiltration      = [2]string{"TA0010", "Exfiltration"}
	discovery         = [2]string{"TA0007", "Discovery"}
	lateralMovement   = [2]string{"TA0008", "Lateral Movement"}
	applicationLayer  = [2]string{"T1071", "Application Layer Protocol"}
	overDNS           = [2]string{"T1071.004", "DNS"}
	tunneling         = [2]string{"T1572", "Protocol Tunneling"}
	nonStandardPort   = [2]string{"T1571", "Non-Standard Port"}
)

var descriptions = [Rules]Description{
	Beacon: {ID: "beacon", Name: "Periodic contact", Category: "timing", Tactic: commandAndControl, Technique: applicationLayer,
		Text: "the qube contacts a destination at intervals that are too regular for chance"},
	DNSTunnel: {ID: "dns-tunnel", Name: "Data in DNS names", Category: "dns", Tactic: commandAndControl, Technique: applicationLayer, Subtechnique: overDNS,
		Text: "the names that the qube asks for below one domain carry data"},
	DGA: {ID: "dga", Name: "Generated domains", Category: "dns", Tactic: commandAndControl, Technique: [2]string{"T1568", "Dynamic Resolution"},
		Subtechnique: [2]string{"T1568.002", "Domain Generation Algorithms"}, Text: "the qube asks for domains that look generated"},
	FirstSeen: {ID: "first-seen", Name: "First contact", Category: "baseline", Tactic: commandAndControl, Technique: applicationLayer,
		Text: "the qube uses something for the first time that it would have used before if it was usual"},
	LongConnection: {ID: "long-connection", Name: "Long connection", Category: "volume", Tactic: commandAndControl, Technique: tunneling,
		Text: "a connection lives much longer than is usual for the qube"},
	Upload: {ID: "upload", Name: "Upload", Category: "volume", Tactic: exfiltration, Technique: [2]string{"T1041", "Exfiltration Over C2 Channel"},
		Text: "the qube sends much more than it receives"},
	Lateral: {ID: "lateral", Name: "Contact with a neighbour", Category: "contact", Tactic: lateralMovement,
		Technique: [2]string{"T1210", "Exploitation of Remote Services"}, Text: "the qube contacts another qube, a netvm or the local network, or tries to log in again and again"},
	Scan: {ID: "scan", Name: "Scan", Category: "contact", Tactic: discovery, Technique: [2]string{"T1046", "Network Service Discovery"},
		Text: "most of the hosts or ports that the qube contacts do not answer"},
	DNSBypass: {ID: "dns-bypass", Name: "DNS around the resolver", Category: "dns", Tactic: commandAndControl, Technique: tunneling,
		Text: "the qube resolves names without the resolver"},
	TLSOdd: {ID: "tls-odd", Name: "Odd TLS", Category: "tls", Tactic: commandAndControl, Technique: [2]string{"T1573", "Encrypted Channel"},
		Subtechnique: [2]string{"T1573.002", "Asymmetric Cryptography"}, Text: "a TLS client says something that the system's clients do not"},
	DirectIP: {ID: "direct-ip", Name: "Contact by address", Category: "contact", Tactic: commandAndControl, Technique: [2]string{"T1095", "Non-Application Layer Protocol"},
		Text: "the qube talks to an address that it has not resolved, which it hardly ever does"},
	OddPort: {ID: "odd-port", Name: "Protocol on an unusual port", Category: "contact", Tactic: commandAndControl, Technique: nonStandardPort,
		Text: "the qube uses a port that it has not used before"},
	OddHours: {ID: "odd-hours", Name: "Unusual hour", Category: "baseline", Tactic: exfiltration, Technique: [2]string{"T1029", "Scheduled Transfer"},
		Text: "the qube is active at an hour of the week at which it never is"},
	ICMPTunnel: {ID: "icmp-tunnel", Name: "Data in ICMP", Category: "volume", Tactic: commandAndControl, Technique: [2]string{"T1095", "Non-Application Layer Protocol"},
		Text: "echo requests carry data"},
}

// Description returns what a rule is.
func (r Rule) Description() Description { return descriptions[min(r, Rules-1)] }

// String returns the id of a rule, which is also event.action.
func (r Rule) String() string { return descriptions[min(r, Rules-1)].ID }

// ParseRule returns the rule with an id, and whether there is one.
func ParseRule(id string) (Rule, bool) {
	for r := range Rules {
		if descriptions[r].ID == id {
			return r, true
		}
	}
	return Rules, false
}

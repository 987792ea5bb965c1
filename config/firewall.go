package config

// Firewall describes where firewall verdicts come from.
type Firewall struct {
	// Enabled turns the events of refused connection attempts on. Default false.
	Enabled bool `config:"enabled"`
	// NFLogGroup is the netlink group that the rules of `qubesbeat qubes apply` log
	// to. Default 53; 0 for none.
	NFLogGroup uint16 `config:"nflog_group"`
	// KernelLog reads /dev/kmsg, for LOG rules of the user. Default false.
	KernelLog bool `config:"kernel_log"`
	// LogFiles are files with the same lines, followed from their end. Empty, the
	// default, for none.
	LogFiles []string `config:"log_files"`
	// ICMPErrors derives verdicts from the ICMP errors on the vifs if the rules of
	// `qubesbeat qubes apply` are absent. Default true.
	ICMPErrors bool `config:"icmp_errors"`
}

// Group returns the NFLOG group to read, 0 for none.
func (f *Firewall) Group() uint16 {
	if !f.Enabled {
		return 0
	}
	return f.NFLogGroup
}

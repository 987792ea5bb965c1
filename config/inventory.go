package config

// Inventory describes where the names of the qubes come from.
type Inventory struct {
	// File holds the names. Empty, the default, for none; with Qrexec.Enabled,
	// inventory.json in path.data.
	File string `config:"file"`
	// Fields are the columns of a list without a #fields line. Empty, the default,
	// for lists that have one, or whose form says what they hold.
	Fields []string `config:"fields"`
	// Hold is how long a flow of an unknown client on a vif waits for dom0's push.
	// Default 3s; 0 or negative for not at all.
	Hold Duration `config:"hold"`
	// Qrexec is the service that dom0 calls.
	Qrexec Qrexec `config:"qrexec"`
}

// Qrexec is a service that dom0 calls: qubesbeat.Inventory, by which it pushes the inventory
// into the file, or qubesbeat.Verify, by which it announces probes.
type Qrexec struct {
	// Enabled makes the beat answer the service. Default false.
	Enabled bool `config:"enabled"`
	// Socket is the path of its socket, default /run/qubesbeat/inventory.sock or probes.sock.
	Socket string `config:"socket"`
	// Group may use the socket if it exists: that of qrexec-agent, by default qubes.
	Group string `config:"group"`
}

package config

// Flows holds the settings of the flow table and of its events.
type Flows struct {
	// Enabled turns metering on. Default true; under a packetbeat root, false if the
	// section is absent.
	Enabled bool `config:"enabled"`
	// Timeout ends a flow that had no packet for that long. Default 30s, at least 1s.
	Timeout Duration `config:"timeout"`
	// Period is the time between interim reports of a flow with new packets. Default
	// 10s, at least 1s; 0 or negative for final reports only.
	Period Duration `config:"period"`
	// ActiveTimeout ends the record of a flow that lives longer; the flow goes on in a
	// new record. Default 30m, at least 1s; 0 or negative for never.
	ActiveTimeout Duration `config:"active_timeout"`
	// MaxFlows bounds the flow table, in flows of 214 bytes. Default 500000, 1 to
	// 100000000.
	MaxFlows int `config:"max_flows"`
	// Delta makes each report count since the one before. Default false: since the
	// beginning of the flow.
	Delta bool `config:"enable_delta_flow_reports"`
	// KeepNull keeps empty values in the flow events, as for every libbeat input.
	// Default false.
	KeepNull bool `config:"keep_null"`
	// AllowMismatchedEth is accepted for packetbeat's sake and changes nothing: MAC
	// addresses are never part of a flow's key.
	AllowMismatchedEth bool `config:"allow_mismatched_eth"`
	// ServerNames reads the server's name, the protocols and the fingerprint from the
	// first packet of TLS and QUIC clients. Default true.
	ServerNames bool `config:"server_names"`
	// Index is where the output puts the flow events. Empty, the default, for the
	// index of the output.
	Index string `config:"index"`
}

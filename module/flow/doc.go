// Package flow turns metered flows into documents: the field names and types of
// packetbeat's flow events, and the qubes behind them. Its _meta folder holds
// the field definitions and the part of the reference configuration that
// belongs to it.
package flow

// Package flow turns metered flows into documents with the field names and types of
// packetbeat's flow events, and the qubes of both endpoints. Its _meta folder holds the
// field definitions and its part of the reference configuration.
package flow

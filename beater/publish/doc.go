// Package publish brings documents into libbeat's pipeline and safely through its
// shutdown: clients that count what the output has acknowledged, a codec for documents
// that write themselves, and a pipeline that drains before it is closed.
package publish

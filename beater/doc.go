// Package beater is the adapter between libbeat and the rest: it reads the
// settings, builds the tasks, hands documents to libbeat's pipeline and brings
// them safely through the shutdown. Only this package and cmd import libbeat.
package beater

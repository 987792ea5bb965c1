// Package mapping makes the events of the analyzers fit the types that the index
// template gives to their fields, so that nothing in a packet can make Elasticsearch
// refuse an event or fill an index with fields.
//
// The values of an analyzer come from the network: an address may be any text, a list
// of headers has any names. What does not fit its field, and what has no field, moves to
// transaction.other, which is one field with any number of names below it (flattened).
package mapping

package localdata

import (
	"bytes"
	"errors"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// maxRecords bounds the records of a name, which are searched one by one, and
// maxBytes what they take in a message, which has room for 64 KB in all.
const (
	maxRecords = 1024
	maxBytes   = 48 << 10
)

// errFull is the error of more records than fit into an answer.
var errFull = errors.New("more records of one name than an answer can hold (1024, and 48 KiB)")

// put adds a record to a name, unless the name has it already: no two records of a
// set are the same (RFC 2181 section 5). The lower TTL applies then.
func (n *name) put(r Record) error {
	size := 0
	for i := range n.records {
		have := &n.records[i]
		if have.Type == r.Type && sameData(r.Type, have.Data, r.Data) {
			have.TTL = min(have.TTL, r.TTL)
			return nil
		}
		size += recordHead + len(have.Data)
	}
	if len(n.records) >= maxRecords || size+recordHead+len(r.Data) > maxBytes {
		return errFull
	}
	n.records = append(n.records, r)
	return nil
}

// recordHead is the size of a record in a message without its data, with an owner
// that points to the question, in bytes.
const recordHead = 12

// sameData reports whether the data of two records of a type are the same. In names,
// letters of either case are.
func sameData(t dnsmsg.Type, a, b []byte) bool {
	if t == dnsmsg.TypeCNAME || t == dnsmsg.TypePTR {
		return dnsmsg.EqualFold(a, b)
	}
	return bytes.Equal(a, b)
}

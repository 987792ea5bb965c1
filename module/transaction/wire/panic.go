package wire

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Panic is a call of an analyzer that panicked.
type Panic struct {
	Protocol string
	guard.Caught
}

// PartOf returns the name of the part that the analyzer of a protocol is.
func PartOf(protocol string) string { return "transactions/" + protocol }

// The bounds of a Panic. What is longer is cut: a guard keeps 4 KiB of an input, and 512
// bytes of a value.
const (
	maxProtocol = 32
	hashLength  = 12
	maxValue    = 512
	maxStack    = 16 << 10
	maxInput    = 4 << 10
)

// AppendPanic appends the encoding of a panic to b: five texts, each after its length.
func AppendPanic(b []byte, p *Panic) []byte {
	b = appendText(b, p.Protocol, maxProtocol)
	b = appendText(b, p.Hash, hashLength)
	b = appendText(b, p.Value, maxValue)
	b = appendText(b, p.Stack, maxStack)
	return appendText(b, string(p.Input), maxInput)
}

func appendText(b []byte, s string, most int) []byte {
	s = s[:min(len(s), most)]
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(s))), s...)
}

// ParsePanic decodes a panic, whose input is a part of b. The error is [ErrDamaged].
func ParsePanic(b []byte) (p Panic, err error) {
	var protocol, hash, value, stack []byte
	for _, f := range []struct {
		text *[]byte
		most int
	}{{&protocol, maxProtocol}, {&hash, hashLength}, {&value, maxValue}, {&stack, maxStack}, {&p.Input, maxInput}} {
		var ok bool
		if *f.text, b, ok = cutText(b, f.most); !ok {
			return Panic{}, ErrDamaged
		}
	}
	if len(b) > 0 || len(protocol) == 0 || !isHash(hash) {
		return Panic{}, ErrDamaged
	}
	p.Protocol, p.Hash, p.Value, p.Stack = string(protocol), string(hash), string(value), string(stack)
	return p, nil
}

// cutText returns the first text of b, nil if it is empty, and what follows.
func cutText(b []byte, most int) (text, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	if b = b[2:]; n > most || n > len(b) {
		return nil, nil, false
	}
	if n == 0 {
		return nil, b, true
	}
	return b[:n:n], b[n:], true
}

// isHash reports whether b is the hash of a stack. It becomes a part of a file's name.
func isHash(b []byte) bool {
	_, err := hex.DecodeString(string(b))
	return err == nil && len(b) == hashLength
}

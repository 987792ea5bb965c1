package event

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"sync"
)

// Identity collects what distinguishes an event from all others. The zero value is
// ready for use. It is not safe for concurrent use.
type Identity struct{ parts []byte }

// Text adds a text.
func (i *Identity) Text(s string) {
	i.parts = binary.AppendUvarint(i.parts, uint64(len(s)))
	i.parts = append(i.parts, s...)
}

// Bytes adds bytes whose number is always the same, such as an address.
func (i *Identity) Bytes(b []byte) { i.parts = append(i.parts, b...) }

// Number adds a number, such as a time in nanoseconds.
func (i *Identity) Number(n int64) { i.parts = binary.LittleEndian.AppendUint64(i.parts, uint64(n)) }

// AddrPort adds an address and a port.
func (i *Identity) AddrPort(a netip.AddrPort) {
	i.parts = a.Addr().AppendTo(i.parts)
	i.Number(int64(a.Port()))
}

// Reset forgets all parts and keeps the memory.
func (i *Identity) Reset() { i.parts = i.parts[:0] }

// String returns the identity: 22 characters of the URL alphabet of base64. It is the
// first half of the parts' SHA-256, so that no client can make its event replace that of
// another.
func (i *Identity) String() string {
	sum := sha256.Sum256(i.parts)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// identities are those that are not in use.
var identities = sync.Pool{New: func() any { return new(Identity) }}

// IdentityOf returns the identity of a document of a sensor. It is safe for concurrent
// use.
func IdentityOf(d Document, sensor string) string {
	id := identities.Get().(*Identity)
	id.Text(sensor)
	d.Identify(id)
	text := id.String()
	id.Reset()
	identities.Put(id)
	return text
}

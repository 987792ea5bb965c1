package flow

import (
	"reflect"
	"testing"
)

// TestKey_equal tells keys apart that differ in one byte, as == does.
func TestKey_equal(t *testing.T) {
	t.Parallel()
	one := Key{A: [16]byte{1}, B: [16]byte{2}, APort: 3, BPort: 4, VLAN: [2]uint16{5, 6}, Iface: 7, Tunnel: 8, Proto: 9, Family: 4, VLANs: 2}
	same := one
	if !one.equal(&same) {
		t.Error("a key differs from its copy")
	}
	for i := range reflect.TypeFor[Key]().NumField() {
		field := reflect.TypeFor[Key]().Field(i)
		if field.Name == "_" {
			continue
		}
		for at := range field.Type.Size() {
			other := one
			b := reflect.ValueOf(&other).Elem().Field(i)
			switch b.Kind() {
			case reflect.Array:
				element := b.Index(int(at / field.Type.Elem().Size()))
				element.SetUint(element.Uint() ^ 1<<(8*(at%field.Type.Elem().Size())))
			default:
				b.SetUint(b.Uint() ^ 1<<(8*at))
			}
			if other == one || one.equal(&other) {
				t.Errorf("byte %d of %s makes no difference", at, field.Name)
			}
		}
	}
}

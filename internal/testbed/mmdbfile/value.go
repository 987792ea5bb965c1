package mmdbfile

import "encoding/binary"

// Map has names and values in turn. A value is a string of less than 285 bytes, a uint16,
// uint32 or uint64, a list of strings, or a Map.
type Map []any

// encode returns a value as the format has it. It panics if there is no such value.
func encode(v any) []byte {
	switch v := v.(type) {
	case string:
		if len(v) >= 29 {
			return append([]byte{2<<5 | 29, byte(len(v) - 29)}, v...)
		}
		return append([]byte{2<<5 | byte(len(v))}, v...)
	case uint16:
		return binary.BigEndian.AppendUint16([]byte{5<<5 | 2}, v)
	case uint32:
		return binary.BigEndian.AppendUint32([]byte{6<<5 | 4}, v)
	case uint64:
		return binary.BigEndian.AppendUint64([]byte{8, 2}, v)
	case []string:
		out := []byte{byte(len(v)), 4}
		for _, s := range v {
			out = append(out, encode(s)...)
		}
		return out
	case Map:
		out := []byte{7<<5 | byte(len(v)/2)}
		for _, part := range v {
			out = append(out, encode(part)...)
		}
		return out
	}
	panic("mmdbfile: a type that is not needed")
}

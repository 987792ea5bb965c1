package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A member is a value in a JSON text, with its key if it is in an object.
type member struct {
	key    string
	value  []byte
	offset int // of the value in the whole text
}

// A jsonField is a key that an object may have, the type of its value in words, and the function that stores the value.
type jsonField struct {
	key, kind string
	store     func(value []byte) error
}

// into returns a function that stores a value in to, or leaves to unchanged if the type is wrong: encoding/json alone
// would store parts of it.
func into[T any](to *T) func([]byte) error {
	return func(value []byte) error {
		var decoded T
		if err := json.Unmarshal(value, &decoded); err != nil {
			return err
		}

		*to = decoded
		return nil
	}
}

// A fault is an error at an offset of a JSON text.
type fault struct {
	offset int
	err    error
}

// readObject stores the values of an object in fields. It returns the values by key and a fault for every unknown key and
// every value of a wrong type, and stops after maxProblems of them. The text must be valid JSON.
func readObject(object member, fields []jsonField) (values map[string]member, faults []fault) {
	values = make(map[string]member, len(fields))
	err := eachMember(object, func(m member) bool {
		if err := decodeField(m, fields, values); err != nil {
			faults = append(faults, fault{m.offset, err})
		}

		values[m.key] = m
		return len(faults) < maxProblems
	})
	if err != nil {
		faults = append(faults, fault{object.offset, err})
	}
	return values, faults
}

// decodeField stores one value in the field that it belongs to.
func decodeField(m member, fields []jsonField, seen map[string]member) error {
	i := slices.IndexFunc(fields, func(f jsonField) bool { return f.key == m.key })
	if i < 0 {
		return fmt.Errorf("unknown key %.40q: did you mean %q?", m.key, nearest(m.key, keys(fields)))
	}

	if _, twice := seen[m.key]; twice {
		return fmt.Errorf("key %q is given twice: remove one of them", m.key)
	}

	if err := fields[i].store(m.value); err != nil {
		return fmt.Errorf("%q must be %s, not %.40s", m.key, fields[i].kind, m.value)
	}
	return nil
}

// keys returns the keys of fields.
func keys(fields []jsonField) (all []string) {
	for _, f := range fields {
		all = append(all, f.key)
	}
	return all
}

// eachMember calls f with what is inside an object until f returns false, in its order and with every repetition:
// encoding/json itself would let the last one win and would ignore letter case.
func eachMember(object member, f func(member) bool) error {
	dec, err := enter(object, '{', "an object, in {}")
	if err != nil {
		return err
	}

	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}

		m, err := nextValue(dec, object.offset)
		if err != nil {
			return err
		}

		m.key, _ = key.(string)
		if !f(m) {
			break
		}
	}
	return nil
}

// eachElement calls f with what is inside an array until f returns false.
func eachElement(array member, f func(member) bool) error {
	dec, err := enter(array, '[', "a list, in []")
	if err != nil {
		return err
	}

	for dec.More() {
		m, err := nextValue(dec, array.offset)
		if err != nil {
			return err
		}

		if !f(m) {
			break
		}
	}
	return nil
}

// enter returns a decoder that stands behind the opening delimiter.
func enter(m member, opening json.Delim, kind string) (*json.Decoder, error) {
	dec := json.NewDecoder(bytes.NewReader(m.value))
	if first, err := dec.Token(); err != nil || first != opening {
		return nil, errors.New("this must be " + kind)
	}
	return dec, nil
}

// nextValue returns the next value. base is the offset of the decoder's text in the whole one.
func nextValue(dec *json.Decoder, base int) (member, error) {
	var value json.RawMessage
	if err := dec.Decode(&value); err != nil {
		return member{}, err
	}
	return member{value: value, offset: base + int(dec.InputOffset()) - len(value)}, nil
}

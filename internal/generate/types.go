package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fieldTypes returns the types of all fields, packetbeat's and ours, a line each: the
// type and the name. Wildcards, aliases and fields below flattened ones are left out.
func fieldTypes(libbeat string) ([]byte, error) {
	types, err := allTypes(libbeat)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if kind := types[name]; kind != "alias" && kind != "group" && !strings.Contains(name, "*") && !belowFlattened(name, types) {
			fmt.Fprintf(&out, "%s %s\n", kind, name)
		}
	}
	return out.Bytes(), nil
}

// allTypes returns the types of all fields, packetbeat's and ours, by name.
func allTypes(libbeat string) (map[string]string, error) {
	types, err := packetbeatFields(libbeat)
	if err != nil {
		return nil, err
	}
	for _, file := range fieldFiles() {
		sections, err := readFields(file)
		if err != nil {
			return nil, err
		}
		for i := range sections {
			flatten("", sections[i].Fields, func(name string, f *field) { types[name] = f.Type })
		}
	}
	return types, nil
}

func belowFlattened(name string, types map[string]string) bool {
	for i, c := range name {
		if c == '.' && types[name[:i]] == "flattened" {
			return true
		}
	}
	return false
}

package analyzer

import (
	"reflect"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"
	"github.com/elastic/elastic-agent-libs/logp"
)

// sizeOf returns how many bytes are reachable from an analyzer's state of one
// connection, by reflection: the types are not exported. What belongs to the
// analyzer itself is not counted.
func sizeOf(v any) int {
	if v == nil {
		return 0
	}
	s := sizer{seen: map[uintptr]bool{}}
	s.add(reflect.ValueOf(v))
	if s.steps > maxSteps {
		return max(s.bytes, hugeSize)
	}
	return s.bytes
}

type sizer struct {
	seen  map[uintptr]bool
	bytes int
	steps int
}

// maxSteps bounds the walk. State with more parts is charged with hugeSize bytes,
// so that its connection is ended first.
const (
	maxSteps = 1 << 16
	hugeSize = 64 << 20
)

var (
	pluginType  = reflect.TypeFor[protos.Plugin]()
	foreignType = map[reflect.Type]bool{
		reflect.TypeFor[common.Cache](): true, reflect.TypeFor[logp.Logger](): true,
		reflect.TypeFor[time.Timer](): true, reflect.TypeFor[time.Location](): true,
	}
)

// add counts what v points to; v itself is counted by its container.
func (s *sizer) add(v reflect.Value) {
	if s.steps++; s.steps > maxSteps {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		s.pointer(v)
	case reflect.Interface:
		if !v.IsNil() {
			s.boxed(v.Elem())
		}
	case reflect.String:
		s.bytes += v.Len()
	case reflect.Slice:
		s.slice(v)
	case reflect.Array:
		s.elements(v)
	case reflect.Struct:
		for i := range v.NumField() {
			s.add(v.Field(i))
		}
	case reflect.Map:
		s.mapEntries(v)
	}
}

func (s *sizer) pointer(v reflect.Value) {
	if v.IsNil() || s.seen[v.Pointer()] || foreignType[v.Type().Elem()] || v.Type().Implements(pluginType) {
		return
	}
	s.seen[v.Pointer()] = true
	s.bytes += int(v.Type().Elem().Size())
	s.add(v.Elem())
}

// boxed counts the value in an interface, which is on the heap unless it is a
// pointer.
func (s *sizer) boxed(v reflect.Value) {
	if v.Kind() != reflect.Pointer {
		s.bytes += int(v.Type().Size())
	}
	s.add(v)
}

func (s *sizer) slice(v reflect.Value) {
	if v.IsNil() || s.seen[v.Pointer()] {
		return
	}
	s.seen[v.Pointer()] = true
	s.bytes += v.Cap() * int(v.Type().Elem().Size())
	s.elements(v)
}

func (s *sizer) elements(v reflect.Value) {
	if flat(v.Type().Elem().Kind()) {
		return
	}
	for i := range v.Len() {
		s.add(v.Index(i))
	}
}

func (s *sizer) mapEntries(v reflect.Value) {
	if v.IsNil() || s.seen[v.Pointer()] {
		return
	}
	s.seen[v.Pointer()] = true
	t := v.Type()
	s.bytes += v.Len() * int(t.Key().Size()+t.Elem().Size()+8) * 2 // about half of the slots are empty
	for i := v.MapRange(); i.Next(); {
		s.add(i.Key())
		s.add(i.Value())
	}
}

// flat reports whether values of a kind contain no pointers.
func flat(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128
}

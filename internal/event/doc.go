// Package event defines the typed events that qubesbeat produces and how they
// become documents.
//
// An event is a struct of the domain's types. A [Document] writes one into a
// [Writer], field by field, under ECS names; the module/ packages decide which
// fields. There are two writers: [Map] builds the nested map that processors and
// most outputs need, and [JSON] appends JSON text if nothing needs the map.
package event

// Package event holds the typed events that qubesbeat produces and the way in
// which they become documents.
//
// An event is a struct with the domain's own types. A [Document] writes one into
// a [Writer], field by field, under ECS names; which fields, is the business of
// the module/ packages. Two things read documents: [Map] makes the nested map
// that processors and most outputs want, and the beater writes JSON directly
// where nobody needs the map.
package event

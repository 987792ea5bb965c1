// Package detect connects the meter with the engine of package behaviour: a [Feed] in the
// meter's goroutine collects what the engine needs, in the order of the packets, and a
// [Translator] makes observations of it, with qubes, names and places, in another one. Both
// are the same for a live capture, a replay and an evaluation, so that these find the same.
package detect

// Package worldmap has the outlines of the world's countries, small enough for a page.
//
// They are Natural Earth's at 1:110 million, which are in the public domain, as the npm
// package world-atlas 2.0.2 has them. internal/generate/worldmap simplifies them: world.txt is
// made from the files of that package by
//
//	npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
//	go run ./internal/generate/worldmap package/countries-110m.json package/countries-50m.json >internal/worldmap/world.txt
//
// Countries that are too small for an outline have a place alone. Borders are Natural
// Earth's: who holds an area, not who has a right to it. Areas without a code of ISO 3166
// are land without a code.
package worldmap

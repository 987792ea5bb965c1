// Package netmap draws the qubes behind the logging qube: who is whose netvm, by which exit
// each of them reaches the outside, and what was found out about it.
//
// The netvm graph is a forest, since a qube has one netvm. It is shown as a tree of text, as
// a table, as JSON, and as pictures in SVG, Mermaid and DOT. A picture of SVG is complete in
// itself: it has no script, font or link. The same map gives the same bytes.
package netmap

// Package detect holds the detection to what docs/detection.md says of it: on labelled
// captures and logs, and on synthetic series beside scores that others compute. These are
// written in our own words from what their documents and sources say, and are no part of the
// program.
package detect

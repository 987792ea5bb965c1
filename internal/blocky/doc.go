// Package blocky translates the configuration of blocky
// (https://github.com/0xERR0R/blocky) into that of the resolver.
//
// Nothing is lost silently: a [tree] records which values were read, and every value
// that was not is named in a warning. What cannot be translated exactly is named in
// a warning, too, with its effect and the next step. What would not pass
// `qubesbeat test config` is left out of the result.
package blocky

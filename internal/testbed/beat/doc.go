// Package beat starts the beat as a program, waits for what it logs, and reads its
// events. It is the only runner of the tests below test/.
//
// A test names the program in a [Command]: [Program] is the beat as it is installed,
// which network tests need; [Self] is the test binary, which becomes the beat in [Main]
// and needs no build of its own.
package beat

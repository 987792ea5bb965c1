// Package supervisor runs packetbeat's analyzers in a process of their own.
//
// What they parse is hostile, and not every fault is a panic that can be recovered
// from: a message may make an analyzer allocate more memory than there is, recurse
// without end, or never return. Then the process dies, or is killed. The
// [Supervisor] stops analyzing the connection that the process was busy with,
// starts a new process, and sends it the packets that were not finished. A source
// that crashes it several times is skipped for a while, since each crash costs all
// others their unfinished transactions.
//
//	feed ─▶ Supervisor ─▶ process (package analyzer) ─▶ Supervisor ─▶ Config.Handle
package supervisor

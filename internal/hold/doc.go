// Package hold keeps items back for a short, bounded time, until it is known what
// they need: dom0 may push the name of a disposable after its first packets. What is
// held is shared among the qubes: see [Config].Class.
//
// A [Hold] runs in the goroutine of its user, who asks [Hold.Next] or [Hold.C] when
// [Hold.Check] is due. While nothing is held, nothing is armed and nothing wakes.
package hold

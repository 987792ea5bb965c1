// Package pipeline connects the parts that turn frames into published flow
// events:
//
//	capture.Source ─▶ Meter (decode, flow.Table) ─▶ Queue ─▶ Publisher (enrich) ─▶ event.Sink
//
// The Meter and the Publisher each run in one goroutine. The [Queue] between
// them is bounded and decouples them: when the output stalls, the Publisher waits
// and the Meter does not. What finds no room is dropped, interim reports before
// final ones and those of the interface that fills the queue only, and counted.
package pipeline

package kernellog_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

func BenchmarkParse(b *testing.B) {
	const line = "QUBES DROP: IN=vif12.0 OUT=vif14.0 " + mac + "SRC=10.137.0.15 DST=10.137.0.16 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=4660 DF PROTO=TCP SPT=45678 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 "
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := kernellog.Parse(line); !ok {
			b.Fatal("not read")
		}
	}
}

package shunt

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// find looks for the key and leaves the flow's tag in R7 and its way in R9, and the offset
// of the transport header on the stack.
func find(s settings) (p asm.Instructions) {
	p = append(p, asm.StoreMem(asm.RFP, peekAt, asm.R7, asm.DWord),
		asm.LoadImm(asm.R1, int64(s.seed), asm.DWord), asm.LoadImm(asm.R3, hashFactor, asm.DWord))
	for at := int16(keyAt); at < keyAt+keySize; at += 8 {
		p = append(p,
			asm.LoadMem(asm.R2, asm.RFP, at, asm.DWord),
			asm.Xor.Reg(asm.R1, asm.R2),
			asm.Mul.Reg(asm.R1, asm.R3),
			asm.Mov.Reg(asm.R2, asm.R1),
			asm.RSh.Imm(asm.R2, 32),
			asm.Xor.Reg(asm.R1, asm.R2))
	}
	p = append(p,
		asm.Or.Imm(asm.R1, 1),
		asm.Mov.Reg(asm.R9, asm.R1), // the tag
		asm.RSh.Imm(asm.R1, bucketShift),
		asm.And.Imm(asm.R1, buckets-1),
		asm.StoreMem(asm.RFP, indexAt, asm.R1, asm.Word),
		asm.LoadMapPtr(asm.R1, s.buckets),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, indexAt),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"))
	for way := range int16(ways) {
		p = append(p, asm.LoadMem(asm.R2, asm.R0, way*tagSize, asm.DWord), asm.JEq.Reg(asm.R2, asm.R9, fmt.Sprint("way", way)))
	}
	p = append(p, asm.Ja.Label("pass"))
	for way := range int32(ways) {
		p = append(p,
			asm.Mov.Reg(asm.R7, asm.R0).WithSymbol(fmt.Sprint("way", way)),
			asm.Add.Imm(asm.R7, way*tagSize),
			asm.Mov.Reg(asm.R9, asm.R0),
			asm.Add.Imm(asm.R9, wayAt+way*waySize),
			asm.Ja.Label("compare"))
	}
	for at := int16(0); at < keySize; at += 8 {
		load := asm.LoadMem(asm.R1, asm.R9, at, asm.DWord)
		if at == 0 {
			load = load.WithSymbol("compare")
		}
		p = append(p, load, asm.LoadMem(asm.R2, asm.RFP, keyAt+at, asm.DWord), asm.JNE.Reg(asm.R1, asm.R2, "pass"))
	}
	return p
}

// check lets the packets pass that the meter has to see. It leaves the TCP flags in R7,
// and stops by way of the tag.
func check(s settings) (p asm.Instructions) {
	p = append(p,
		asm.LoadMem(asm.R2, asm.RFP, keyProto, asm.Byte),
		asm.JEq.Imm(asm.R2, packet.ProtoUDP, "udp"),
	)
	p = append(p, tcpFlags()...)
	p = append(p,
		asm.LoadMem(asm.R1, asm.RFP, ipAt+1, asm.Byte),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.And.Imm(asm.R2, stops),
		asm.JNE.Imm(asm.R2, 0, "stop"),
		asm.StoreMem(asm.RFP, indexAt, asm.R1, asm.DWord),
	)
	if s.hellos {
		p = append(p, tlsClient()...)
	}
	p = append(p, asm.Ja.Label("time"), asm.Mov.Imm(asm.R1, 0).WithSymbol("udp"), asm.StoreMem(asm.RFP, indexAt, asm.R1, asm.DWord))
	if s.hellos {
		p = append(p, quicLong()...)
	}
	return append(p,
		asm.FnKtimeGetNs.Call().WithSymbol("time"),
		asm.LoadMem(asm.R1, asm.R9, lineSize+lastAt, asm.DWord),
		asm.LoadMem(asm.R2, asm.R9, 2*lineSize+lastAt, asm.DWord),
		asm.JSGT.Reg(asm.R1, asm.R2, "latest"),
		asm.Mov.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(asm.R2, asm.R0).WithSymbol("latest"),
		asm.Sub.Reg(asm.R2, asm.R1),
		asm.LoadImm(asm.R3, s.silence, asm.DWord),
		asm.JSGT.Reg(asm.R2, asm.R3, "stop"),
	)
}

// tcpFlags reads the bytes 12 and 13 of the TCP header to ipAt: the IP header is not needed
// any more. A packet that does not have them in its head passes.
func tcpFlags() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.RFP, peekAt, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Add.Imm(asm.R2, 12),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, ipAt),
		asm.Mov.Imm(asm.R4, 2),
		asm.Mov.Imm(asm.R5, headerMAC),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	}
}

// tlsClient stops at a payload that begins as a handshake record of TLS (RFC 8446 section
// 5.1), however short it is.
func tlsClient() (p asm.Instructions) {
	p = append(p,
		asm.LoadMem(asm.R2, asm.RFP, ipAt, asm.Byte), // length of the header
		asm.RSh.Imm(asm.R2, 4),
		asm.LSh.Imm(asm.R2, 2))
	p = append(p, payload("time", 1)...)
	return append(p,
		asm.JNE.Imm(asm.R1, 22, "time"),
		asm.LoadMem(asm.R2, asm.RFP, peekAt, asm.DWord),
		asm.Add.Imm(asm.R2, 1),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, ipAt),
		asm.Mov.Imm(asm.R4, 1),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "stop"), // it ends here
		asm.LoadMem(asm.R1, asm.RFP, ipAt, asm.Byte),
		asm.JEq.Imm(asm.R1, 3, "stop"))
}

// quicLong lets a long header of QUIC pass (RFC 9000 section 17.2), which may be that of an
// Initial.
func quicLong() (p asm.Instructions) {
	p = append(p, asm.Mov.Imm(asm.R2, udpLen))
	p = append(p, payload("time", 0)...)
	return append(p,
		asm.And.Imm(asm.R1, 0xc0),
		asm.JEq.Imm(asm.R1, 0xc0, "pass"))
}

// payload reads the byte at offset R2 from the transport header to R1. It also may be
// outside of the packet's head. If there is none it goes on at a label. n makes labels
// unique.
func payload(none string, n int) asm.Instructions {
	inbound := fmt.Sprint("base", n)
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.RFP, peekAt, asm.DWord),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.LoadMem(asm.R1, asm.R6, skbType, asm.Word),
		asm.JEq.Imm(asm.R1, outgoing, inbound),
		asm.Sub.Imm(asm.R2, etherLen), // the packet begins with the IP header
		asm.StoreMem(asm.RFP, peekAt, asm.R2, asm.DWord).WithSymbol(inbound),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, ipAt),
		asm.Mov.Imm(asm.R4, 1),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, none),
		asm.LoadMem(asm.R1, asm.RFP, ipAt, asm.Byte),
	}
}

// count adds the packet to the line of its sender. R0 is the time.
func count() asm.Instructions {
	return asm.Instructions{
		asm.Add.Imm(asm.R9, lineSize),
		asm.JEq.Imm(asm.R8, 0, "line"),
		asm.Add.Imm(asm.R9, lineSize),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("line"),
		add(asm.R1, begunAt),
		asm.LoadMem(asm.R2, asm.R6, skbLen, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, skbType, asm.Word),
		asm.JEq.Imm(asm.R3, outgoing, "length"),
		asm.Add.Imm(asm.R2, etherLen), // the packet begins with the IP header
		add(asm.R2, bytesAt).WithSymbol("length"),
		asm.StoreMem(asm.R9, lastAt, asm.R0, asm.DWord),
		asm.LoadMem(asm.R2, asm.R9, firstAt, asm.DWord),
		asm.JNE.Imm(asm.R2, 0, "flags"),
		asm.StoreMem(asm.R9, firstAt, asm.R0, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, indexAt, asm.DWord).WithSymbol("flags"),
		asm.LoadMem(asm.R3, asm.R9, flagsAt, asm.DWord),
		asm.Or.Reg(asm.R2, asm.R3),
		asm.JEq.Reg(asm.R2, asm.R3, "counted"),
		atomicOr(asm.R2, flagsAt),
		add(asm.R1, packetsAt).WithSymbol("counted"),
		asm.Mov.Imm(asm.R0, toSink),
		asm.Return(),
	}
}

// atomicOr sets the bits of a register in a field of the line in R9. Version 0.19 of the
// library encodes every atomic operation as an addition unless the constant says which.
func atomicOr(from asm.Register, field int16) asm.Instruction {
	ins := asm.OrAtomic.Mem(asm.R9, from, asm.DWord, field)
	ins.Constant = int64(asm.OrAtomic >> 8)
	return ins
}

// add adds a register to a field of the line in R9, at once for all CPUs.
func add(from asm.Register, field int16) asm.Instruction {
	return asm.AddAtomic.Mem(asm.R9, from, asm.DWord, field)
}

package shunt

import (
	"github.com/cilium/ebpf/asm"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// The verdicts of the program: the index of a socket in the fanout group.
const (
	toRing = 0
	toSink = 1
)

// The program's stack, as offsets from its end. The IP header is aligned to 8 bytes.
const (
	frameAt = -62 // Ethernet header, 14 bytes
	ipAt    = -48 // IP header and the first bytes of what follows
	keyAt   = -112
	indexAt = -120 // of the bucket
	peekAt  = -128 // 8 bytes of the transport header or the payload
)

// Offsets of fields in the key and in struct __sk_buff of Linux' bpf.h.
const (
	keyPorts  = keyAt + 32
	keyIface  = keyAt + 36
	keyVLAN   = keyAt + 40
	keyProto  = keyAt + 44
	keyFamily = keyAt + 45

	skbLen         = 0
	skbType        = 4
	skbVLANPresent = 20
	skbVLAN        = 24
	skbIfindex     = 40
)

// Lengths of headers in bytes, and constants of packet(7) and Linux' bpf.h.
const (
	etherLen  = 14
	ip4Len    = 20
	ip6Len    = 40
	udpLen    = 8
	flagsEnd  = 14 // of a TCP header, with the flags
	outgoing  = 4  // PACKET_OUTGOING
	headerMAC = 0  // BPF_HDR_START_MAC
)

// stops are the TCP flags that end the counting of a flow.
const stops = packet.FIN | packet.SYN | packet.RST | packet.URG

// settings are the constants of a program.
type settings struct {
	buckets, control int    // file descriptors of the maps
	seed             uint64 // of the hash
	silence          int64  // nanoseconds without a packet after which one passes
	hellos           bool   // ClientHellos pass
}

// program returns the program. Registers: R6 the packet; R7 the offset of the transport
// header in the frame, later the address of the flow's tag; R8 1 if B has sent the packet;
// R9 the address of the way.
func program(s settings) asm.Instructions {
	var p asm.Instructions
	p = append(p, begin(s)...)
	p = append(p, family4()...)
	p = append(p, family6()...)
	p = append(p, transport()...)
	p = append(p, find(s)...)
	p = append(p, check(s)...)
	p = append(p, count()...)
	return append(p,
		asm.Mov.Imm(asm.R1, 0).WithSymbol("stop"),
		asm.StoreMem(asm.R7, 0, asm.R1, asm.DWord), // what follows is not counted
		asm.Mov.Imm(asm.R0, toRing).WithSymbol("pass"),
		asm.Return(),
	)
}

// begin leaves at once if no flow is counted, and reads the headers and the parts of the
// key that do not depend on the family.
func begin(s settings) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapValue(asm.R2, s.control, 0),
		asm.LoadMem(asm.R2, asm.R2, 0, asm.DWord),
		asm.JEq.Imm(asm.R2, 0, "pass"),
		asm.Mov.Reg(asm.R6, asm.R1),

		// The key begins with zeroes, which the unused bytes of addresses are.
		asm.Mov.Imm(asm.R2, 0),
		asm.StoreMem(asm.RFP, keyAt, asm.R2, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+8, asm.R2, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+16, asm.R2, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+24, asm.R2, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+40, asm.R2, asm.DWord),

		asm.LoadMem(asm.R2, asm.R6, skbIfindex, asm.Word),
		asm.StoreMem(asm.RFP, keyIface, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R6, skbVLANPresent, asm.Word),
		asm.JEq.Imm(asm.R2, 0, "untagged"),
		asm.LoadMem(asm.R2, asm.R6, skbVLAN, asm.Word),
		asm.And.Imm(asm.R2, 0x0fff),
		asm.Or.Imm(asm.R2, 1<<16),
		asm.StoreMem(asm.RFP, keyVLAN, asm.R2, asm.Word),

		asm.Mov.Reg(asm.R1, asm.R6).WithSymbol("untagged"),
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, frameAt),
		asm.Mov.Imm(asm.R4, etherLen+ip4Len+udpLen), // what every packet has that is counted
		asm.Mov.Imm(asm.R5, headerMAC),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R2, asm.RFP, frameAt+12, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JEq.Imm(asm.R2, 0x0800, "ip4"),
		asm.JEq.Imm(asm.R2, 0x86dd, "ip6"),
		asm.Ja.Label("pass"),
	}
}

// family4 reads an IPv4 header without options. A total length that cuts the transport
// header is left to the decoder; 0 and others below the header's are those of offload.
func family4() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, asm.RFP, ipAt, asm.Byte).WithSymbol("ip4"),
		asm.JNE.Imm(asm.R2, 0x45, "pass"),
		asm.LoadMem(asm.R2, asm.RFP, ipAt+6, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.And.Imm(asm.R2, 0x3fff),
		asm.JNE.Imm(asm.R2, 0, "pass"), // a fragment
		asm.LoadMem(asm.R4, asm.RFP, ipAt+2, asm.Half),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
		asm.LoadMem(asm.R3, asm.RFP, ipAt+9, asm.Byte),
		asm.JLT.Imm(asm.R4, ip4Len, "length4"),
		asm.JGE.Imm(asm.R4, ip4Len+flagsEnd, "length4"),
		asm.JNE.Imm(asm.R3, packet.ProtoUDP, "pass"), // a UDP datagram may end here
		asm.JLT.Imm(asm.R4, ip4Len+udpLen, "pass"),
		asm.StoreMem(asm.RFP, keyProto, asm.R3, asm.Byte).WithSymbol("length4"),
		asm.Mov.Imm(asm.R2, 4),
		asm.StoreMem(asm.RFP, keyFamily, asm.R2, asm.Byte),
		asm.Mov.Imm(asm.R7, etherLen+ip4Len),
		asm.Mov.Imm(asm.R8, 0),
		asm.LoadMem(asm.R1, asm.RFP, ipAt+12, asm.Word),
		asm.LoadMem(asm.R2, asm.RFP, ipAt+16, asm.Word),
		asm.LoadMem(asm.R5, asm.RFP, ipAt+20, asm.Word), // ports
		asm.JEq.Reg(asm.R1, asm.R2, "pass"),
		asm.Mov.Reg(asm.R0, asm.R1),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.HostTo(asm.BE, asm.R0, asm.Word),
		asm.HostTo(asm.BE, asm.R4, asm.Word),
		asm.JLT.Reg(asm.R0, asm.R4, "ordered4"),
		asm.Mov.Imm(asm.R8, 1),
		asm.Mov.Reg(asm.R0, asm.R1),
		asm.Mov.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(asm.R2, asm.R0),
		asm.StoreMem(asm.RFP, keyAt, asm.R1, asm.Word).WithSymbol("ordered4"),
		asm.StoreMem(asm.RFP, keyAt+16, asm.R2, asm.Word),
		asm.Ja.Label("transport"),
	}
}

// family6 reads an IPv6 header with TCP or UDP right behind it.
func family6() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R6).WithSymbol("ip6"),
		asm.Mov.Imm(asm.R2, etherLen),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, ipAt),
		asm.Mov.Imm(asm.R4, ip6Len+udpLen),
		asm.Mov.Imm(asm.R5, headerMAC),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R2, asm.RFP, ipAt, asm.Byte),
		asm.And.Imm(asm.R2, 0xf0),
		asm.JNE.Imm(asm.R2, 0x60, "pass"),
		asm.LoadMem(asm.R3, asm.RFP, ipAt+6, asm.Byte),
		asm.LoadMem(asm.R4, asm.RFP, ipAt+4, asm.Half),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
		asm.JEq.Imm(asm.R4, 0, "length6"),
		asm.JLT.Imm(asm.R4, udpLen, "pass"),
		asm.JGE.Imm(asm.R4, flagsEnd, "length6"),
		asm.JNE.Imm(asm.R3, packet.ProtoUDP, "pass"),
		asm.StoreMem(asm.RFP, keyProto, asm.R3, asm.Byte).WithSymbol("length6"),
		asm.Mov.Imm(asm.R2, 6),
		asm.StoreMem(asm.RFP, keyFamily, asm.R2, asm.Byte),
		asm.Mov.Imm(asm.R7, etherLen+ip6Len),
		asm.Mov.Imm(asm.R8, 0),
		asm.LoadMem(asm.R1, asm.RFP, ipAt+8, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, ipAt+24, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, "compare6"),
		asm.LoadMem(asm.R1, asm.RFP, ipAt+16, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, ipAt+32, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "pass"),
		asm.HostTo(asm.BE, asm.R1, asm.DWord).WithSymbol("compare6"),
		asm.HostTo(asm.BE, asm.R2, asm.DWord),
		asm.LoadMem(asm.R0, asm.RFP, ipAt+8, asm.DWord),
		asm.LoadMem(asm.R3, asm.RFP, ipAt+16, asm.DWord),
		asm.LoadMem(asm.R4, asm.RFP, ipAt+24, asm.DWord),
		asm.LoadMem(asm.R5, asm.RFP, ipAt+32, asm.DWord),
		asm.JLT.Reg(asm.R1, asm.R2, "ordered6"),
		asm.Mov.Imm(asm.R8, 1),
		asm.StoreMem(asm.RFP, keyAt, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+8, asm.R5, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+16, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+24, asm.R3, asm.DWord),
		asm.Ja.Label("ports6"),
		asm.StoreMem(asm.RFP, keyAt, asm.R0, asm.DWord).WithSymbol("ordered6"),
		asm.StoreMem(asm.RFP, keyAt+8, asm.R3, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+16, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+24, asm.R5, asm.DWord),
		asm.LoadMem(asm.R5, asm.RFP, ipAt+40, asm.Word).WithSymbol("ports6"),
		asm.LoadMem(asm.R3, asm.RFP, keyProto, asm.Byte),
	}
}

// transport puts the ports, which are in R5, into the order of the addresses.
func transport() asm.Instructions {
	return asm.Instructions{
		asm.JEq.Imm(asm.R3, packet.ProtoTCP, "ports").WithSymbol("transport"),
		asm.JNE.Imm(asm.R3, packet.ProtoUDP, "pass"),
		asm.JEq.Imm(asm.R8, 0, "inorder").WithSymbol("ports"),
		asm.Mov.Reg(asm.R1, asm.R5),
		asm.RSh.Imm(asm.R1, 16),
		asm.LSh.Imm(asm.R5, 16),
		asm.Or.Reg(asm.R5, asm.R1),
		asm.StoreMem(asm.RFP, keyPorts, asm.R5, asm.Word).WithSymbol("inorder"),
	}
}

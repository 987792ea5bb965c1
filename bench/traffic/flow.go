package traffic

import "encoding/binary"

// IP protocol numbers.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// Clients is the number of client qubes that the flows are spread over.
const Clients = 50

// firstClientPort is the client's port in the first flows. The port grows by
// one every [Clients] flows, which limits the number of flows.
const firstClientPort = 20000

// MaxFlows is the largest number of flows with different keys.
const MaxFlows = Clients * (65536 - firstClientPort)

// serverPorts are well-known but of no interest to packetbeat's analyzers.
var serverPorts = map[uint8][4]uint16{
	protoTCP: {22, 4443, 6881, 7001},
	protoUDP: {3478, 4433, 41641, 51820},
}

// flow is the state of one conversation.
type flow struct {
	seq     [2]uint32 // next TCP sequence number of client and server
	packets uint32    // sent so far, in both directions
	index   uint32
	cport   uint16 // client's port, or identifier of echo messages
	sport   uint16
	proto   uint8
	v6      bool
}

// newFlow returns the flow with the given index. Different indexes below
// [MaxFlows] give different keys.
func newFlow(i uint32) flow {
	f := flow{
		index: i,
		cport: uint16(firstClientPort + i/Clients),
		seq:   [2]uint32{scramble(i), scramble(^i)},
	}

	// Multiplying by 37 modulo 100 spreads the kinds over the Clients.
	switch k := i * 37 % 100; {
	case k < 68:
		f.proto = protoTCP
	case k < 85:
		f.proto = protoUDP
	case k < 88:
		f.proto = protoICMP
	case k < 96:
		f.proto, f.v6 = protoTCP, true
	case k < 99:
		f.proto, f.v6 = protoUDP, true
	default:
		f.proto, f.v6 = protoICMPv6, true
	}

	f.sport = serverPorts[f.proto][scramble(i)%4]

	return f
}

// ends returns the 32 varying bits of the addresses of client and server. The
// server is another one for every flow up to 131,072 flows: then programs that
// leave the identifier of echo messages out of their key see as many flows.
func (f *flow) ends() (client, server uint32) {
	const (
		client0 = 0x0a890002 // 10.137.0.2
		server0 = 0xc6120000 // 198.18.0.0
	)

	// An odd factor permutes the numbers modulo a power of two.
	return client0 + f.index%Clients, server0 + f.index*40503%(1<<17)
}

// addresses appends the addresses of client and server to b, in this order or
// swapped.
func (f *flow) addresses(b []byte, swapped bool) []byte {
	client, server := f.ends()
	if !f.v6 {
		if swapped {
			client, server = server, client
		}

		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, client), server)
	}

	ends := [2]struct {
		prefix uint64
		host   uint32
	}{
		{prefix: 0xfd0924ef41790000, host: client}, // the prefix that Qubes uses
		{prefix: 0x20010db800000000, host: server},
	}
	if swapped {
		ends[0], ends[1] = ends[1], ends[0]
	}

	for _, e := range ends {
		b = binary.BigEndian.AppendUint64(b, e.prefix)
		b = binary.BigEndian.AppendUint64(b, uint64(e.host))
	}

	return b
}

// scramble spreads the bits of v. It is the finalizer of MurmurHash3.
func scramble(v uint32) uint32 {
	v ^= v >> 16
	v *= 0x85ebca6b
	v ^= v >> 13
	v *= 0xc2b2ae35

	return v ^ v>>16
}

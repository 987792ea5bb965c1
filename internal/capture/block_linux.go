package capture

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Next implements [Source].
func (r *Ring) Next(f *Frame) error {
	r.waited = false
	for r.left == 0 {
		if err := r.nextBlock(); err != nil {
			return err
		}
	}
	r.take(f)
	return nil
}

// header returns the header of a block (struct tpacket_block_desc).
func (r *Ring) header(block int) *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.mem[block*blockSize+8]))
}

// nextBlock gives the current block back to the kernel and waits for the next
// one. It returns ErrIdle if none came in time.
func (r *Ring) nextBlock() error {
	if r.held != nil {
		atomic.StoreUint32(&r.header(r.block).Block_status, unix.TP_STATUS_KERNEL)
		r.block = (r.block + 1) % (len(r.mem) / blockSize)
		r.held = nil
	}
	if !r.ready(0) {
		if err := r.wait(); err != nil {
			r.feel(calm)
			return err
		}
	}
	r.feel(r.waiting())
	h := r.header(r.block)
	r.pace(h)
	r.held = r.mem[r.block*blockSize : (r.block+1)*blockSize]
	r.left, r.at = h.Num_pkts, h.Offset_to_first_pkt
	r.frames.Add(uint64(r.left))
	r.skip()
	return nil
}

// next returns the kernel's description of the next frame.
func (r *Ring) next() (h *unix.Tpacket3Hdr, addr *unix.RawSockaddrLinklayer) {
	return frameAt(r.held[r.at:])
}

// frameAt returns the kernel's description of the frame that b begins with.
func frameAt(b []byte) (h *unix.Tpacket3Hdr, addr *unix.RawSockaddrLinklayer) {
	return (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[0])), (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&b[tpacketAlign(unix.SizeofTpacket3Hdr)]))
}

// take fills f with the next frame of the held block, which is wanted.
func (r *Ring) take(f *Frame) {
	h, addr := r.next()
	f.fill(r.held[r.at:], h, addr)
	f.Iface = uint32(addr.Ifindex)
	r.step(h)
	r.skip()
	f.Held = r.left > 0
}

// step goes on to the frame behind h.
func (r *Ring) step(h *unix.Tpacket3Hdr) {
	r.left--
	r.at += h.Next_offset
}

// skip steps over frames that are not wanted, so that the one that is taken last is known.
func (r *Ring) skip() {
	for r.left > 0 {
		h, addr := r.next()
		if r.wants(addr) {
			return
		}
		r.skipped.Add(1)
		r.step(h)
	}
}

// wants reports whether a frame is of a wanted interface.
func (r *Ring) wants(addr *unix.RawSockaddrLinklayer) bool {
	// The kernel shows a packet on the loopback twice, going out and coming in.
	return r.wantsFrom(uint32(addr.Ifindex)) && (addr.Hatype != unix.ARPHRD_LOOPBACK || addr.Pkttype != unix.PACKET_OUTGOING)
}

// wantsFrom reports whether an interface is wanted. Most frames are of the same one as the
// last.
func (r *Ring) wantsFrom(index uint32) bool {
	all := r.wanted.Load()
	if l := &r.last; l.of == all && l.index == index {
		return l.wanted
	}
	wanted, known := (*all)[index]
	if !known {
		return r.meet(index)
	}
	r.last = lastWanted{all, index, wanted}
	return wanted
}

// lastWanted is an answer from a wanted set.
type lastWanted struct {
	of     *map[uint32]bool
	index  uint32
	wanted bool
}

// tpacketAlign is TPACKET_ALIGN of Linux' if_packet.h.
func tpacketAlign(n int) int { return (n + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1) }

// fill converts the kernel's description of a frame.
func (f *Frame) fill(b []byte, h *unix.Tpacket3Hdr, addr *unix.RawSockaddrLinklayer) {
	f.Time = int64(h.Sec)*1e9 + int64(h.Nsec)
	f.Length = h.Len
	f.Direction = packet.Inbound
	if addr.Pkttype == unix.PACKET_OUTGOING {
		f.Direction = packet.Outbound
	}
	f.Offload = Offload(h.Status) & offloads
	f.HasVLAN = h.Status&unix.TP_STATUS_VLAN_VALID != 0
	f.VLAN = uint16(h.Hv1.Vlan_tci)
	if f.HasVLAN {
		f.Length += tagLen // was on the wire
		f.VLANType = unix.ETH_P_8021Q
		if h.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			f.VLANType = h.Hv1.Vlan_tpid
		}
	}
	start := uint32(h.Mac)
	f.Link, f.EtherType = packet.LinkEthernet, 0
	if addr.Hatype != unix.ARPHRD_ETHER && addr.Hatype != unix.ARPHRD_LOOPBACK {
		// tun, wireguard, ppp, ipip: whatever header there is, the kernel
		// knows where the network header starts.
		start, f.EtherType = uint32(h.Net), addr.Protocol<<8|addr.Protocol>>8
	}
	end := min(uint32(h.Mac)+h.Snaplen, uint32(len(b)))
	f.Data = b[min(start, end):end]
}

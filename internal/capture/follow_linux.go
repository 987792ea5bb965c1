package capture

import (
	"context"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"
)

// followLinks sets the filter for the interfaces that exist and keeps it up to
// date in the background while they come and go.
func (r *Ring) followLinks() error {
	empty := map[uint32]bool{}
	r.wanted.Store(&empty)
	r.live.Store(&empty)
	if r.cfg.Snap.Relief == 0 {
		r.cfg.Brief = nil // nothing is cut for pressure
	}
	if err := r.refresh(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stopWatch = cancel
	w := &linkWatch{guard: r.cfg.Guard, dial: dialLinks(r.cfg.Matcher.route != nil), changed: r.refresh, fault: r.watchFault}
	r.watch.Go(func() { w.run(ctx) })
	if r.cfg.Brief != nil {
		r.watch.Go(func() { r.followBrief(ctx) })
	}
	return nil
}

// watchFault counts and reports an error of the watch.
func (r *Ring) watchFault(err error) {
	r.watchFailures.Add(1)
	if r.cfg.OnFault != nil {
		r.cfg.OnFault(err)
	}
}

// refresh lists the interfaces and brings names, filter and the wanted set up to
// date.
func (r *Ring) refresh() error {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	all, err := Links()
	if err != nil {
		return err
	}
	live := make(map[uint32]bool)
	for _, l := range r.cfg.Matcher.Select(all) {
		live[l.Index] = true
	}
	next := r.remembered()
	var refused []uint32
	for _, l := range all {
		r.cfg.Guard.Probe([]byte(l.Name))
		if next[l.Index] = live[l.Index]; !live[l.Index] {
			refused = append(refused, l.Index)
		} else if r.names.Name(l.Index) != l.Name {
			r.names.Set(l.Index, l.Name)
		}
	}
	brief := r.briefOf(live)
	in := &filterInput{refused, brief, r.filters(all)}
	programs, err := r.build(in)
	if err != nil {
		return err
	}
	r.wanted.Store(&next)
	if err := r.promiscuous(*r.live.Load(), live, all); err != nil {
		return err
	}
	r.reportLinks(*r.live.Swap(&live), live, all)
	if err := r.replace(in, programs); err != nil {
		return err
	}
	r.brief = brief
	return nil
}

// promiscuous puts the interfaces that are new in live into promiscuous mode,
// which the kernel ends when the socket is closed.
func (r *Ring) promiscuous(before, live map[uint32]bool, all []LinkInfo) error {
	if r.cfg.Promiscuous == nil {
		return nil
	}
	for _, l := range r.cfg.Promiscuous.Select(all) {
		if before[l.Index] || !live[l.Index] {
			continue
		}
		mreq := unix.PacketMreq{Ifindex: int32(l.Index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq); err != nil {
			return fmt.Errorf("putting %s into promiscuous mode: %w", l.Name, err)
		}
	}
	return nil
}

// filters returns the index of the user's filter for each interface that has one.
func (r *Ring) filters(all []LinkInfo) map[uint32]int {
	found := map[uint32]int{}
	for n, f := range r.cfg.Filters {
		for _, l := range f.Devices.Select(all) {
			if _, ok := found[l.Index]; !ok {
				found[l.Index] = n
			}
		}
	}
	return found
}

// remembered returns a copy of the wanted set: frames of an interface that has
// just gone are still in the ring. The kernel does not reuse an index before it
// has used all others.
func (r *Ring) remembered() map[uint32]bool {
	next := make(map[uint32]bool)
	if before := *r.wanted.Load(); len(before) < maxInterfaces {
		maps.Copy(next, before)
	}
	return next
}

// HasVif implements [Live].
func (r *Ring) HasVif(domid int32) bool {
	return hasVif(func(yield func(string) bool) {
		for index := range *r.live.Load() {
			if !yield(r.names.Name(index)) {
				return
			}
		}
	}, domid)
}

// reportLinks calls OnLink for each interface that live has gained or lost.
func (r *Ring) reportLinks(before, live map[uint32]bool, all []LinkInfo) {
	if r.cfg.OnLink == nil {
		return
	}
	for _, l := range all {
		if live[l.Index] && !before[l.Index] {
			r.cfg.OnLink(l, true)
		}
	}
	for index := range before {
		if !live[index] {
			r.cfg.OnLink(LinkInfo{Index: index, Name: r.names.Name(index)}, false)
		}
	}
}

// meet reports whether an interface is wanted that Next sees before the watch
// does. The name of an interface that is gone already cannot be found out; its
// frames are skipped and counted.
func (r *Ring) meet(index uint32) bool {
	if wanted, met := r.met[index]; met {
		return wanted // as the watch will find, too
	}
	all, err := Links()
	if err != nil {
		return false
	}
	r.met[index] = false
	for _, l := range r.cfg.Matcher.Select(all) {
		if l.Index == index {
			r.names.Set(index, l.Name)
			r.met[index] = true
		}
	}
	return r.met[index]
}

package nftrules_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestWatch sees each change of a ruleset, and no look at it.
func TestWatch(t *testing.T) {
	testbed.Require(t, "nft")
	if !testbed.InNamespace(t) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes, done := make(chan struct{}, 16), make(chan error)
	go func() { done <- nftrules.Watch(ctx, func() { changes <- struct{}{} }) }()
	nft := func(args string) {
		t.Helper()
		if out, err := exec.Command("nft", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("nft %s: %v: %s", args, err, out)
		}
	}
	<-changes // it sees changes from here on
	nft("add table ip test")
	<-changes
	nft("list ruleset")
	nft("add chain ip test forward")
	select {
	case <-changes:
	case <-time.After(10 * time.Second):
		t.Error("a new chain is no change")
	}
	select {
	case <-changes:
		t.Error("one change is two")
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"
)

// Client calls dom0 through qrexec.
type Client struct {
	// Program is qrexec-client-vm, which has that name on the PATH.
	Program string
}

// Limits of one pull: a qube asks dom0, and dom0 is not ours to keep busy.
const (
	callTime = 10 * time.Second
	maxBytes = 1 << 20
	maxQubes = 1000
)

// call calls a method of a qube, without a payload.
func (c Client) call(ctx context.Context, qube, method string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Program, qube, method) // no input: the call ends with it
	room := &limited{&out, maxBytes}
	cmd.Stdout, cmd.WaitDelay = room, time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil || room.room < 0: // what has come is not whole
		return "", fmt.Errorf("%s of %s: no answer within %v and %d bytes", method, qube, callTime, maxBytes)
	case err != nil && !errors.As(err, &exit):
		return "", fmt.Errorf("%s of %s: %w", method, qube, err)
	}
	content, err := answer(out.Bytes())
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", method, qube, err)
	}
	return content, nil
}

// limited fails a write beyond its room.
type limited struct {
	w    io.Writer
	room int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, fmt.Errorf("dom0 has answered more than %d bytes", maxBytes)
	}
	return l.w.Write(p)
}

// entry is a qube as package inventory reads it.
type entry struct {
	Name  string `json:"name"`
	Class string `json:"class,omitempty"`
	Label string `json:"label,omitempty"`
	IP    string `json:"ip,omitempty"`
	IP6   string `json:"ip6,omitempty"`
	XID   *int   `json:"xid,omitempty"`
}

// Inventory reads what the policy lets us know, in the JSON of package inventory.
// What is refused of a qube is left out; a qube without an address is, too.
func (c Client) Inventory(ctx context.Context) ([]byte, error) {
	content, err := c.call(ctx, "dom0", "admin.vm.List")
	if err != nil {
		return nil, err
	}
	doc := struct {
		Version int     `json:"version"`
		Qubes   []entry `json:"qubes"`
	}{Version: 1, Qubes: []entry{}}
	for _, q := range list(content) {
		if q.class == "AdminVM" || q.class == "TemplateVM" || len(doc.Qubes) >= maxQubes {
			continue
		}
		e, ok, err := c.entry(ctx, q)
		if err != nil {
			return nil, err
		}
		if ok {
			doc.Qubes = append(doc.Qubes, e)
		}
	}
	return json.Marshal(doc)
}

// entry reads one qube. A fault is not a refusal: it must not look as if the qube were
// gone.
func (c Client) entry(ctx context.Context, q listed) (e entry, ok bool, fault error) {
	get := func(name string) string {
		content, err := c.call(ctx, q.name, "admin.vm.property.Get+"+name)
		if err != nil && !errors.Is(err, ErrRefused) {
			fault = errors.Join(fault, err)
		}
		return property(content)
	}
	if e.IP = get("ip"); e.IP == "" {
		return e, false, fault
	}
	e.Name, e.Class, e.Label, e.IP6 = q.name, q.class, get("label"), get("ip6")
	if xid, err := strconv.Atoi(get("xid")); err == nil {
		e.XID = &xid
	}
	return e, true, fault
}

// Follow calls changed at the start and whenever dom0 tells of an event, not more than
// once in pause, until ctx ends or dom0 closes the stream.
func (c Client) Follow(ctx context.Context, pause time.Duration, changed func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Program, "dom0", "admin.Events")
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("calling dom0: %w", err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	buf := make([]byte, 4096)
	for {
		// What the events say is not read: that there is one is enough.
		if _, err := out.Read(buf); err != nil && ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("admin.Events of dom0: %w", ErrRefused)
		}
		if err := changed(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

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
	// Program is the name or path of qrexec-client-vm.
	Program string
}

// The limits of one pull, so that dom0 is not kept busy.
const (
	callTimeout = 10 * time.Second
	maxAnswer   = 1 << 20 // bytes
	maxQubes    = 1000
)

// call calls a method for a qube, without a payload, and returns its result.
func (c Client) call(ctx context.Context, qube, method string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Program, qube, method) // no input, whose end would end the call
	limited := &limitedWriter{&out, maxAnswer}
	cmd.Stdout, cmd.WaitDelay = limited, time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil || limited.room < 0: // the answer is incomplete
		return "", fmt.Errorf("%s of %s: no answer within %v and %d bytes", method, qube, callTimeout, maxAnswer)
	case err != nil && !errors.As(err, &exit):
		return "", fmt.Errorf("%s of %s: %w", method, qube, err)
	}
	content, err := answer(out.Bytes())
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w", method, qube, err)
	}
	return content, nil
}

// limitedWriter returns an error if more than room bytes are written.
type limitedWriter struct {
	w    io.Writer
	room int
}

// Write implements [io.Writer].
func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.room -= len(p); l.room < 0 {
		return 0, fmt.Errorf("the answer of dom0 exceeds %d bytes", maxAnswer)
	}
	return l.w.Write(p)
}

// entry is a qube in the JSON of package inventory.
type entry struct {
	Name  string `json:"name"`
	Class string `json:"class,omitempty"`
	Label string `json:"label,omitempty"`
	IP    string `json:"ip,omitempty"`
	IP6   string `json:"ip6,omitempty"`
	XID   *int   `json:"xid,omitempty"`
}

// Inventory reads the qubes that the policy permits and returns them in the JSON of package
// inventory. Qubes without an address are left out, and so are properties that the policy
// refuses.
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

// entry reads one qube. It reports whether the qube has an address. Errors other than a
// refusal are returned: they must not look as if the qube had vanished.
func (c Client) entry(ctx context.Context, q listed) (e entry, ok bool, failure error) {
	get := func(name string) string {
		content, err := c.call(ctx, q.name, "admin.vm.property.Get+"+name)
		if err != nil && !errors.Is(err, ErrRefused) {
			failure = errors.Join(failure, err)
		}
		return property(content)
	}
	if e.IP = get("ip"); e.IP == "" {
		return e, false, failure
	}
	e.Name, e.Class, e.Label, e.IP6 = q.name, q.class, get("label"), get("ip6")
	if xid, err := strconv.Atoi(get("xid")); err == nil {
		e.XID = &xid
	}
	return e, true, failure
}

// Follow calls changed at the start and after every event of dom0, but at most once per
// pause. It returns nil when ctx ends, and an error when dom0 closes the stream or changed
// fails.
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
		// The first event is sent at once. What the events are does not matter.
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/bench/mixture"
	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

// input is a capture file that all contenders read.
type input struct {
	// create fills the file. It is nil for a file that the user names.
	create func(w *pcapfile.Writer) error

	// Name is the input as the user wrote it.
	Name string

	path string
	spec string
	root string // a folder that must exist for create to work, or empty

	Packets int64
	Bytes   int64

	optional bool
}

// crashers are the captures with Ethernet frames on which packetbeat with all
// protocols ends with a panic: an ICMPv6 message of two bytes.
var crashers = []string{"icmp6_mobileprefix_asan.pcap"}

// startInput is the name of the input that shows the cost of starting, calmInput
// begins the names of those that packetbeat's analyzers survive.
const (
	startInput = "start"
	calmInput  = "calm"
)

// parseInput returns the input that spec names.
func parseInput(o *options, spec string) (in *input, err error) {
	in = &input{Name: spec, spec: spec, path: spec}
	kind, args, _ := strings.Cut(spec, ":")
	switch kind {
	case startInput:
		c := &traffic.Config{Packets: 1, Flows: 1, Seed: 1}
		in.create, in.path = c.Generate, c.Path(o.out)
	case "synth":
		packets, flows, _ := strings.Cut(args, ":")
		c := &traffic.Config{Seed: 1}
		c.Packets, err = strconv.Atoi(packets)
		if err == nil {
			c.Flows, err = strconv.Atoi(flows)
		}

		if err == nil {
			err = c.Validate()
		}

		in.create, in.path = c.Generate, c.Path(o.out)
	case "mix", calmInput:
		c := &mixture.Config{Root: o.captures}
		if kind == calmInput {
			c.Skip = crashers
		}
		c.MinPackets, err = strconv.Atoi(args)
		in.create, in.path = c.Generate, c.Path(o.out)
		in.root, in.optional = o.captures, true
	default:
		in.path, err = filepath.Abs(spec)
	}

	if err != nil {
		return nil, fmt.Errorf("input %q: %w", spec, err)
	}

	return in, nil
}

// generate makes the file, unless it exists. A missing root gives an error
// wrapping [fs.ErrNotExist].
func (in *input) generate() error {
	_, err := os.Stat(in.path)
	if !errors.Is(err, fs.ErrNotExist) || in.create == nil {
		return err
	}

	return pcapfile.Create(in.path, in.create)
}

// load makes the file in another process, unless it exists, then counts its
// packets and so brings it into the page cache.
func (in *input) load(ctx context.Context) (err error) {
	_, err = os.Stat(in.path)
	if errors.Is(err, fs.ErrNotExist) && in.create != nil {
		if in.root != "" {
			if _, err = os.Stat(in.root); err != nil {
				return err
			}
		}

		err = prepareApart(ctx, in)
	}

	if err != nil {
		return err
	}

	in.Packets, in.Bytes, err = pcapfile.Count(in.path)

	return err
}

// prepareApart runs generate in a process of its own: see the package comment.
func prepareApart(ctx context.Context, in *input) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}

	fmt.Fprintln(os.Stderr, "run: making", in.path)
	args := append([]string{"-prepare", in.spec}, os.Args[1:]...)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr

	return cmd.Run()
}

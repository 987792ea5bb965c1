package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// processes are a process and its children.
type processes []int

// tree returns a process with its children and theirs.
func tree(pid int) processes {
	all := processes{pid}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				all = append(all, tree(n)...)
			}
		}
	}
	return all
}

// tick is the unit of times in /proc on every architecture of Linux that Go knows.
const tick = 10 * time.Millisecond

// cpu returns the CPU time of all so far.
func (p processes) cpu() (t time.Duration) {
	for _, pid := range p {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// proc_pid_stat(5): the second field is in parentheses and may have any of them.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 13 {
			continue
		}
		for _, f := range fields[11:13] { // utime and stime, fields 14 and 15
			n, _ := strconv.ParseInt(string(f), 10, 64)
			t += time.Duration(n) * tick
		}
	}
	return t
}

// memory returns the resident bytes of all: with all that is mapped, and with their share of what
// other processes have mapped, too.
func (p processes) memory() (rss, pss int64) {
	for _, pid := range p {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(text)) {
			var kb int64
			if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil {
				rss += kb << 10
			} else if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
				pss += kb << 10
			}
		}
	}
	return rss, pss
}

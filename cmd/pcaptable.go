package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// table writes a line of each qube that has packets, and of each vif that has none.
func (v *pcapView) table(w io.Writer) error {
	t := newTable(w)
	header := false
	row := func(cells ...string) {
		if !header {
			fmt.Fprintln(t, "QUBE\tVIF\tBYTES\tQUOTA\tBACK TO\tPACKETS\tCUT\tLOST")
			header = true
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	shown := map[string]bool{}
	for i := range v.st.Qubes {
		q := &v.st.Qubes[i]
		vif := v.vifOf(q.Qube)
		shown[vif.Name] = true
		row(dash(qubeText(q.Qube)), dash(safetext.Line(vif.Name)), bytesCell(q), v.quota(q.Qube, &vif), timeCell(q.First),
			report.Count(q.Packets+vif.Packets), report.Count(q.Cut+vif.Cut), report.Count(q.Lost+vif.Lost))
	}
	if v.live != nil {
		for i := range v.live.Vifs {
			if one := &v.live.Vifs[i]; one.Excluded != "" && !shown[one.Name] {
				row(dash(safetext.Line(one.Qube)), safetext.Line(one.Name), "excluded ("+safetext.Line(one.Excluded)+")")
			}
		}
	}
	return t.Flush()
}

// vifOf returns what the beat says of a qube's interface; the zero value if it has none.
func (v *pcapView) vifOf(qube string) (one control.PacketVif) {
	if v.live == nil {
		return one
	}
	for i := range v.live.Vifs {
		if l := &v.live.Vifs[i]; l.Open == qube || l.Open == "" && l.Excluded == "" && l.Qube != "" && l.Qube == qube {
			return *l
		}
	}
	return one
}

// quota returns the quota of a qube: what the beat says, else that of its name.
func (v *pcapView) quota(qube string, vif *control.PacketVif) string {
	n := vif.Quota
	if vif.Name == "" {
		n = packets.QuotaByName(&v.settings, qube)
	}
	if n > 0 {
		return report.Size(uint64(n))
	}
	return "-"
}

// bytesCell returns what a qube has on the disk, and what is wrong with it.
func bytesCell(q *packetstore.QubeStatus) string {
	text := report.Size(uint64(q.Bytes))
	if q.Damaged > 0 {
		text += fmt.Sprintf(" (%s damaged)", report.Counted(uint64(q.Damaged), "file"))
	}
	return text
}

func timeCell(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return stamp(t)
}

package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// A column returns the field of a record that a cell is stored in, nil if the cell is ignored.
type column func(r *record) *string

// A namedColumn is a column with its name in qvm-ls.
type namedColumn struct {
	name string
	cell column
}

// readColumns returns the columns that are read. The first eleven are the default, in that order.
func readColumns() []namedColumn {
	return []namedColumn{
		{"NAME", func(r *record) *string { return &r.name }},
		{"CLASS", func(r *record) *string { return &r.class }},
		{"STATE", func(r *record) *string { return &r.state }},
		{"LABEL", func(r *record) *string { return &r.label }},
		{"NETVM", func(r *record) *string { return &r.netvm }},
		{"IP", func(r *record) *string { return &r.ip }},
		{"IP6", func(r *record) *string { return &r.ip6 }},
		{"TEMPLATE", func(r *record) *string { return &r.template }},
		{"PROVIDES_NETWORK", func(r *record) *string { return &r.provides }},
		{"XID", func(r *record) *string { return &r.xid }},
		{"UUID", func(r *record) *string { return &r.uuid }},
		{"STUBDOM_XID", func(r *record) *string { return &r.stub }},
		{"TAGS", func(r *record) *string { return &r.tags }},
		{"EXIT", func(r *record) *string { return &r.exit }},
	}
}

// maxColumns is the maximum number of columns of an inventory; qvm-ls has fewer.
const maxColumns = 100

// defaultColumns is the number of columns of the recommended command.
const defaultColumns = 11

// ignoredColumns returns the columns of qvm-ls that are accepted but not read: those of its formats and of
// --help-columns, and the properties that concern the network or identity (qvm-ls of R4.1 to R4.3).
func ignoredColumns() []string {
	return []string{
		"VISIBLE_IP", "VISIBLE_IP6", "VISIBLE_GATEWAY", "VISIBLE_GATEWAY6", "VISIBLE_NETMASK",
		"GATEWAY", "GATEWAY6", "NETMASK", "IPBACK", "DNS", "MAC", "QID", "DISPID",
		"FLAGS", "FEATURES", "KLASS", "ICON", "AUTOSTART", "START_TIME", "IS_PRELOAD", "UPDATEABLE",
		"KERNEL", "KERNELOPTS", "MEMORY", "INITIALMEM", "MAXMEM", "VCPUS", "VIRT_MODE", "DEBUG",
		"TEMPLATE_FOR_DISPVMS", "AUTO_CLEANUP", "DEFAULT_DISPVM", "MANAGEMENT_DISPVM", "GUIVM", "AUDIOVM",
		"INCLUDE_IN_BACKUPS", "BACKUP_TIMESTAMP", "INSTALLED_BY_RPM",
		"DISK", "PRIV-CURR", "PRIV-MAX", "PRIV-POOL", "PRIV-USED", "ROOT-CURR", "ROOT-MAX", "ROOT-POOL", "ROOT-USED",
	}
}

// ignore is the column of cells that are not read.
func ignore(*record) *string { return nil }

// findColumn returns the column with that name, in any case, or an error that suggests the nearest one.
func findColumn(name string) (column, error) {
	known := ignoredColumns()
	if slices.Contains(known, strings.ToUpper(name)) {
		return ignore, nil
	}

	for _, c := range readColumns() {
		if strings.EqualFold(c.name, name) {
			return c.cell, nil
		}

		known = append(known, c.name)
	}
	return nil, fmt.Errorf("unknown column %.40q: did you mean %s? (qvm-ls prints '-' in every row for a column "+
		"that it does not know, so change the name in its --fields as well)", name, nearest(name, known))
}

// splitFields splits the names of columns at '|' or ','. Spaces around them do not count.
func splitFields(text string) []string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == '|' || r == ',' })
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields
}

// layout returns the columns with these names, and an error for every invalid name.
func layout(fields []string) (columns []column, errs []error) {
	if len(fields) > maxColumns {
		return nil, []error{fmt.Errorf("more than %d columns: leave some out", maxColumns)}
	}

	seen := make(map[string]bool, len(fields))
	for _, name := range fields {
		cell, err := findColumn(name)
		if key := strings.ToUpper(name); err == nil && seen[key] {
			err = fmt.Errorf("column %s is named twice: remove one of them", key)
		} else {
			seen[key] = true
		}

		if err != nil {
			errs = append(errs, err)
		}

		columns = append(columns, cell)
	}
	return columns, append(errs, missing(seen, errs)...)
}

// missing returns an error if the columns do not suffice to find the qube of a packet. It returns nil if there are other
// errors, which may be the cause.
func missing(seen map[string]bool, errs []error) []error {
	switch {
	case len(errs) > 0:
		return nil
	case !seen["NAME"]:
		return []error{fmt.Errorf("the column NAME is missing: add it")}
	case !seen["IP"] && !seen["IP6"] && !seen["XID"]:
		return []error{fmt.Errorf("the columns IP, IP6 and XID are all missing, so that no packet can be matched to a " +
			"qube: add one of them")}
	}
	return nil
}

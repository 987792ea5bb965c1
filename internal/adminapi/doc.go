// Package adminapi asks dom0's Admin API for an inventory, from a qube that the
// policy lets do so (qubes-doc, developer/services/admin-api). It reads names,
// labels, addresses and domain ids, of those qubes that the policy names, and
// changes nothing.
package adminapi

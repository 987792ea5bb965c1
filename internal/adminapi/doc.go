// Package adminapi reads an inventory from dom0's Admin API, from a qube that the policy
// allows to do so (qubes-doc, developer/services/admin-api). It reads the names, labels,
// addresses and domain ids of the qubes that the policy permits, and changes nothing.
package adminapi

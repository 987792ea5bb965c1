// Package redirect tests the resolver where it will be: in sys-log, behind the
// chains of Qubes and the redirection that docs/resolver.md shows, with real
// clients in namespaces.
package redirect

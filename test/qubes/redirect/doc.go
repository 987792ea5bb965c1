// Package redirect tests the resolver as deployed: in sys-log, behind the chains of Qubes
// and the redirection of docs/resolver.md, with real clients in namespaces.
package redirect

// Package testbed builds a small Qubes network from network namespaces. It uses
// the kernel's veth, routing, nft and sockets with the interface names, addresses,
// MACs, routes and rules of Qubes OS R4.2 and R4.3, so that a beat in its sys-log
// finds the environment of a real qube.
//
//	 sys-net (Network.Net)                       the world and its servers
//	┌──────────────────────────────────────────┐
//	│ lo: 198.51.100.7   http :80  https :443  │
//	│     192.0.2.53     dns :53 udp and tcp   │
//	│     10.139.1.1/.2  dns, as qubes name it │
//	│     2001:db8::7, 2001:db8::53            │
//	│     203.0.113.66   unreachable           │
//	│ vif2.0  10.137.0.3                       │
//	└────┬─────────────────────────────────────┘
//	     │ eth0  10.137.0.5  group 1
//	┌────┴─────────────────────────────────────┐
//	│ sys-log (Network.Log)   the beat is here │
//	│ nft: ip qubes, ip6 qubes, qubes-firewall │
//	│ vif4.0   vif5.0   vif6.0         group 2 │  MAC fe:ff:ff:ff:ff:ff, all with
//	└──┬────────┬────────┬─────────────────────┘  the address 10.137.0.5/32
//	   │ eth0   │ eth0   │ eth0                   MAC 00:16:3e:5e:6c:00, all
//	  work    banking   sys-vpn                   default via 10.137.0.5 onlink
//	  .0.6     .0.7      .0.20   (ProvidesNetwork, masquerades)
//	                     │ vif9.0
//	                     │ eth0
//	                    behind.vpn  .0.21         seen by sys-log as sys-vpn
//
// A test uses it as follows:
//
//	testbed.Require(t, "curl")
//	nw := testbed.New(t, testbed.Config{})
//	nw.StartServers()
//	work := nw.AddClient(testbed.Client{Name: "work", Label: "blue", IP: netip.MustParseAddr("10.137.0.6"), DomID: 4})
//	stdout, _, err := work.Run(ctx, "curl", "-sS", testbed.SmallURL)
//
// # Privileges
//
// Creating a network namespace needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Root has
// them; other users have them in a new user namespace:
//
//	QUBESBEAT_NET=1 unshare -Urnm go test ./internal/testbed ./test/qubes/live
//
// New skips the test and shows this command if the kernel refuses.
//
// # Cleanup
//
// Nothing is left behind. The namespaces have no name in /run/netns; they are held open by
// file descriptors of the test process only, and the kernel removes them, with
// every interface and rule inside, whenever the process ends. To enter one
// while a test is stopped in a debugger:
//
//	nsenter --net=/proc/PID/fd/N        (Host.Path returns PID and N)
//
// # Differences from Qubes
//
//   - veth replaces the Xen vif, so both ends have kernel counters.
//   - No QubesDB, no conntrack purge when a client appears, no flow table
//     (nft's qubes-nat-accel), one vif per qube.
//   - sys-net answers on the magic DNS addresses itself instead of rewriting
//     them; on the vifs of sys-log this is the same.
//   - IPv6 link-local addresses are off, so that interfaces are silent until a
//     test makes traffic. Qubes' antispoof rules drop them anyway.
//   - Without the nft program there is no NAT and no antispoofing, only plain
//     routes back. HasFirewall reports whether there is.
package testbed

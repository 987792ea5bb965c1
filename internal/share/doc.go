// Package share divides what is bounded among those who compete for it, so that a
// flood from one of them costs the others nothing.
//
// A [Pool] divides a stock, such as the bytes of a table or the places of a queue: a
// class may hold as much as it leaves free. One class alone gets half, two get a third
// each, and there is always room for a newcomer. This is the dynamic threshold of
// Choudhury and Hahne (IEEE/ACM Transactions on Networking 6(2), 1998) with a factor
// of one.
//
// A [Store] keeps values within a Pool and evicts the oldest of the class that has too
// much.
//
// A [Rate] divides a flow, such as the events of an hour: each class has a token
// bucket of its own.
//
// [Oldest] says which one has to go where a few are remembered in a map.
//
// A [Tally] counts by class what was lost, in bounded memory.
//
// The class is the observation point (the interface index of a vif) wherever the
// capture knows it, because a qube cannot choose it, and otherwise the address or the
// name of the client: see [Of].
package share

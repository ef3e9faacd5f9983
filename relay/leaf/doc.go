// Package leaf makes the relay a leaf node of a NATS cluster while it has a lease, which Redis keeps: of all relays on
// one Redis that name the same servers, one has it, so that the cluster gets each message once.
//
// # Ordering
//
// A relay that takes over begins behind a fence: messages that Redis sent earlier may have been delivered already, and
// are not delivered again. What the cluster may have missed before is told to it as a gap.
//
// # Concurrency
//
// Node.Run has a goroutine of its own. Node.StandDown belongs to the event loop. Node.Stats, and all functions, may be
// called from anywhere.
package leaf

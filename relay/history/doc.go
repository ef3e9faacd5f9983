// Package history is the channels whose messages are persisted before anybody
// hears them: how they are written, how readers get them back, and how local
// listeners get what a lost connection kept from them.
//
// # In Redis
//
// The entries of channel C are the stream "history:{C}". One atomic script adds an
// entry, announces it on "relay:seq:C" as "<id> <publisher> <n>", and publishes
// the payload on C itself. So on the relay's one connection an announcement and its
// payload are neighbours, stream order is broadcast order, and to everybody else C
// is plain Redis. publisher names one run of a relay, n
// counts its messages on C from 1.
//
// The script notes what it returns in the hash "history:calls:<publisher>", for its last 100 calls. If the
// connection is lost with an answer, the relay reads it there: see upstream.Connection.Record.
//
// # Healing
//
// The Feed stands between the connection and the local listeners. It knows the last
// entry of each channel that they have. After a loss it holds what arrives, reads
// what is missing, hands that out first, and then what it held: each entry once and
// in the order of the stream. What was trimmed meanwhile is told, by number where
// Redis counts it.
//
// Channels that only a pattern hears are found after a loss by their streams. What their listeners miss
// begins with a time of Redis: it is asked for before each pattern is, and every 5 s.
//
// Questions go over the connection that brings the messages. An answer comes behind all that Redis had
// published before it gave the answer. So answer and messages are compared at one moment. One question is
// under way at a time, about as many channels as wait.
//
// An answer that cannot be had concerns one channel: the question is halved until that is
// found. If the connection is lost while a question is under way, its channels are asked about in smaller
// questions next time; one with which that happens again and again is given up until the next loss. An
// entry that is too large is measured by Redis, told of, and passed.
//
// What was missed comes no faster than listeners take it: a channel of which something
// waits for them is put aside, as long as they read and not too much has to be held.
//
// What is known of a channel ends when nobody hears it any more: with the last name or
// pattern that Redis lets go of, or with the last reader. Who leaves a channel that is
// behind waits, by Barrier, until it has caught up.
//
// # Reading
//
// Clients that wait are served by the Feed, from what it has heard or reads for all of
// them. Those that ask are served by Pages, in pieces that are small enough to let
// others' questions through. Both read older entries on the reading connection. What is newest when a
// client begins to wait is found out on the connection that brings the messages, where it has its place
// among all commands.
//
// # Concurrency
//
// Feed, Writer and what they call belong to the loop. Nothing in them waits. The Feed has goroutines that
// wait for the reading connection, and post what they learn: one that looks for channels, and some that
// read for readers. They end with Close; Wait may be called from outside the loop. Pages may be used by
// any goroutine.
package history

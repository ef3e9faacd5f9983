// Package history is the channels whose messages are persisted before they are broadcast: how messages are
// written, how readers get them back, and how local listeners get the messages that a lost connection kept from
// them.
//
// # In Redis
//
// The entries of channel C are the stream "history:{C}". One atomic script adds an
// entry, announces it on "relay:seq:C" as "<id> <publisher> <n>", and publishes
// the payload on C itself. So on the relay's one connection an announcement and its
// payload are neighbours, stream order is broadcast order, and to all other clients C
// is plain Redis. publisher names one run of a relay, n
// counts its messages on C from 1.
//
// The script notes its result in the hash "history:calls:<publisher>", for its last 100 calls. If the answer is lost
// with the connection, the relay reads it there: see upstream.Connection.Record.
//
// # Healing
//
// The Feed stands between the connection and the local listeners. For each channel it knows the last entry that
// they have. After a loss it holds messages that come, reads the missing entries, delivers those first, and then
// the held messages: each entry once and in the order of the stream. If entries were trimmed meanwhile, it tells
// of a gap, with their number if Redis counts entries.
//
// Channels that only a pattern matches are found after a loss by their streams. The gap of their listeners
// begins with a time of Redis. It is asked for before each pattern is subscribed, and every 5 s.
//
// Questions go over the connection that brings the messages. An answer comes behind all messages that Redis had
// published before it gave the answer. So answer and messages are compared at one moment. One question is
// under way at a time, about as many channels as wait.
//
// If a question has no answer, because of one channel, it is halved until that channel is
// found. If the connection is lost during a question, its channels are asked about in smaller
// questions next time. A channel with which that happens again and again is given up until the next loss. An
// entry that is too large is measured by Redis, told of as a gap, and skipped.
//
// Missing entries come no faster than listeners take them: a channel whose listeners have messages waiting is put
// aside, as long as they read and not too much has to be held.
//
// A channel is dropped with its last listener and reader: with the last name or pattern that Redis
// unsubscribes. A listener that leaves a channel that is behind waits, by Barrier, until it has caught up.
//
// # Reading
//
// The Feed serves clients that wait, with entries that came or that it reads for all of
// them. Pages serves clients that do not wait, in pages so small that questions of others get through.
// Both read older entries on the reading connection. The newest entry when a client begins to wait is asked for
// on the connection that brings the messages: there the question has its place among all commands.
//
// # Concurrency
//
// The Feed and everything that it calls belong to the loop. Nothing in it waits. It has goroutines that
// wait for the reading connection, and post their results: one that searches for channels, and some that
// read for readers. They end with Close; Wait may be called from outside the loop. Pages may be used by
// any goroutine.
package history

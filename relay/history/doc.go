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
// is plain Redis. publisher names one publishing connection of a relay's life, n
// counts its messages on C from 1.
//
// # Healing
//
// The Feed stands between the connection and the local listeners. It knows the last
// entry of each channel that they have. After a loss it holds what arrives, reads
// what is missing, hands that out first, and then what it held: each entry once and
// in the order of the stream. What was trimmed meanwhile is told, by number where
// Redis counts it.
//
// Each question to Redis ends in a fence: the script that reads publishes a token
// on a channel of this relay's own. All that Redis published before it read has
// arrived when the token has. So the answer and the stream of messages are
// compared at one moment, though they come over two connections.
//
// An answer that cannot be had concerns one channel: the question is halved until that is
// found. An entry that is too large is measured by Redis, told of, and passed.
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
// others' questions through.
//
// # Concurrency
//
// Pages and Feed may be called from any goroutine. The Feed's callbacks run under its
// lock: they must not block for long and must not call the Feed.
package history

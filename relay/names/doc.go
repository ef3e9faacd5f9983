// Package names says what Redis calls the channels of local clients: redis.prefix, then the text in the rename of the
// channel's route, then the channel's own name. The relay's own channels and its keys have redis.prefix alone.
//
// Every channel has one name at Redis, and no two channels have the same: the configuration is refused otherwise. So
// there is a way back. Names at Redis that are no channel's are not heard by anybody.
//
// # Patterns
//
// A pattern of a client becomes one pattern at Redis for each text that may stand before the channels that it
// matches. A channel has one such text, and is heard by the pattern that begins with it: so each message is heard
// once, although several of those patterns may bring it.
//
// # Concurrency
//
// A Map is immutable. The nil Map changes no name.
package names

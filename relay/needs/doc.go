// Package needs says what the relay needs of Redis, and asks a Redis whether it has that. A running relay,
// redis-relay check and redis-relay explain read the same lists.
//
// A Right is a command that the relay can do without, with a form of it that tells whether it is allowed. A Demand is
// one thing that a configuration needs: a command together with its channel or key. Check asks a Redis about all
// demands, and about the settings that matter, over a connection of its own. It changes nothing. A Watcher says, while
// the relay runs, which rights are missing.
//
// # Concurrency
//
// Rights and demands are plain data. All functions, and the methods of a Watcher, may be called from anywhere. Check
// and Watcher.Run block: until all is asked, and until they are to end.
package needs

// Package order is tests only: commands on several connections have the effect that they would have if
// they were carried out one after the other, in the order in which they arrived. The tests write random
// sequences of commands to the relay, wait for no reply, and compare what each connection receives with a
// small model of Redis. The same sequences, each command awaited, show on a redis-server that the model is
// right. A failure prints the shortest sequence that still fails, and the seed.
//
// # What the order of arrival is
//
// One goroutine writes everything, so that one write is over before the next one begins. The kernel tells
// a server which connection became readable first, not which byte came first. So a connection writes
// again only when the server has taken what the connection wrote before. A connection that waits in XREAD
// writes again when it has the reply, and a new connection when its first PING is answered.
//
// # Concurrency
//
// The tests run one after the other, and need Linux: it tells whether the server has taken what was written.
package order

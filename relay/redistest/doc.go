// Package redistest is what the tests need around the relay: a real
// redis-server, a raw RESP client, a proxy that breaks connections on purpose,
// and a bounded wait. Only tests import it; it imports nothing of the relay, so
// that what it says about the wire owes nothing to the code under test.
//
//	srv := redistest.Start(t)
//	proxy := redistest.NewProxy(t, srv.Addr())
//	c := redistest.Dial(t, "tcp", proxy.Addr())
//	c.Send("SUBSCRIBE", "a")
//	c.Expect(t, "[subscribe a 1]")
//	srv.MustDo("PUBLISH", "a", "m")
//	c.Expect(t, "[message a m]")
//	proxy.Cut()
//	c.Closed()
//
// # Failing
//
// A fault of the test's surroundings (no redis-server, no answer in time) ends
// the test through testing.TB.Fatal: never a skip, so that a green run means
// that everything ran. Fatal must be called from the test's own goroutine; the
// methods that are safe elsewhere return an error instead (TrySend, TryReceive,
// TryDo, ReadMessages, Server.Do).
//
// # Ordering
//
// A call that injects a fault returns once the fault is in force: Kill when the
// process is gone, Stop when it no longer runs, Restart when it answers PING,
// Cut when the connections are closed. No test needs to sleep after one.
//
// # Concurrency
//
// Server and Proxy may be used by many goroutines at once. A Client has one
// sender and one receiver at a time, which may be two goroutines. Everything is
// returned to the machine when the test ends: processes, goroutines, files.
package redistest

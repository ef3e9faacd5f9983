// Package sentinel finds the master that sentinels name, and hears of it when they name another.
//
// # Who is believed
//
// Each failover gives the setup a higher number, its configuration epoch, and a sentinel that names a master tells the
// epoch, too. The highest one is right: a sentinel that was cut off, or has not heard yet, names the old master with a
// lower one. Of several masters with the same epoch the one is taken that most sentinels name. A sentinel that does not
// answer has no say; while none answers, the last master stands.
//
// # How soon
//
// Known.Watch holds a subscriber connection to every sentinel, asks it when it tells of anything about the master, and
// every 2 s. The sentinel that leads a failover names the new master as soon as that says that it is one, before it
// tells of +switch-master.
//
// # Concurrency
//
// All of it may be used from anywhere.
package sentinel

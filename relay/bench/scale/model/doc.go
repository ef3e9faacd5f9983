// Package model calculates what Pub/Sub costs as hosts, processes, channels and rates grow: connections, bytes, CPU
// and memory of Redis and of the relays. It measures nothing and opens no connection. The constants in it were measured
// (constants.go), and relay/bench/scale/trial compares what it says with real runs.
//
// A Deployment says who publishes and who listens, a Topology what stands between them, and Of gives the Load.
//
//	d := model.Deployment{Hosts: 200, Processes: 8, Channels: 100, Rate: 2000, Size: 300}
//	direct, relays := model.Of(model.Direct, d), model.Of(model.Relays, d)
//
// # What it assumes
//
// Each process listens to so many channels, drawn at random, and every channel carries the same. Messages come evenly
// in time. Listeners read. So it gives means; a channel that carries most of the traffic, or that everybody hears,
// should be calculated as a deployment of its own.
//
// # Concurrency
//
// All functions are pure. The tables must not be changed.
package model

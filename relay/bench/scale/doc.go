// Command scale calculates what a deployment costs Redis and the relays, from the constants that were measured, and
// says where it is full. Nothing is started: see relay/bench, whose section scale compares the model with real runs.
//
//	go run ./relay/bench/scale -hosts 200 -processes 8 -channels 100 -rate 2000 -size 300
//	go run ./relay/bench/scale -example broadcast -hosts 500
//	go run ./relay/bench/scale -constants
//	go run ./relay/bench/scale -docs docs       # writes the tables and pictures of docs/scaling.md anew
//
// # Concurrency
//
// It has one goroutine.
package main

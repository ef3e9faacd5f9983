// Package top shows a relay's status as text: live on a terminal, as redis-relay top does, or as one snapshot.
//
// A Model makes lines of a status.Status; it knows no terminal and no clock. Run paints them and hands it the keys that
// are pressed. Names of channels and clients come from anybody: in a line, no character of theirs controls a terminal.
//
// The package is the only importer of tcell, which paints cells and writes all escape codes.
//
// # Concurrency
//
// A Model belongs to one goroutine. While Run runs, that is the one that called it.
package top

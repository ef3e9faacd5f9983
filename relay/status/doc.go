// Package status is what a relay tells about itself, for people and programs: one value, Status, and the parts of it
// that are collected as time goes by. The status page, GET /api/v1/status and the command RELAY STATUS show it as JSON;
// schemas/status.json describes that.
//
// A Recorder keeps the last ten minutes, second by second. A Journal keeps the latest rejects and events.
//
// # Concurrency
//
// Everything may be called from any goroutine. What a Recorder and a Journal return is not changed any more.
package status

//go:generate go test -run ^TestSchemaIsUpToDate$ -update .

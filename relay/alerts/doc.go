// Package alerts knows which alerts stand, and tells an HTTP server of them.
//
// A [Board] makes alerts of notices: the list of package notice says which notice raises or ends which kind. An alert
// is identified by its kind, and by the channel, direction and client that it is about. It is raised once and ended
// once, however often its cause is reported meanwhile. A [Webhook] sends each change to a URL.
//
// # Ordering
//
// The changes of a Board reach its listener in the order in which they happen. A Webhook keeps that order, but for
// changes of an alert that wait together: they become one.
//
// # Bounds
//
// A Board keeps at most 250 alerts of each kind. A Webhook keeps at most 256 messages of a few KiB each.
//
// # Concurrency
//
// All methods may be called from any goroutine. None blocks, but for Webhook.Run, which has a goroutine of its own.
package alerts

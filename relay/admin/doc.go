// Package admin serves HTTP: health for Kubernetes, metrics for Prometheus, and
// a status page with the JSON and the events behind it. It changes nothing. It knows by which names it may be asked,
// and may want a token. It holds few connections, and gives a new one the place of one that is not used.
//
// The page is the files in web, as they are: no build step, and no request elsewhere. Everything that it shows is
// text that others chose, so its scripts set text and never markup; the policy of content holds them to it.
//
// # Concurrency
//
// A Server may be used from anywhere. Run blocks until every request has ended.
package admin

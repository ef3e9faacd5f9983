package traces

// The bounded way to the exporter: what waits, what is lost, and who is told.

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// queue lets spans through to the SDK's batch processor, which does not say what it drops: so it never has to.
type queue struct {
	batches sdk.SpanProcessor // fixed after construction

	waiting                   atomic.Int64 // finished spans that are not exported yet
	exported, failed, dropped atomic.Uint64
}

func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd never waits.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if q.waiting.Add(1) > maxWaiting {
		q.waiting.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.batches.OnEnd(s)
}

func (q *queue) Shutdown(ctx context.Context) error { return q.batches.Shutdown(ctx) }

func (q *queue) ForceFlush(ctx context.Context) error { return q.batches.ForceFlush(ctx) }

// exporter counts what the SDK's exporter does. The batch processor calls it from one goroutine at a time.
type exporter struct {
	// Fixed after construction.
	next    sdk.SpanExporter
	queue   *queue
	stopped chan struct{} // closed by Shutdown

	report report
}

// ExportSpans always returns nil: otherwise the SDK would print the error.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.next.ExportSpans(ctx, spans)
	lost := 0
	var partial *partialError
	switch {
	case errors.As(err, &partial):
		lost = min(len(spans), int(partial.rejected))
	case err != nil:
		lost = len(spans)
	}
	e.queue.waiting.Add(-int64(len(spans)))
	e.queue.exported.Add(uint64(len(spans) - lost))
	e.queue.failed.Add(uint64(lost))
	e.report.note(err, lost, time.Now())
	return nil
}

func (e *exporter) Shutdown(ctx context.Context) error {
	defer close(e.stopped)
	return e.next.Shutdown(ctx)
}

// reportEvery is the least time between two reports of failures.
const reportEvery = time.Minute

// report tells of failures, and of their end, but not of each.
type report struct {
	// Fixed after construction.
	failed func(err error, lost uint64)
	back   func()

	lost    uint64    // spans since the last report
	last    time.Time // of the last report
	failing bool      // the last report was of a failure
}

// note takes the outcome of an export.
func (r *report) note(err error, lost int, now time.Time) {
	r.lost += uint64(lost)
	switch {
	case err == nil && r.failing:
		r.failing = false
		r.back()
	case err != nil && (r.last.IsZero() || now.Sub(r.last) >= reportEvery):
		r.failing, r.last = true, now
		r.failed(err, r.lost)
		r.lost = 0
	}
}

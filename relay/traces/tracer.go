package traces

// The Tracer: which messages are traced, and as whose children.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const (
	maxWaiting  = 2048             // finished spans
	maxBatch    = 512              // spans in one export
	batchTime   = time.Second      // for which spans are gathered
	exportTime  = 10 * time.Second // for one export, with its retries
	flushTime   = time.Second      // see Tracer.flush
	spansOfAny  = 3                // of one message, at most
	serviceName = "redis-relay"
)

// Options say what a Tracer does.
type Options struct {
	Endpoint string  // URL of the receiver; without a path, it is /v1/traces
	Sample   float64 // the share of messages without a parent that are traced, from 0 to 1
	Field    string  // the top-level JSON field that names the parent, without quotes and backslashes
	Version  string  // of the relay
	Instance string  // this run of the relay, among all others

	// Failed is told that an export has failed, and how many spans are lost since it was told last: at most once a
	// minute. Back is told that exports succeed again. Both are called by the exporter's goroutine.
	Failed func(err error, lost uint64)
	Back   func()
}

// Tracer makes spans. A nil Tracer traces nothing.
type Tracer struct {
	// Fixed after construction.
	sample   float64
	finder   *finder
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	queue    *queue
	exporter *exporter
	client   *client
	flush    time.Duration // for all that waits at the end

	delivering []trace.Span // that end with the turn
	last       lastMessage
}

// New returns a Tracer, which the caller must Close. It connects to nothing yet. The error is about the environment,
// see Check.
func New(o Options) (*Tracer, error) {
	c, err := newClient(o.Endpoint)
	if err != nil {
		return nil, err
	}
	f, err := newFinder(o.Field)
	if err != nil {
		return nil, err
	}
	otlp, err := otlptrace.New(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("traces.endpoint: %w", err)
	}
	about, err := describe(o)
	if err != nil {
		return nil, fmt.Errorf("traces.endpoint: %w", err)
	}
	q := &queue{}
	e := &exporter{next: otlp, queue: q, report: report{failed: o.Failed, back: o.Back}, stopped: make(chan struct{})}
	q.batches = sdk.NewBatchSpanProcessor(e, sdk.WithMaxQueueSize(maxWaiting), sdk.WithMaxExportBatchSize(maxBatch),
		sdk.WithBatchTimeout(batchTime), sdk.WithExportTimeout(exportTime))
	provider := sdk.NewTracerProvider(
		sdk.WithResource(about), sdk.WithSpanProcessor(q), sdk.WithSampler(sdk.AlwaysSample()), // decide has decided
	)
	tracer := provider.Tracer(serviceName, trace.WithInstrumentationVersion(o.Version),
		trace.WithSchemaURL(semconv.SchemaURL))
	return &Tracer{
		sample: o.Sample, finder: f, provider: provider, tracer: tracer, queue: q, exporter: e, client: c, flush: flushTime,
	}, nil
}

// describe returns what all spans say of the relay. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES may change it.
func describe(o Options) (*resource.Resource, error) {
	attributes := []attribute.KeyValue{
		semconv.ServiceName(serviceName), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(o.Instance),
		semconv.ProcessPID(os.Getpid()),
	}
	if host, err := os.Hostname(); err == nil {
		attributes = append(attributes, semconv.HostName(host))
	}
	return resource.New(context.Background(), resource.WithSchemaURL(semconv.SchemaURL), resource.WithTelemetrySDK(),
		resource.WithAttributes(attributes...), resource.WithFromEnv())
}

// Close exports what waits, for at most a second, and ends the exporter. No span may be begun or ended any more.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	t.client.retry.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), t.flush)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter counts what is lost
	t.client.halt()
	<-t.exporter.stopped
	t.client.http.CloseIdleConnections()
	return nil
}

// Stats says what became of spans so far.
type Stats struct {
	Exported uint64 // the receiver has taken them
	Failed   uint64 // the receiver has not taken them
	Dropped  uint64 // too many waited for the exporter
}

// Stats may be called from anywhere.
func (t *Tracer) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{t.queue.exported.Load(), t.queue.failed.Load(), t.queue.dropped.Load()}
}

// Message is a message that may be traced. Its slices are valid during the call.
type Message struct {
	Channel []byte
	Pattern []byte // that brought the message; nil: the channel did
	Payload []byte
	Size    int    // of the payload in bytes, also if it was not read
	Route   string // the prefix of its route; empty: none covers it
	Parent  string // the traceparent that came beside the payload; empty: none
}

// Publish begins the trace of a message that a client publishes. It returns nil for one that is not sampled.
func (t *Tracer) Publish(m *Message) *Trace {
	parent, sampled := t.decide(m)
	if !sampled {
		return nil
	}
	return t.begin(&publish, parent, m)
}

// Receive begins the trace of a message from Redis. It returns nil for one that is not sampled, and for a further copy
// of the last one, which came by a pattern.
func (t *Tracer) Receive(m *Message) *Trace {
	parent, sampled := t.decide(m)
	if !sampled || t.last.isCopy(m) {
		return nil
	}
	return t.begin(&receive, parent, m)
}

// decide returns the parent of a message, if one is named beside the payload or else in it, and whether to trace the
// message. If there is no room for its spans, they are counted.
func (t *Tracer) decide(m *Message) (parent trace.SpanContext, sampled bool) {
	if m.Parent != "" {
		parent = parse([]byte(m.Parent))
	}
	if !parent.IsValid() {
		parent = t.finder.parent(m.Payload)
	}
	if parent.IsValid() {
		sampled = parent.IsSampled()
	} else {
		sampled = t.sample > 0 && rand.Float64() < t.sample
	}
	if sampled && t.queue.waiting.Load() > maxWaiting-spansOfAny {
		t.queue.dropped.Add(spansOfAny)
		return parent, false
	}
	return parent, sampled
}

// EndTurn ends the spans that end with a turn of the loop.
func (t *Tracer) EndTurn() {
	if t != nil && len(t.delivering) > 0 {
		t.endDeliveries()
	}
}

func (t *Tracer) endDeliveries() {
	for _, span := range t.delivering {
		span.End()
	}
	clear(t.delivering)
	t.delivering = t.delivering[:0]
}

// lastMessage is the last message from Redis that was traced, by which its further copies are recognised.
type lastMessage struct {
	channel, pattern, payload string
}

// isCopy reports whether m is a further copy of the last message. If not, it becomes the last one.
func (l *lastMessage) isCopy(m *Message) bool {
	if m.Pattern != nil && l.pattern != string(m.Pattern) && l.channel == string(m.Channel) &&
		l.payload == string(m.Payload) {
		return true
	}
	*l = lastMessage{string(m.Channel), string(m.Pattern), string(m.Payload)}
	return false
}

package traces

// The spans of one message.

import (
	"context"
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// operation is what a span is about.
type operation struct {
	name string
	kind trace.SpanKind
	typ  string // messaging.operation.type; empty: none
}

// The operations. receive is a consumer's: Redis pushes messages, and a client that asks for them is what the
// conventions call a client. deliver and publish send the message on.
var (
	publish = operation{"publish", trace.SpanKindProducer, "send"}
	receive = operation{"receive", trace.SpanKindConsumer, "receive"}
	check   = operation{"check", trace.SpanKindInternal, ""}
	deliver = operation{"deliver", trace.SpanKindProducer, "send"}
)

// Trace is the spans of one message. A nil Trace is that of a message that is not traced.
type Trace struct {
	// Fixed after construction.
	tracer *Tracer
	about  []attribute.KeyValue // of all spans
	where  string               // the channels in the names of spans
	ctx    context.Context      // with the outermost span
	span   trace.Span

	check  trace.Span // nil: it has ended
	failed string     // the code of the check; empty: the message is valid
}

// begin begins the outermost span, and the check.
func (t *Tracer) begin(o *operation, parent trace.SpanContext, m *Message) *Trace {
	channel := text(m.Channel)
	s := &Trace{tracer: t, about: []attribute.KeyValue{
		semconv.MessagingSystemKey.String("redis"), semconv.MessagingDestinationName(channel),
		semconv.MessagingMessageBodySize(m.Size),
	}}
	if m.Route != "" {
		s.where = m.Route + "*"
		s.about = append(s.about, semconv.MessagingDestinationTemplate(s.where))
	}
	s.ctx = context.Background()
	if parent.IsValid() {
		s.ctx = trace.ContextWithRemoteSpanContext(s.ctx, parent)
	}
	s.ctx, s.span = s.start(o)
	if m.Pattern != nil {
		s.span.SetAttributes(semconv.MessagingDestinationSubscriptionName(text(m.Pattern)))
	}
	_, s.check = s.start(&check)
	return s
}

// start begins a span below that of s.ctx.
func (s *Trace) start(o *operation) (context.Context, trace.Span) {
	name := o.name
	if s.where != "" {
		name += " " + s.where
	}
	attributes := append(s.about[:len(s.about):len(s.about)], semconv.MessagingOperationName(o.name))
	if o.typ != "" {
		attributes = append(attributes, semconv.MessagingOperationTypeKey.String(o.typ))
	}
	return s.tracer.tracer.Start(s.ctx, name, trace.WithSpanKind(o.kind), trace.WithAttributes(attributes...))
}

// text returns a name as an attribute, which must be UTF-8.
func text(name []byte) string {
	if utf8.Valid(name) {
		return string(name)
	}
	return string([]rune(string(name))) // U+FFFD for each byte that is not
}

// SetClient says who publishes the message; empty: that is not known.
func (s *Trace) SetClient(name string) {
	if s != nil && name != "" {
		s.span.SetAttributes(semconv.MessagingClientID(text([]byte(name))))
	}
}

// Checked ends the check. code says why the message is not valid; empty: it is.
func (s *Trace) Checked(code string) {
	if s == nil || s.check == nil {
		return
	}
	s.failed = code
	end(s.check, code)
	s.check = nil
}

// Refused ends the trace of a message that goes nowhere. code says why.
func (s *Trace) Refused(code string) {
	if s != nil {
		s.Checked(code)
		end(s.span, code)
	}
}

// Published ends the trace of a message to which Redis has answered: it has so many receivers, and in a stream the ID,
// which is empty for a message without history.
func (s *Trace) Published(receivers int64, id string) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attribute.Int64("redis_relay.receivers", receivers))
	s.identify(id)
	end(s.span, "")
}

// EntryID is the ID of an entry in a stream; zero: none.
type EntryID struct{ Ms, Seq uint64 }

// Dispatched ends the trace of a message that is queued for so many listeners; deliver ends with the turn. id is that
// of a message with history.
func (s *Trace) Dispatched(listeners int, id EntryID) {
	if s != nil {
		s.dispatched(listeners, id)
	}
}

func (s *Trace) dispatched(listeners int, id EntryID) {
	if id != (EntryID{}) {
		s.identify(fmt.Sprintf("%d-%d", id.Ms, id.Seq))
	}
	if listeners > 0 {
		_, span := s.start(&deliver)
		span.SetAttributes(attribute.Int("redis_relay.listeners", listeners))
		s.tracer.delivering = append(s.tracer.delivering, span)
	}
	end(s.span, s.failed)
}

func (s *Trace) identify(id string) {
	if id != "" {
		s.span.SetAttributes(semconv.MessagingMessageID(id))
	}
}

// end ends a span. code says what went wrong; empty: nothing.
func end(span trace.Span, code string) {
	if code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
		span.SetStatus(codes.Error, code)
	}
	span.End()
}

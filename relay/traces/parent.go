package traces

// Finding the publisher's span in a payload.

import (
	"bytes"
	"fmt"

	"go.opentelemetry.io/otel/trace"

	"redis-relay/relay/schema"
)

// maxLooked is the size in bytes of a payload beyond which nobody looks for the field: the loop must not wait.
const maxLooked = 64 << 10

// parentSize is the size in bytes of a traceparent of version 00.
const parentSize = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// finder finds the field. It never changes.
type finder struct {
	quoted  []byte // the name as JSON has it
	checker *schema.Checker
}

func newFinder(field string) (*finder, error) {
	checker, err := new(schema.Set).Checker("", field)
	if err != nil {
		return nil, fmt.Errorf("traces.field: %w", err)
	}
	return &finder{[]byte(`"` + field + `"`), checker}, nil
}

// parent returns the span that a payload names, or an invalid one if it names none. A payload without the name of the
// field, which most are, is searched and not parsed.
func (f *finder) parent(payload []byte) (none trace.SpanContext) {
	if len(payload) > maxLooked || !bytes.Contains(payload, f.quoted) {
		return none
	}
	value, _, _, _ := f.checker.Scan(payload)
	return parse(value)
}

// parse reads a traceparent, or returns an invalid span. The SDK's own function takes four allocations, for messages
// that are not sampled, too.
func parse(value []byte) (none trace.SpanContext) {
	if len(value) < parentSize || value[2] != '-' || value[35] != '-' || value[52] != '-' {
		return none
	}
	version, known := hexByte(value[:2])
	flags, ok := hexByte(value[53:parentSize])
	longer := len(value) > parentSize
	if !known || !ok || version == 0xff || longer && (version == 0 || value[parentSize] != '-') {
		return none // a later version may have more parts
	}
	id, err := trace.TraceIDFromHex(string(value[3:35]))
	if err != nil {
		return none
	}
	span, err := trace.SpanIDFromHex(string(value[36:52]))
	if err != nil {
		return none
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags) & trace.FlagsSampled, Remote: true,
	})
}

// hexByte reads two hexadecimal digits in small letters.
func hexByte(digits []byte) (b byte, ok bool) {
	for _, d := range digits {
		switch {
		case '0' <= d && d <= '9':
			b = b<<4 | (d - '0')
		case 'a' <= d && d <= 'f':
			b = b<<4 | (d - 'a' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

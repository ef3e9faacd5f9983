package stream

// Entries: which field is the message, and which is the trace.

import (
	"strings"
	"testing"
)

const span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestPayloadAndTrace(t *testing.T) {
	long := strings.Repeat("0", 256)
	for fields, want := range map[string]struct{ payload, trace string }{
		"payload m":                           {"m", ""},
		"json m":                              {"m", ""},
		"traceparent m":                       {"m", ""}, // the message, as its publisher called it
		"payload m traceparent " + span:       {"m", span},
		"traceparent " + span + " payload m":  {"m", span},
		"json m traceparent " + span:          {"m", span},
		"traceparent " + span + " json m":     {"m", span},
		"a 1 payload m traceparent " + span:   {"m", span},
		"payload m b 2":                       {"m", ""},
		"a 1 b 2":                             {"", ""},
		"a 1 b 2 traceparent " + span:         {"", span},
		"payload m traceparent é":             {"m", ""},
		"payload m traceparent " + long:       {"m", long},
		"payload m traceparent " + long + "0": {"m", ""},
	} {
		var e Entry
		for word := range strings.FieldsSeq(fields) {
			e.Fields = append(e.Fields, []byte(word))
		}
		payload, ok := e.Payload()
		if string(payload) != want.payload || ok != (want.payload != "") || e.Trace() != want.trace {
			t.Errorf("%s: the message is %q, %v, the trace %q", fields, payload, ok, e.Trace())
		}
	}
}

func TestMayBeTrace(t *testing.T) {
	for value, want := range map[string]bool{
		span: true, "x": true, "": false, "a b": false, "a\n": false, "\x7f": false, "é": false,
		strings.Repeat("x", 256): true, strings.Repeat("x", 257): false,
	} {
		if MayBeTrace([]byte(value)) != want {
			t.Errorf("%q: %v", value, !want)
		}
	}
}

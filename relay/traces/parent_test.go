package traces

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func TestParent(t *testing.T) {
	const id = "b7ad6b7169203331"
	for name, c := range map[string]struct {
		field, payload string
		want           string // the ID of the parent's span; empty: none
		isSampled      bool
	}{
		"first":                   {"traceparent", `{"traceparent":"` + sampled + `","a":1}`, id, true},
		"last, with spaces":       {"traceparent", `{ "a" : [1, {}] , "traceparent" : "` + sampled + `" }`, id, true},
		"not sampled":             {"traceparent", `{"traceparent":"` + unsampled + `"}`, id, false},
		"a later version":         {"traceparent", `{"traceparent":"cc` + sampled[2:] + `-more"}`, id, true},
		"another name":            {"über.trace", `{"über.trace":"` + sampled + `"}`, id, true},
		"nested":                  {"traceparent", `{"a":{"traceparent":"` + sampled + `"}}`, "", false},
		"nested, and not":         {"traceparent", `{"a":{"traceparent":"` + sampled + `"},"traceparent":"` + unsampled + `"}`, id, false},
		"in a text":               {"traceparent", `{"a":"\"traceparent\":\"` + sampled + `\""}`, "", false},
		"more in version 00":      {"traceparent", `{"traceparent":"` + sampled + `-more"}`, "", false},
		"a later version, run on": {"traceparent", `{"traceparent":"cc` + sampled[2:] + `more"}`, "", false},
		"other flags":             {"traceparent", `{"traceparent":"` + sampled[:53] + `fe"}`, id, false},
		"flags in capitals":       {"traceparent", `{"traceparent":"` + sampled[:53] + `0F"}`, "", false},
		"as a value":              {"traceparent", `{"a":"traceparent","b":"` + sampled + `"}`, "", false},
		"twice":                   {"traceparent", `{"traceparent":"` + sampled + `","traceparent":"` + unsampled + `"}`, "", false},
		"no text":                 {"traceparent", `{"traceparent":7}`, "", false},
		"no traceparent":          {"traceparent", `{"traceparent":"0123456789012345678901234567890123456789012345678901234"}`, "", false},
		"cut":                     {"traceparent", `{"traceparent":"` + sampled[:50] + `"}`, "", false},
		"capitals":                {"traceparent", `{"traceparent":"` + strings.ToUpper(sampled) + `"}`, "", false},
		"a trace of zeros":        {"traceparent", `{"traceparent":"00-` + strings.Repeat("0", 32) + sampled[35:] + `"}`, "", false},
		"an unknown version":      {"traceparent", `{"traceparent":"ff` + sampled[2:] + `"}`, "", false},
		"no JSON":                 {"traceparent", `"traceparent":"` + sampled + `"`, "", false},
		"broken JSON":             {"traceparent", `{"traceparent":"` + sampled + `",`, "", false},
		"an array":                {"traceparent", `["traceparent","` + sampled + `"]`, "", false},
		"empty":                   {"traceparent", ``, "", false},
		"under another name":      {"trace", `{"traceparent":"` + sampled + `"}`, "", false},
		"in what is very long":    {"traceparent", `{"traceparent":"` + sampled + `","a":"` + strings.Repeat("x", maxLooked) + `"}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := newFinder(c.field)
			if err != nil {
				t.Fatal(err)
			}
			for range 100 { // the checker learns how messages look
				parent := f.parent([]byte(c.payload))
				got := ""
				if parent.IsValid() {
					got = parent.SpanID().String()
				}
				if got != c.want || parent.IsSampled() != c.isSampled {
					t.Fatalf("got the parent %q, sampled %v", got, parent.IsSampled())
				}
				if parent.IsValid() && !parent.IsRemote() {
					t.Fatal("the parent counts as a span of the relay's own")
				}
			}
		})
	}
}

// TestParseIsTheSDKs: both read the same from each text. Left out is where the SDK is not W3C's: it refuses flags of
// version 00 that it does not know, and takes a dash at the end.
func TestParseIsTheSDKs(t *testing.T) {
	for i := range len(sampled) - 2 {
		for _, c := range []byte("0fF-g \x00") {
			text := []byte(sampled)
			text[i] = c
			for _, value := range []string{string(text), string(text) + "0", string(text[:i])} {
				ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": value})
				got, want := parse([]byte(value)), trace.SpanContextFromContext(ctx)
				if got.IsValid() != want.IsValid() || got.IsValid() && (got.IsSampled() != want.IsSampled() ||
					got.TraceID() != want.TraceID() || got.SpanID() != want.SpanID()) {
					t.Errorf("%q: got %+v, the SDK reads %+v", value, got, want)
				}
			}
		}
	}
}

// TestALookAllocatesNothing, whatever is found.
func TestALookAllocatesNothing(t *testing.T) {
	f, err := newFinder("traceparent")
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{`{"type":"typing","userId":"ann"}`, `{"a":1,"traceparent":"` + unsampled + `"}`} {
		text := []byte(payload)
		if n := testing.AllocsPerRun(1000, func() { f.parent(text) }); n > 0 {
			t.Errorf("%v allocations for %s", n, payload)
		}
	}
}

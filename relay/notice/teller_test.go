package notice

// Who hears what, and how often.

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/route"
)

// fakeOutlet is an outlet with one listener of some channels.
type fakeOutlet struct {
	channels []string
	heard    []string
}

func (e *fakeOutlet) HasListeners(channel []byte) bool {
	return slices.Contains(e.channels, string(channel))
}

func (e *fakeOutlet) Tell(channel, payload []byte, urgent bool) {
	var m struct{ Event, Code string }
	if err := json.Unmarshal(payload, &m); err != nil {
		panic(err)
	}
	e.heard = append(e.heard, fmt.Sprintf("%s %s%s %v", channel, m.Event, m.Code, urgent))
}

func (e *fakeOutlet) says(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(e.heard, want) {
		t.Errorf("heard %q, want %q", e.heard, want)
	}
	e.heard = nil
}

// newTeller returns one with its log.
func newTeller() (*Teller, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return New(zap.New(core)), logs
}

func TestScopes(t *testing.T) {
	teller, logs := newTeller()
	both := []string{policy.EventsChannel, policy.RejectsChannel}
	host, cluster, deaf := &fakeOutlet{channels: both}, &fakeOutlet{channels: both}, &fakeOutlet{}
	teller.Add(host, Host)
	teller.Add(cluster, Cluster)
	teller.Add(deaf, Host|Cluster)
	teller.Tell(UpstreamDown, Event{Cause: "x"}, zap.Int("n", 1))
	teller.Send(UpstreamGap, Event{Cause: "x"})
	teller.Send(NATSGap, Event{Cause: "x"})
	teller.Send(LeafGap, Event{Cause: "x"})
	counters := monitor.New("").Route("r")
	teller.Reject(monitor.Outbound, &route.Route{}, counters, &policy.Refusal{Code: policy.Denied}, Message{Size: 1})
	teller.Alert(RateAlert, "r", Event{Channel: "c", Direction: monitor.Inbound, Rate: 1.5})
	host.says(t, "relay:events upstream_down false", "relay:events gap true", "relay:events gap true",
		"relay:rejects DENIED false", "relay:events alert false")
	cluster.says(t, "relay:events gap true", "relay:events gap true")
	deaf.says(t)
	teller.Remove(cluster)
	teller.Send(LeafGap, Event{Cause: "x"})
	cluster.says(t)
	if lines := logs.All(); len(lines) != 3 || lines[0].Message != UpstreamDown.Text || lines[0].Level != zap.WarnLevel {
		t.Errorf("the log has %v", lines)
	}
	if n := teller.Told(UpstreamDown); n != 1 || teller.Told(UpstreamUp) != 0 {
		t.Errorf("a line was written %d times", n)
	}
}

// TestLinesAreSampled, events and counts are not.
func TestLinesAreSampled(t *testing.T) {
	teller, logs := newTeller()
	all := &fakeOutlet{channels: []string{policy.EventsChannel}}
	teller.Add(all, Host)
	for range 10 {
		teller.Slow(Event{Who: Who{Client: 7, Name: "n", PID: 1}, Reason: "dropped", Messages: 2})
	}
	teller.Slow(Event{Who: Who{Client: 7}, Reason: "slow", Disconnected: true})
	if n := logs.Len(); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	if n := len(all.heard); n != 11 {
		t.Errorf("%d events, want 11", n)
	}
	if f := logs.All()[0].ContextMap(); f["client"] != uint64(7) || f["reason"] != "dropped" || f["missing"] != uint64(2) {
		t.Errorf("the line has %v", f)
	}
}

func TestLoggersAndValues(t *testing.T) {
	teller, logs := newTeller()
	teller.Log(LeafUp)
	teller.Log(RightBack.With("XADD"))
	lines := logs.All()
	if lines[0].LoggerName != "leaf" || lines[1].LoggerName != "" || lines[1].Message != "Redis allows XADD again" {
		t.Errorf("the log has %v", lines)
	}
}

// TestLossesAreSampled: what was left out is told, so nothing else may be sampled.
func TestLossesAreSampled(t *testing.T) {
	teller, _ := newTeller()
	for _, n := range []*Notice{CheckGap, MessageRefused, SlowListener, LongTurn} {
		allowed := 0
		for range 100 {
			if _, ok := teller.Sample(n, "a"); ok {
				allowed++
			}
		}
		if allowed == 0 || allowed == 100 {
			t.Errorf("%q: %d of 100 lines are written", n.Text, allowed)
		}
	}
	for range 100 {
		if _, ok := teller.Sample(UpstreamDown, "a"); !ok {
			t.Fatal("a line is left out of which nothing would be told")
		}
	}
}

// TestUnknownIsNotLogged of a client: no empty name, no process 0.
func TestUnknownIsNotLogged(t *testing.T) {
	uid := uint32(5)
	for _, tt := range []struct {
		who  Who
		want []string
	}{
		{Who{}, nil},
		{Who{Client: 7}, []string{"client"}},
		{Who{Client: 7, Name: "n", PID: 1, UID: &uid}, []string{"client", "name", "pid", "uid"}},
	} {
		var got []string
		for _, f := range tt.who.fields() {
			got = append(got, f.Key)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %q, want %q", tt.who, got, tt.want)
		}
	}
}

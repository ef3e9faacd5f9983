package notice

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const alertsHead = "| kind | begins when | ends when | what to do |\n|---|---|---|---|\n"

// alertsTable is the list of alerts as the documentation has it: a row for each notice that raises one.
func alertsTable() string {
	text := alertsHead
	for _, kind := range AlertKinds() {
		anchor := "alert-" + kind
		for _, n := range list {
			if n.Alert == kind && !n.Ends {
				cell := `<a id="` + anchor + `"></a>` + "`" + kind + "`"
				text += "| " + strings.Join([]string{cell, n.When, endOf(n), n.Do}, " | ") + " |\n"
				anchor += "-" // an anchor is there once
			}
		}
	}
	return text
}

// endOf says when the alert of a notice ends.
func endOf(n *Notice) string {
	if n.Once {
		return "at once"
	}
	var ends []string
	for _, other := range list {
		if other.Alert == n.Alert && other.Ends {
			ends = append(ends, other.When)
		}
	}
	if n.Lasts > 0 {
		ends = append(ends, fmt.Sprintf("for %.0f s nothing more is told of it", n.Lasts.Seconds()))
	}
	if slices.Contains(n.Fields, "disconnected") {
		ends = append(ends, "the client is disconnected for it")
	}
	return strings.Join(ends, "; or ")
}

// TestDocumentationHasTheAlerts, the same, on one page.
func TestDocumentationHasTheAlerts(t *testing.T) { onOnePage(t, alertsHead, alertsTable()) }

// TestAlertsEnd, each in some way, and there is something to do about each.
func TestAlertsEnd(t *testing.T) {
	for _, n := range list {
		if n.Alert != "" && !n.Ends && (endOf(n) == "" || n.Do == "") {
			t.Errorf("%s: ends %q, do %q", n.Alert, endOf(n), n.Do)
		}
		if n.Ends && !slices.ContainsFunc(list, func(other *Notice) bool { return other.Alert == n.Alert && !other.Ends }) {
			t.Errorf("%s: nothing raises what %q ends", n.Alert, n.When)
		}
	}
}

type observed []string

func (o *observed) Observe(n *Notice, e Event) {
	*o = append(*o, fmt.Sprint(n.Alert, " ", e.Event, " ", e.Time.IsZero()))
}

// TestObserverIsTold of alerts, whether or not there are listeners, and of nothing else.
func TestObserverIsTold(t *testing.T) {
	teller, _ := newTeller()
	teller.Send(UpstreamAlert, Event{}) // nobody observes yet
	var got observed
	teller.ObserveBy(&got)
	teller.Tell(UpstreamAlert, Event{Time: time.Now()})
	teller.Send(UpstreamDown, Event{})
	teller.SendTo(&fakeOutlet{}, LeafGap, Event{})
	teller.Slow(Event{})
	teller.Log(LeafDown)
	teller.Observe(LeafDown, Event{})
	teller.Observe(NATSLimits, Event{})
	want := []string{"upstream alert false", "gap gap false", "slow_listener slow_listener false", "nats_leaf  false"}
	if !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
}

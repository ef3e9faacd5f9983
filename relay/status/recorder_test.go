package status

import (
	"fmt"
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

func TestRates(t *testing.T) {
	var r Recorder
	for i := range 4 {
		n := float64(i)
		r.Record(Reading{
			At: start.Add(time.Duration(i) * 500 * time.Millisecond), Up: i != 2,
			Total:  Flow{Received: 10 * n, ReceivedBytes: 100 * n, Dropped: n},
			Routes: map[string]Flow{"chat:": {Received: 10 * n}},
		})
	}
	if total, rate := r.Total(); total.Received != 30 || rate.Received != 20 || rate.ReceivedBytes != 200 || rate.Dropped != 2 {
		t.Errorf("total %+v, rate %+v", total, rate)
	}
	if total, rate := r.Route("chat:"); total.Received != 30 || rate.Received != 20 {
		t.Errorf("of the route: total %+v, rate %+v", total, rate)
	}
	if total, rate := r.Route("gone:"); total != (Flow{}) || rate != (Flow{}) {
		t.Errorf("of no route: total %+v, rate %+v", total, rate)
	}
	var up []bool
	for _, s := range r.Seconds(2) {
		up = append(up, s.Up)
	}
	if fmt.Sprint(up) != "[false true]" {
		t.Errorf("up %v", up)
	}
}

// TestARouteThatIsNew, as after a reload, or counts anew, has no rate below 0.
func TestARouteThatIsNew(t *testing.T) {
	var r Recorder
	r.Record(Reading{At: start, Total: Flow{Received: 50}})
	r.Record(Reading{At: start.Add(time.Second), Total: Flow{Received: 7}, Routes: map[string]Flow{"new:": {Published: 3}}})
	if _, rate := r.Total(); rate.Received != 7 {
		t.Errorf("rate %v, want 7", rate.Received)
	}
	if _, rate := r.Route("new:"); rate.Published != 3 {
		t.Errorf("rate %v, want 3", rate.Published)
	}
}

func TestTenMinutesAreKept(t *testing.T) {
	var r Recorder
	for i := range MaxSeconds + 100 {
		r.Record(Reading{At: start.Add(time.Duration(i) * time.Second)})
	}
	all := r.Seconds(10 * MaxSeconds)
	if len(all) != MaxSeconds || all[len(all)-1].At != start.Unix()+MaxSeconds+99 {
		t.Errorf("%d seconds, the last %d", len(all), all[len(all)-1].At-start.Unix())
	}
}

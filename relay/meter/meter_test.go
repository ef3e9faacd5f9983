package meter

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

var start = time.Unix(1_700_000_000, 0)

// after is a moment of the tests.
func after(d time.Duration) time.Time { return start.Add(d) }

func TestLimit(t *testing.T) {
	m := New(Rate{Limit: 10, Burst: 3})
	for _, tt := range []struct {
		at      time.Duration
		channel string
		want    time.Duration
	}{
		{0, "a", 0},
		{0, "a", 0},
		{0, "a", 0},
		{0, "a", 100 * time.Millisecond},
		{0, "b", 0}, // each channel by itself
		{30 * time.Millisecond, "a", 70 * time.Millisecond}, // what is refused costs nothing
		{100 * time.Millisecond, "a", 0},
		{100 * time.Millisecond, "a", 100 * time.Millisecond},
		{time.Minute, "a", 0},
		{time.Minute, "a", 0},
		{time.Minute, "a", 0},
		{time.Minute, "a", 100 * time.Millisecond},
	} {
		wait, noise := m.Count([]byte(tt.channel), after(tt.at))
		if wait.Round(time.Millisecond) != tt.want || noise != 0 {
			t.Errorf("%s after %v: wait %v, noise %v, want %v, 0", tt.channel, tt.at, wait, noise, tt.want)
		}
	}
}

// TestLoosened: what keeps to a rate, and is then held up and let go at once, keeps
// to the loosened one.
func TestLoosened(t *testing.T) {
	r := Rate{Limit: 20, Burst: 5}
	out, in := New(r), New(r.Loosened(time.Second))
	var held int
	for at := time.Duration(0); at <= 10*time.Second; at += 7 * time.Millisecond {
		if wait, _ := out.Count([]byte("a"), after(at)); wait == 0 {
			held++
		}
		if at%(700*time.Millisecond) != 0 {
			continue
		}
		for ; held > 0; held-- {
			if wait, _ := in.Count([]byte("a"), after(at)); wait > 0 {
				t.Fatalf("after %v: refused with a wait of %v", at, wait)
			}
		}
	}
	if got := (Rate{Alert: 5}).Loosened(time.Hour); got != (Rate{Alert: 5}) {
		t.Errorf("without a limit: %+v", got)
	}
}

// noises counts messages at a steady pace, and returns when the channel was said to be noisy.
func noises(t *testing.T, m *Meter, from, until time.Duration, perSecond float64) (told []string) {
	t.Helper()
	for at := from; at < until; at += time.Duration(float64(time.Second) / perSecond) {
		if wait, noise := m.Count([]byte("a"), after(at)); wait != 0 {
			t.Fatalf("wait %v without a limit", wait)
		} else if noise > 0 {
			told = append(told, fmt.Sprintf("%v: %.1f", at.Round(time.Second/10), noise))
		}
	}
	return told
}

// isNoisy fails unless the meter says so of the channel.
func isNoisy(t *testing.T, m *Meter, at time.Duration, want bool, wantPeak float64) {
	t.Helper()
	if noisy, peak := m.Noisy([]byte("a"), after(at)); noisy != want || peak != wantPeak {
		t.Errorf("after %v: noisy %v, peak %v, want %v, %v", at, noisy, peak, want, wantPeak)
	}
}

// TestAlert has a channel that is quiet, noisy for minutes, and quiet again; and then a lone burst: it is told of with
// the first message that is too much, and once.
func TestAlert(t *testing.T) {
	m := New(Rate{Alert: 100})
	told := noises(t, m, 0, 10*time.Second, 50)
	isNoisy(t, m, 10*time.Second, false, 0)
	told = append(told, noises(t, m, 10*time.Second, 130*time.Second, 200)...)
	told = append(told, noises(t, m, 130*time.Second, 139*time.Second, 100)...)
	isNoisy(t, m, 139*time.Second, true, 200)
	isNoisy(t, m, 140*time.Second, false, 200)
	told = append(told, noises(t, m, 300*time.Second, 300*time.Second+10*time.Millisecond, 20_000)...)
	isNoisy(t, m, 301*time.Second, true, 200)
	told = append(told, noises(t, m, 305*time.Second, 306*time.Second, 150)...) // the same noise
	isNoisy(t, m, 316*time.Second, false, 200)
	if got, want := fmt.Sprint(told), "[10.5s: 101.0 5m0s: 101.0]"; got != want {
		t.Errorf("alerts %s, want %s", got, want)
	}
}

// TestSlowAlert: less than one message a second can be too much.
func TestSlowAlert(t *testing.T) {
	m := New(Rate{Alert: 0.5})
	if told := noises(t, m, 0, time.Minute, 0.5); told != nil {
		t.Errorf("at the limit: %s", told)
	}
	if got, want := fmt.Sprint(noises(t, m, time.Minute, 2*time.Minute, 1)), "[1m1s: 1.0]"; got != want {
		t.Errorf("alerts %s, want %s", got, want)
	}
	isNoisy(t, m, time.Hour, false, 1)
}

// TestMemory has ever new channels, and then more at once than are followed.
func TestMemory(t *testing.T) {
	m := New(Rate{Limit: 1000, Burst: 1000, Alert: 1e9})
	for i := range 200_000 { // 1,000 new ones a second
		m.Count(strconv.AppendInt(nil, int64(i), 10), after(time.Duration(i)*time.Millisecond))
		if n := m.Channels(); n > 8192 {
			t.Fatalf("%d channels are remembered", n)
		}
	}
	for i := range 3 * MaxChannels {
		m.Count(strconv.AppendInt(nil, int64(i), 10), after(time.Hour))
		if n := m.Channels(); n > MaxChannels {
			t.Fatalf("%d channels are remembered", n)
		}
	}
}

// TestBusyChannelsAreNotForgotten when others are: who is over its limit stays so.
func TestBusyChannelsAreNotForgotten(t *testing.T) {
	m := New(Rate{Limit: 0.1, Burst: 1})
	m.Count([]byte("busy"), after(0))
	for i := range MaxChannels / 2 {
		m.Count(strconv.AppendInt(nil, int64(i), 10), after(0))
	}
	if wait, _ := m.Count([]byte("busy"), after(time.Second)); wait.Round(time.Millisecond) != 9*time.Second {
		t.Errorf("wait %v, want 9s", wait)
	}
}

func TestTogether(t *testing.T) {
	m := New(Rate{Limit: 1, Burst: 100})
	taken := make(chan struct{}, 1000)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				if wait, _ := m.Count([]byte("a"), after(0)); wait == 0 {
					taken <- struct{}{}
				}
			}
		})
	}
	wg.Wait()
	if len(taken) != 100 {
		t.Errorf("%d were let through, want 100", len(taken))
	}
}

func BenchmarkCount(b *testing.B) {
	m := New(Rate{Limit: 1e9, Burst: 1e9, Alert: 1e9})
	name := []byte("chat:42")
	b.ReportAllocs()
	for b.Loop() {
		m.Count(name, time.Now())
	}
}

package upstreams

// A history that is read moves from one Redis to another, as docs/operations.md says: its publishers pause.

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// pausing are the steps for a route whose history is read. The keys are copied after the first.
var pausing = []string{
	"publish: false", "publish: false, also_subscribe: [eu]", "upstream: eu, also_subscribe: [main]", "upstream: eu",
}

// persist adds numbered entries until ctx ends, each again until it is taken, and returns how many. refused counts those
// that the relay does not take.
func persist(ctx context.Context, c *redistest.Client, name string, refused *atomic.Int64) (sent int, err error) {
	for ctx.Err() == nil {
		v, err := c.TryDo("XADD", "diary:1", "*", "payload", fmt.Sprint(name, sent))
		switch {
		case err != nil:
			return sent, err
		case v.Err() == nil:
			sent++
		case strings.HasPrefix(v.Str, "DENIED"):
			refused.Add(1)
		default:
			return sent, fmt.Errorf("%s %d: %w", name, sent, v.Err())
		}
		time.Sleep(500 * time.Microsecond) // a rate, not a wait
	}
	return sent, nil
}

// readOn reads a stream from its beginning, as a client does that goes on from its last ID after an error, until it has
// read the end. It returns the payloads.
func readOn(c *redistest.Client, end string) (payloads []string, err error) {
	for last := "0"; ; {
		v, err := c.TryDo("XREAD", "BLOCK", "0", "STREAMS", "diary:1", last)
		if err != nil {
			return payloads, err
		}
		if v.Err() != nil {
			continue // the route has moved
		}
		for _, entry := range v.Elems[0].Elems[1].Elems {
			last = entry.Elems[0].Str
			payload := entry.Elems[1].Elems[1].Str
			if payload == end {
				return payloads, nil
			}
			payloads = append(payloads, payload)
		}
	}
}

// hearOn returns the payloads that a listener hears before the end.
func hearOn(c *redistest.Client, end string) (payloads []string, err error) {
	for {
		v, err := c.TryReceive()
		if err != nil {
			return payloads, err
		}
		payload := v.Elems[2].Str
		if payload == end {
			return payloads, nil
		}
		payloads = append(payloads, payload)
	}
}

// inOrder tells what is wrong with payloads that should be each publisher's numbers from 0 on.
func inOrder(payloads []string, sent []int) error {
	next := make([]int, len(sent))
	for _, p := range payloads {
		i := int(p[0] - 'a')
		if want := fmt.Sprint(p[:1], next[i]); p != want {
			return fmt.Errorf("%s came instead of %s", p, want)
		}
		next[i]++
	}
	for i := range sent {
		if next[i] != sent[i] {
			return fmt.Errorf("%d of %d came of publisher %d", next[i], sent[i], i)
		}
	}
	return nil
}

func TestMovingAHistoryThatIsRead(t *testing.T) {
	t.Parallel()
	main, eu := redistest.Start(t), redistest.Start(t)
	var relays []*harness.Relay
	var files []*file
	at := func(step string) string { return "- {prefix: 'diary:', history: {length: 100000}, " + step + "}\n" }
	for i := range 2 {
		f := &file{filepath.Join(t.TempDir(), fmt.Sprint(i, ".yaml")), eu, "15s"}
		f.write(t, at("publish: true"), "")
		r := harness.Start(t, main, harness.WithFile(t, f.path))
		awaitReady(t, r, "eu", 1)
		relays, files = append(relays, r), append(files, f)
	}
	var taking, publishing errgroup.Group
	taken := map[string]*[]string{}
	take := func(what string, c *redistest.Client, how func(*redistest.Client, string) ([]string, error)) {
		list := new([]string)
		taken[what] = list
		taking.Go(func() (err error) {
			*list, err = how(c, "end")
			return err
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	sent, refused := make([]int, len(relays)), make([]atomic.Int64, len(relays))
	for i, r := range relays {
		take(fmt.Sprint("the reader at relay ", i), r.Dial(), readOn)
		take(fmt.Sprint("the listener at relay ", i), r.Subscribe("diary:1"), hearOn)
	}
	for i, r := range relays {
		c := r.Dial()
		publishing.Go(func() (err error) {
			sent[i], err = persist(ctx, c, string(rune('a'+i)), &refused[i])
			return err
		})
	}
	for n, step := range pausing {
		for i, r := range relays {
			time.Sleep(50 * time.Millisecond) // of load at each stage
			files[i].write(t, at(step), "")
			if err := r.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		if n == 0 {
			for i := range refused { // publishers do pause: all that they have sent is in main
				redistest.Eventually(t, redistest.DefaultTimeout, "refused", func() bool { return refused[i].Load() > 0 })
			}
			copyHistory(t, main, eu, "history:{diary:1}")
		}
		for _, r := range relays {
			redistest.Eventually(t, redistest.DefaultTimeout, "all subscriptions stand", func() bool {
				return r.Metric(`upstream_ready{upstream="eu"}`) == 1 && r.Metric(`upstream_ready{upstream="main"}`) == 1
			})
		}
	}
	time.Sleep(50 * time.Millisecond) // of load
	stop()
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	if v := relays[0].Dial().Do("XADD", "diary:1", "*", "payload", "end"); v.Err() != nil {
		t.Fatal(v)
	}
	if err := taking.Wait(); err != nil {
		t.Fatal(err)
	}
	for what, payloads := range taken {
		if err := inOrder(*payloads, sent); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, want := eu.MustDo("XLEN", "history:{diary:1}").Int, int64(sent[0]+sent[1]+1); got != want {
		t.Errorf("the history has %d entries, want %d", got, want)
	}
	for _, r := range relays {
		if n := r.Logs.FilterMessage("channels have moved to another upstream").Len(); n > 0 {
			t.Errorf("%d gaps are told of", n)
		}
	}
	t.Log("sent", sent)
}

// copyHistory copies a key from one Redis to another, with its IDs.
func copyHistory(t *testing.T, from, to *redistest.Server, key string) {
	t.Helper()
	host, port, err := net.SplitHostPort(to.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if v := from.MustDo("MIGRATE", host, port, key, "0", "5000", "COPY"); v.Str != "OK" {
		t.Fatalf("MIGRATE: %s", v)
	}
}

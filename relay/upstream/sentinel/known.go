package sentinel

// What the sentinels have said, and which master follows from it.

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Answer is what one sentinel says.
type Answer struct {
	Master string // host:port
	Epoch  int64  // of the configuration; 0: it does not tell
	Others int    // how many sentinels it knows beside itself
}

// voice is one sentinel.
type voice struct {
	Answer
	live  bool                 // it answered when it was asked last
	times map[string]time.Time // when it named each master last
}

// Known is what the sentinels of one upstream have said, shared by all connections to it. The zero value knows nothing;
// nil does, too, and can be asked. All methods may be called from anywhere.
type Known struct {
	mu      sync.Mutex        // Guards what follows.
	voices  map[string]*voice // by the sentinel's address
	master  string            // empty: not known
	changed chan struct{}     // closed when master changes; nil: nobody waits
	watched bool              // Watch keeps the voices up to date
}

// maxMasters bounds what is remembered of a sentinel.
const maxMasters = 16

// Hear takes the answer of the sentinel at an address, which was asked at a time.
func (k *Known) Hear(sentinel string, a Answer, asked time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.voiceLocked(sentinel)
	v.Answer, v.live = a, true
	if _, known := v.times[a.Master]; !known && len(v.times) >= maxMasters {
		clear(v.times)
	}
	v.times[a.Master] = asked
	k.decideLocked()
}

// Miss says that a sentinel does not answer.
func (k *Known) Miss(sentinel string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.voiceLocked(sentinel).live = false
	k.decideLocked()
}

func (k *Known) voiceLocked(sentinel string) *voice {
	v := k.voices[sentinel]
	if v == nil {
		if k.voices == nil {
			k.voices = map[string]*voice{}
		}
		v = &voice{times: map[string]time.Time{}}
		k.voices[sentinel] = v
	}
	return v
}

// decideLocked finds the master.
func (k *Known) decideLocked() {
	var epoch int64 = -1
	votes := map[string]int{}
	for _, v := range k.voices {
		if !v.live {
			continue
		}
		if v.Epoch > epoch {
			epoch = v.Epoch
			clear(votes)
		}
		if v.Epoch == epoch {
			votes[v.Master]++
		}
	}
	master := k.master
	for _, addr := range slices.Sorted(maps.Keys(votes)) {
		if votes[addr] > votes[master] {
			master = addr
		}
	}
	if master == k.master {
		return
	}
	k.master = master
	if k.changed != nil {
		close(k.changed)
		k.changed = nil
	}
}

// Master returns the address of the master, empty if it is not known, and a channel that is closed when another one is
// named.
func (k *Known) Master() (addr string, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changed == nil {
		k.changed = make(chan struct{})
	}
	return k.master, k.changed
}

// AwaitOther waits until another master than the one at an address is named. It reports false if done is closed before.
func (k *Known) AwaitOther(addr string, done <-chan struct{}) bool {
	for {
		master, changed := k.Master()
		if master != "" && master != addr {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// Named returns when the master at an address was last named by as many sentinels as a failover needs; of those that
// are asked, if they are fewer. It is zero if that was never so.
func (k *Known) Named(addr string) time.Time {
	if k == nil {
		return time.Time{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var times []time.Time
	others := 0
	for _, v := range k.voices {
		others = max(others, v.Others)
		if at, ok := v.times[addr]; ok {
			times = append(times, at)
		}
	}
	need := min((others+1)/2+1, len(k.voices))
	if len(times) < need || need == 0 {
		return time.Time{}
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	return times[need-1]
}

// isLive reports whether Watch has heard a sentinel that still answers.
func (k *Known) isLive() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.watched {
		return false
	}
	for _, v := range k.voices {
		if v.live {
			return true
		}
	}
	return false
}

func (k *Known) setWatched(is bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watched = is
}

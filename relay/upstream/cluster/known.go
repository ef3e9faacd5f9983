package cluster

// What is remembered of a cluster between connections.

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Known is what the connections of one upstream remember of its cluster. The zero value knows nothing. All methods may
// be called from anywhere.
type Known struct {
	mu     sync.Mutex
	view   View                 // the last one; guarded by mu
	follow func(View)           // see Follow; guarded by mu
	failed map[string]time.Time // when an address was last of no use; guarded by mu
}

// Learn remembers a view.
func (k *Known) Learn(v View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view = v
	if k.follow != nil {
		k.follow(v)
	}
}

// Follow has f called with each view that is learned, and at once with the last one, if there is one. Calls follow each
// other, and come from anywhere: f must not block, nor use k, nor change the view. A nil f ends that.
func (k *Known) Follow(f func(View)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.follow = f; f != nil && k.view != nil {
		f(k.view)
	}
}

// Failed remembers that an address was of no use just now.
func (k *Known) Failed(addr string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil || len(k.failed) > maxFailed {
		k.failed = map[string]time.Time{}
	}
	k.failed[addr] = time.Now()
}

// maxFailed bounds the memory of addresses: nodes may get another one at each start.
const maxFailed = 1000

// Addresses lists where to ask for the nodes, each once: first at the nodes known so far, then at the seeds. Those that
// were of no use lately are behind the others of their kind.
func (k *Known) Addresses(seeds []string) (list []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.view {
		list = append(list, n.Addr)
	}
	k.sortLocked(list)
	seeds = slices.Clone(seeds)
	k.sortLocked(seeds)
	for _, addr := range seeds {
		if !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

// Choose picks a master to connect to: any of those that are up, so that relays spread, but one that was of no use
// only after those that were not, or longer ago. Without a master it reports false.
func (k *Known) Choose(v View) (n Node, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := v.addresses(func(n Node) bool { return n.Master && n.Slots && !n.Doubt })
	if len(list) == 0 {
		list = v.addresses(func(n Node) bool { return n.Master })
	}
	if len(list) == 0 {
		return Node{}, false
	}
	k.sortLocked(list)
	return v.At(list[0])
}

// sortLocked orders addresses by when they failed last, those that never did first, and else by chance.
func (k *Known) sortLocked(list []string) {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b string) int { return k.failed[a].Compare(k.failed[b]) })
}

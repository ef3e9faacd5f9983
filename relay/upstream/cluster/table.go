package cluster

// Which node owns which slot.

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Table is what is known of the owners of slots. When nodes differ about one, it believes the one with the higher
// configuration epoch, as the nodes themselves do: so views may be old, and may be learned in any order. The zero value
// knows nothing. It belongs to one goroutine.
type Table struct {
	owners [Slots]owner
	view   View // the last one
}

// owner is the node that owns a slot.
type owner struct {
	addr  string // empty: it is not known
	epoch int64
}

// Owner returns the address of the master that owns a slot; empty: it is not known.
func (t *Table) Owner(slot int) string { return t.owners[slot].addr }

// Serves reports whether the node at an address is up and has slots, by the last view.
func (t *Table) Serves(addr string) bool {
	n, ok := t.view.At(addr)
	return ok && n.Master && n.Slots && !n.Failed
}

// Learn takes a view, and reports whether any slot has another owner than before.
func (t *Table) Learn(v View) (changed bool) {
	if slices.Equal(v, t.view) {
		return false
	}
	t.view = v
	gone := map[string]bool{"": true}
	for _, n := range v {
		if !n.Master {
			continue
		}
		for slot := range n.ownSlots() {
			changed = t.claim(slot, n, gone) || changed
		}
	}
	return changed
}

// claim has a node own a slot, unless another one does that has a higher epoch and is in the view. gone has the
// addresses that were looked for in the view, and whether they are not there.
func (t *Table) claim(slot int, n Node, gone map[string]bool) (changed bool) {
	is := &t.owners[slot]
	if is.addr == n.Addr {
		is.epoch = n.Epoch
		return false
	}
	away, known := gone[is.addr]
	if !known {
		_, found := t.view.At(is.addr)
		away = !found
		gone[is.addr] = away
	}
	if !away && n.Epoch <= is.epoch {
		return false
	}
	*is = owner{n.Addr, n.Epoch}
	return true
}

// Moved takes the word of a node that another one owns a slot. It reports whether that is news.
func (t *Table) Moved(slot int, addr string) (changed bool) {
	is := &t.owners[slot]
	changed = is.addr != addr
	is.addr = addr // the epoch is that of the old owner, or higher: older views do not count
	return changed
}

// ownSlots yields the slots that a node serves.
func (n *Node) ownSlots() iter.Seq[int] {
	return func(yield func(int) bool) {
		for part := range strings.FieldsSeq(n.Ranges) {
			from, to, isRange := strings.Cut(part, "-")
			first, err := strconv.Atoi(from)
			last := first
			if isRange {
				last, _ = strconv.Atoi(to)
			}
			if err != nil {
				continue // [slot->-node]: it is about to move
			}
			for slot := max(0, first); slot <= min(last, Slots-1); slot++ {
				if !yield(slot) {
					return
				}
			}
		}
	}
}

package fleet

// One question, and the answers to it.

import (
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	maxNames = 512     // of a question: Redis serves nobody else while it counts
	maxBytes = 8 << 10 // of its names, unless a single one is longer
)

// question asks for the counts of names at one moment, for all callers of Count.
type question struct {
	number uint64
	names  []resp.Name
	index  map[resp.Name]int // places in names
	counts []*count          // that wait for it
	size   int               // bytes of names
	cost   int               // bytes of memory for them, about

	keyed    bool    // the script has a key
	sent     bool    // Redis got it when it was asked: shares has this relay's
	counted  []int64 // the count of Redis for each name; nil: it has not answered yet
	relays   int     // that are to answer
	answered int     // how many have answered
	shares   []int64 // of each name: those of all relays that answered, and of this one
	timer    *loop.Timer
	over     bool
	err      error
}

// place is where the count of a name will be.
type place struct {
	question *question
	index    int
}

// count is what one caller of Count waits for.
type count struct {
	places []place
	left   int // questions that are not over
	done   func(counts []int64, err error)
}

func newQuestion() *question { return &question{index: map[resp.Name]int{}} }

func (q *question) full() bool { return len(q.names) >= maxNames || q.size >= maxBytes }

// add returns the place of a name.
func (q *question) add(n resp.Name) int {
	i, has := q.index[n]
	if !has {
		i = len(q.names)
		q.index[n] = i
		q.names = append(q.names, n)
		q.shares = append(q.shares, 0)
		q.size += len(n.Text)
		q.cost += costOf(len(n.Text))
	}
	return i
}

// costOf is about how many bytes of memory a name takes.
func costOf(name int) int { return name + 100 }

// addWaiter has the question tell c when it is over.
func (q *question) addWaiter(c *count) {
	if n := len(q.counts); n == 0 || q.counts[n-1] != c {
		q.counts = append(q.counts, c)
		c.left++
	}
}

// addAnswer adds the shares of one relay; nil: they are there already.
func (q *question) addAnswer(shares []int64) {
	for i, n := range shares {
		q.shares[i] += n
	}
	q.answered++
}

// addShare adds this relay's shares.
func (q *question) addShare(share Share) {
	for i, n := range q.names {
		q.shares[i] += share(n.Kind, []byte(n.Text))
	}
}

// reset forgets all answers.
func (q *question) reset() {
	clear(q.shares)
	q.answered = 0
}

// complete tells whether Redis and all relays have answered.
func (q *question) complete() bool { return q.counted != nil && q.answered >= q.relays }

// finished notes that a question is over, and calls done after the last one.
func (c *count) finished() {
	if c.left--; c.left > 0 {
		return
	}
	counts := make([]int64, len(c.places))
	for i, p := range c.places {
		if p.question.err != nil {
			c.done(nil, p.question.err)
			return
		}
		counts[i] = max(0, p.question.counted[p.index]+p.question.shares[p.index])
	}
	c.done(counts, nil)
}
